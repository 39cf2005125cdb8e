/* SPDX-License-Identifier: Apache-2.0
 * fuzz_normalizer.c: any sequence of normaliser steps, with a hostile charsmap, over hostile text: what comes of a text does not depend on the slices that it comes in,
 * is UTF-8, and every byte has an origin within the text. Input: the number of steps, the size of a slice, how many bytes the charsmap has (in eights), the steps (a byte each), the
 * charsmap (units, then replacements), the text. Seeds: tests/fuzz/normalizer. */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "text/normalizer.h"

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            __builtin_trap();                                                                                          \
    } while (0)

#define HEAD 3
#define MAX_STEPS 4
/* A few steps that each lengthen the text would make much of little. */
#define MAX_TEXT 2048

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const wick_step_texts choices[] = {
    {.pattern = " ", .content = "\xe2\x96\x81", .n_pattern = 1, .n_content = 3, .min_run = 2},
    {.pattern = "aab", .content = "", .n_pattern = 3, .n_content = 0, .min_run = 1},
    {.pattern = "\xcc\x81", .content = "a\xcc\x81", .n_pattern = 2, .n_content = 3, .min_run = 3},
    {.pattern = "", .content = " ", .n_pattern = 0, .n_content = 1, .min_run = 1},
};
#define N_CHOICES (sizeof choices / sizeof *choices)

/* What the bytes say; false: nothing that a file could hold. */
static bool make(const uint8_t *steps, size_t n_steps, const uint32_t *units, size_t n_units, const char *texts,
                 size_t n_texts, wick_normalizer *out)
{
    memset(out, 0, sizeof *out);
    out->charsmap = (wick_charsmap){.units = units, .n_units = n_units, .texts = texts, .n_texts = n_texts};
    const bool has_map = wick_charsmap_prepare(&out->charsmap);
    for (size_t i = 0; i < n_steps; i++) {
        const wick_normalizer_step step = (wick_normalizer_step)(steps[i] % (WICK_STEP_LAST + 1));
        out->texts[i] = choices[steps[i] / (WICK_STEP_LAST + 1) % N_CHOICES];
        if (step == WICK_STEP_REPLACE && out->texts[i].n_pattern == 0)
            out->texts[i].n_pattern = 1; /* a NUL */
        if (step == WICK_STEP_REPLACE_RUN && out->texts[i].n_pattern > 2)
            out->texts[i].n_pattern = 1; /* a run is made of one character */
        if (step == WICK_STEP_CHARSMAP && !has_map)
            return false;
        out->steps[out->n_steps++] = step;
    }
    return wick_normalizer_is_bounded(out);
}

static void run(const wick_normalizer *normalizer, const char *text, size_t n, size_t slice, wick_encoding_state *state)
{
    wick_source source = {.at = text, .end = text + n};
    state->text.n_bytes = 0;
    wick_normalizer_begin(normalizer, state);
    while (source.at < source.end)
        wick_normalizer_run(normalizer, &source, slice, state);
    CHECK(!state->out_of_memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static wick_encoding *encodings[2];
    wick_normalizer normalizer;
    uint32_t units[256];
    char texts[256];
    if (!encodings[0])
        for (size_t i = 0; i < 2; i++)
            encodings[i] = wick_encoding_new();
    if (n < HEAD || !encodings[0] || !encodings[1])
        return 0;
    const size_t n_steps = data[0] % (MAX_STEPS + 1), slice = 1 + data[1];
    const size_t n_units = 1 + data[2] % 128, n_texts = data[2] / 2;
    const size_t n_before = HEAD + n_steps + n_units * sizeof *units + n_texts;
    if (n < n_before || n - n_before > MAX_TEXT || !wick_utf8_valid((const char *)data + n_before, n - n_before, NULL))
        return 0;
    memcpy(units, data + HEAD + n_steps, n_units * sizeof *units);
    memcpy(texts, data + HEAD + n_steps + n_units * sizeof *units, n_texts);
    texts[n_texts] = '\0';
    if (!make(data + HEAD, n_steps, units, n_units, texts, n_texts + 1, &normalizer))
        return 0;
    const size_t n_text = n - n_before;
    char *text = malloc(n_text ? n_text : 1); /* of exactly its size */
    CHECK(text);
    memcpy(text, data + n_before, n_text);
    wick_encoding_state *whole = (wick_encoding_state *)(void *)encodings[0];
    wick_encoding_state *parts = (wick_encoding_state *)(void *)encodings[1];
    run(&normalizer, text, n_text, SIZE_MAX, whole);
    run(&normalizer, text, n_text, slice, parts);
    CHECK(whole->text.n_bytes == parts->text.n_bytes);
    CHECK(whole->text.n_bytes == 0 || memcmp(whole->text.bytes, parts->text.bytes, whole->text.n_bytes) == 0);
    CHECK(wick_utf8_valid(whole->text.bytes, whole->text.n_bytes, NULL));
    size_t n_chars = 0;
    for (size_t i = 0; i < n_text; i++)
        n_chars += ((uint8_t)text[i] & 0xC0) != 0x80;
    for (size_t i = 0; i < whole->text.n_bytes; i++)
        CHECK(whole->text.origins[i] == parts->text.origins[i] && whole->text.origins[i] < n_chars);
    free(text);
    return 0;
}
