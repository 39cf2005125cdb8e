/* SPDX-License-Identifier: Apache-2.0
 * normalizer_bert.c: running a normaliser of BERT's steps over a text. Every character goes through the steps one after another; only NFD
 * holds characters back (a run of combining marks, until the next starter). ASCII, and characters that no step touches, take short cuts.
 *
 * Origins follow the tokenizers package: its transformations assign them by position. Where NFD reorders marks, the n-th mark that is
 * not an addition gets the origin of the n-th character read, whichever mark that was; an addition shares the origin before it. */
#include "text/normalizer_bert.h"

#include <string.h>

#include "base/utf8.h"
#include "text/ascii.h"
#include "text/mark_run.h"
#include "text/unicode.h"

static void append(wick_encoding_state *state, uint32_t c, uint32_t origin)
{
    wick_normalized *text = &state->text;
    if (text->capacity - text->n_bytes < 4 && !wick_normalized_reserve(state, text->n_bytes + 4))
        return;
    unsigned n = wick_utf8_encode(c, text->bytes + text->n_bytes);
    for (unsigned i = 0; i < n; i++)
        text->origins[text->n_bytes + i] = origin;
    text->n_bytes += n;
}

static void push(const wick_normalizer *nz, wick_encoding_state *state, uint32_t c, uint32_t origin, size_t step);

/* Gives the waiting marks in canonical order to the steps from `step` on. */
static void flush_marks(const wick_normalizer *nz, wick_encoding_state *state, size_t step)
{
    wick_mark_run *run = &state->run;
    size_t next = 0;
    wick_mark_run_sort(run);
    for (size_t i = 0; i < run->n_marks; i++) {
        if (!(run->marks[i] & WICK_MARK_ADDED))
            run->last_origin = run->origins[next++];
        push(nz, state, WICK_MARK_CODE_POINT(run->marks[i]), run->last_origin, step);
    }
    run->n_marks = run->n_origins = 0;
}

/* NFD of one character; `step` is the one after NFD. */
static void push_decomposed(const wick_normalizer *nz, wick_encoding_state *state, uint32_t c, uint32_t flags,
                            uint32_t origin, size_t step)
{
    wick_mark_run *run = &state->run;
    uint32_t jamo[WICK_HANGUL_MAX_PARTS];
    const uint32_t *parts = &c;
    unsigned n = 1;
    if (flags & WICK_CHAR_DECOMPOSES) {
        parts = wick_unicode_decomposition(c, &n);
    } else if (flags & WICK_CHAR_HANGUL) {
        n = wick_unicode_hangul(c, jamo);
        parts = jamo;
    }
    for (unsigned i = 0; i < n; i++) {
        unsigned class = wick_unicode_of(parts[i])->combining_class;
        if (class == 0) {
            if (run->n_marks > 0)
                flush_marks(nz, state, step);
            if (i == 0)
                run->last_origin = origin;
            push(nz, state, parts[i], run->last_origin, step);
        } else if (wick_mark_run_reserve(state)) {
            run->marks[run->n_marks++] = parts[i] | class << WICK_MARK_CLASS_SHIFT | (i > 0 ? WICK_MARK_ADDED : 0);
            if (i == 0)
                run->origins[run->n_origins++] = origin;
        }
    }
}

/* Takes one character through the steps from `step` on. */
static void push(const wick_normalizer *nz, wick_encoding_state *state, uint32_t c, uint32_t origin, size_t step)
{
    for (; step < nz->n_steps; step++) {
        const wick_unicode_record *record = wick_unicode_of(c);
        switch (nz->steps[step]) {
        case WICK_STEP_CLEAN:
            if (record->flags & WICK_CHAR_DROP)
                return;
            if (record->flags & WICK_CHAR_SPACE)
                c = ' ';
            break;
        case WICK_STEP_CHINESE:
            if (record->flags & WICK_CHAR_CHINESE) {
                push(nz, state, ' ', origin, step + 1);
                push(nz, state, c, origin, step + 1);
                push(nz, state, ' ', origin, step + 1);
                return;
            }
            break;
        case WICK_STEP_NFD:
            push_decomposed(nz, state, c, record->flags, origin, step + 1);
            return;
        case WICK_STEP_ACCENTS:
            if (record->flags & WICK_CHAR_ACCENT)
                return;
            break;
        case WICK_STEP_MARKS:
            if (record->flags & WICK_CHAR_MARK)
                return;
            break;
        case WICK_STEP_LOWER:
            if (c == WICK_DOTTED_CAPITAL_I) {
                push(nz, state, 'i', origin, step + 1);
                c = WICK_COMBINING_DOT_ABOVE;
            } else {
                c = (uint32_t)((int32_t)c + record->lower_delta);
            }
            break;
        default: /* no other step is here (is_bert) */
            break;
        }
    }
    append(state, c, origin);
}

/* Where NFD stands among the steps, one past it; 0 where there is none. */
static size_t step_after_nfd(const wick_normalizer *nz)
{
    for (size_t i = 0; i < nz->n_steps; i++)
        if (nz->steps[i] == WICK_STEP_NFD)
            return i + 1;
    return 0;
}

/* Writes what sixteen printable ASCII characters become, with their origins. */
static void write_plain(const wick_normalizer *nz, wick_bytes16 v, uint32_t origin, char *bytes, uint32_t *origins)
{
    v += wick_ascii_within(v, 'A', 'Z') & nz->ascii_case;
    memcpy(bytes, &v, sizeof v);
    wick_words4 four = (wick_words4){0, 1, 2, 3} + origin;
    for (unsigned i = 0; i < WICK_ASCII_STEP; i += 4, four += 4)
        memcpy(origins + i, &four, sizeof four);
}

/* Copies ASCII characters from the source as far as they go, at most to a little past `stop`. */
static void run_ascii(const wick_normalizer *nz, wick_source *source, const char *stop, wick_encoding_state *state)
{
    wick_normalized *text = &state->text;
    if (!wick_normalized_reserve(state, text->n_bytes + (size_t)(stop - source->at) + WICK_ASCII_STEP)) {
        source->at = stop;
        return;
    }
    const char *at = source->at;
    size_t n = text->n_bytes;
    uint32_t origin = source->n_chars;
    while (at < stop) {
        while (nz->ascii_is_plain && at < stop && source->end - at >= WICK_ASCII_STEP) {
            wick_bytes16 v = wick_ascii_load(at);
            unsigned n_plain = wick_ascii_leading(wick_ascii_within(v, WICK_ASCII_FIRST_PLAIN, WICK_ASCII_LAST_PLAIN));
            write_plain(nz, v, origin, text->bytes + n, text->origins + n);
            at += n_plain;
            n += n_plain;
            origin += n_plain;
            if (n_plain < WICK_ASCII_STEP)
                break;
        }
        uint8_t c = at < stop ? (uint8_t)*at : 0x80;
        if (c >= 0x80)
            break;
        text->bytes[n] = (char)nz->ascii_to[c];
        text->origins[n] = origin++;
        n += nz->ascii_n[c];
        at++;
    }
    text->n_bytes = n;
    source->at = at;
    source->n_chars = origin;
}

void wick_normalizer_run_bert(const wick_normalizer *nz, wick_source *source, size_t n_bytes,
                              wick_encoding_state *state)
{
    size_t after_nfd = step_after_nfd(nz);
    size_t n_left = (size_t)(source->end - source->at);
    const char *stop = source->at + (n_bytes < n_left ? n_bytes : n_left);
    while (source->at < stop && !state->out_of_memory) {
        if ((uint8_t)*source->at < 0x80) {
            if (state->run.n_marks > 0 && nz->ascii_n[(uint8_t)*source->at] == 0) {
                source->at++; /* a dropped character does not end a run of marks */
                source->n_chars++;
                continue;
            }
            if (state->run.n_marks > 0)
                flush_marks(nz, state, after_nfd);
            run_ascii(nz, source, stop, state);
            continue;
        }
        uint32_t c;
        source->at += wick_utf8_decode(source->at, &c);
        uint32_t origin = source->n_chars++;
        if (wick_unicode_of(c)->flags & nz->touched) {
            push(nz, state, c, origin, 0);
            continue;
        }
        if (state->run.n_marks > 0)
            flush_marks(nz, state, after_nfd);
        append(state, c, origin);
    }
    if (source->at == source->end && state->run.n_marks > 0)
        flush_marks(nz, state, after_nfd);
    if (wick_normalized_reserve(state, state->text.n_bytes + WICK_NORMALIZED_PAD))
        memset(state->text.bytes + state->text.n_bytes, 0, WICK_NORMALIZED_PAD);
}
