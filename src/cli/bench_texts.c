/* SPDX-License-Identifier: Apache-2.0
 * bench_texts.c: the texts that `wick bench` measures with: package-like one-liners and paragraphs put together from phrases written for this
 * program, or a file of the user's. No two made texts are alike, since the engine may compute equal texts of a call once. Called by bench.c and
 * bench_measure.c. */
#include "base/error.h"
#include "cli/bench.h"
#include "cli/input.h"
#include <stdlib.h>
#include <string.h>

#define N_SHORT 256
#define N_PARAGRAPHS 64
/* Of the user's file; more would not make the figures better. */
#define MAX_TEXTS 10000
#define MAX_TEXT_BYTES ((size_t)16 << 20)

#define COUNT(array) (sizeof(array) / sizeof *(array))

const char wick_bench_single[] = "How do I install a package on Debian?";

static const char *const kinds[] = {
    "small library",     "command line tool", "background service", "graphical editor",
    "browser plug-in",   "fast web server",   "puzzle game",        "document viewer",
    "portable compiler", "file converter",    "network monitor",    "backup program",
    "mail client",       "desktop panel",     "code generator",     "terminal emulator"};
static const char *const tasks[] = {
    "reading bitmap images",       "encrypting old archives",   "measuring the latency of disks",
    "drawing railway maps",        "sorting large text files",  "tagging music collections",
    "parsing configuration files", "simulating tidal currents", "comparing directory trees",
    "watching log files",          "planning bicycle routes",   "solving linear equations",
    "recording radio broadcasts",  "checking hyperlinks",       "counting votes",
    "controlling stepper motors"};
static const char *const sentences[] = {
    "It reads and writes several formats, among them some that were abandoned decades ago.",
    "Several threads share the work, so that all cores of the machine are kept busy.",
    "The settings live in one plain file, and every option can also be given on the command line.",
    "Results are shown as a table, a chart or machine-readable lines, whichever suits the reader.",
    "It needs little memory, even when the input is much larger than that.",
    "Unlike older programs of its kind, it keeps the original files untouched and can undo every step.",
    "The manual describes two dozen worked examples.",
    "Errors are reported with the line, the column and a hint at the mend.",
    "Where a graphics card is present it is used; otherwise everything runs on the processor.",
    "Communication is encrypted by default, and keys are kept in the desktop's own wallet.",
    "It is used daily by observatories, libraries and one lighthouse.",
};

static int append_text(wick_text_batch *batch, const char *text, wick_error *error)
{
    return wick_text_batch_append(batch, text, strlen(text), error);
}

/* "small library for reading bitmap images", a different one for each i < 256. */
static int append_short(wick_text_batch *batch, size_t i, wick_error *error)
{
    char text[128];
    snprintf(text, sizeof text, "%s for %s", kinds[i % COUNT(kinds)], tasks[(i / COUNT(kinds) + i) % COUNT(tasks)]);
    return append_text(batch, text, error);
}

/* A one-liner and 2 to 8 sentences, about 30 to 150 tokens. */
static int append_paragraph(wick_text_batch *batch, size_t i, wick_error *error)
{
    int status = append_text(batch, "This package contains a ", error);
    if (!status)
        status = append_short(batch, i, error);
    if (!status)
        status = append_text(batch, ".", error);
    for (size_t j = 0; j < 2 + i % 7 && !status; j++) {
        status = append_text(batch, " ", error);
        if (!status)
            status = append_text(batch, sentences[(3 * i + j) % COUNT(sentences)], error);
    }
    return status;
}

static int make_corpus(wick_bench_corpus *corpus, size_t n_texts,
                       int (*append)(wick_text_batch *batch, size_t i, wick_error *error), wick_error *error)
{
    int status = 0;
    for (size_t i = 0; i < n_texts && !status; i++) {
        status = append(&corpus->texts, i, error);
        if (!status)
            status = wick_text_batch_end_text(&corpus->texts, i + 1, error);
    }
    if (!status)
        wick_text_batch_seal(&corpus->texts);
    return status;
}

int wick_bench_make_corpora(wick_bench_plan *plan, wick_error *error)
{
    plan->n_corpora = 2;
    plan->corpora[0].name = "one-liners";
    plan->corpora[1].name = "paragraphs";
    int status = make_corpus(&plan->corpora[0], N_SHORT, append_short, error);
    return status ? status : make_corpus(&plan->corpora[1], N_PARAGRAPHS, append_paragraph, error);
}

/* Appends all texts of from. */
static int append_batch(wick_text_batch *batch, const wick_text_batch *from, wick_error *error)
{
    int status = 0;
    for (size_t i = 0; i < from->n_texts && !status; i++) {
        status = wick_text_batch_append(batch, from->texts[i], from->text_bytes[i], error);
        if (!status)
            status = wick_text_batch_end_text(batch, from->lines[i], error);
    }
    return status;
}

int wick_bench_read_corpus(wick_bench_plan *plan, const char *path, wick_error *error)
{
    const wick_input_options options = {.path = path};
    wick_text_batch piece = {0}, *all = &plan->corpora[0].texts;
    wick_input *input = NULL;
    plan->n_corpora = 1;
    plan->corpora[0].name = "input";
    int status = wick_input_open(NULL, &options, NULL, 0, &input, error);
    while (!status && all->n_texts < MAX_TEXTS && all->n_bytes < MAX_TEXT_BYTES) {
        status = wick_input_next(input, &piece, MAX_TEXTS - all->n_texts, error);
        if (status || piece.n_texts == 0)
            break;
        status = append_batch(all, &piece, error);
    }
    if (!status)
        wick_text_batch_seal(all);
    if (!status && all->n_texts == 0)
        status = wick_fail(error, WICK_E_INVALID_INPUT, path, "a text a line", "no texts to measure with");
    wick_text_batch_free(&piece);
    wick_input_close(input);
    return status;
}

void wick_bench_free_corpora(wick_bench_plan *plan)
{
    for (size_t i = 0; i < plan->n_corpora; i++)
        wick_text_batch_free(&plan->corpora[i].texts);
}

int wick_bench_make_words(wick_text_batch *batch, size_t n_words, wick_error *error)
{
    size_t i = 0, j = 0;
    int status = 0;
    wick_text_batch_empty(batch);
    for (size_t n = 0; n < n_words && !status; n++) {
        const char *word = sentences[i] + j;
        size_t bytes = strcspn(word, " ");
        status = n ? wick_text_batch_append(batch, " ", 1, error) : 0;
        if (!status)
            status = wick_text_batch_append(batch, word, bytes, error);
        j += bytes + (word[bytes] == ' ');
        if (!sentences[i][j]) {
            i = (i + 1) % COUNT(sentences);
            j = 0;
        }
    }
    if (!status)
        status = wick_text_batch_end_text(batch, 1, error);
    if (!status)
        wick_text_batch_seal(batch);
    return status;
}
