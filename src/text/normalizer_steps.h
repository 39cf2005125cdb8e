/* SPDX-License-Identifier: Apache-2.0
 * normalizer_steps.h: the steps of a normaliser, each over a slice of text. In: the text that has come and was not yet taken, with the origin of every byte;
 * whether it is the end. Out: what it becomes, appended to `out`. Each returns how many bytes it has taken; the rest depends on what follows and comes
 * again with more behind it (normalizer.c). Out of memory is remembered in state.
 *
 * Origins follow the tokenizers package: its transformations assign them by position. Every character of the output either takes the place of
 * the next of the input, and perhaps of some more behind it, or is an addition and shares the origin before it. */
#ifndef WICK_TEXT_NORMALIZER_STEPS_H
#define WICK_TEXT_NORMALIZER_STEPS_H
#include <string.h>

#include "base/utf8.h"
#include "text/normalizer.h"

/* CLEAN, CHINESE, ACCENTS, LOWER, MARKS, NMT and BYTES: every character by itself. */
size_t wick_step_characters(wick_normalizer_step step, const wick_normalized *in, wick_encoding_state *state,
                            wick_normalized *out);
/* NFC, NFD, NFKC, NFKD. */
size_t wick_step_forms(wick_normalizer_step step, const wick_normalized *in, bool is_end, wick_encoding_state *state,
                       wick_normalized *out);
/* *begun: false at the beginning of a text; the steps see to it. */
size_t wick_step_strip_left(const wick_normalized *in, bool *begun, wick_encoding_state *state, wick_normalized *out);
size_t wick_step_strip_right(const wick_normalized *in, bool is_end, wick_encoding_state *state, wick_normalized *out);
size_t wick_step_prepend(const wick_step_texts *texts, const wick_normalized *in, bool *begun,
                         wick_encoding_state *state, wick_normalized *out);
size_t wick_step_replace(const wick_step_texts *texts, const wick_normalized *in, bool is_end,
                         wick_encoding_state *state, wick_normalized *out);
size_t wick_step_replace_run(const wick_step_texts *texts, const wick_normalized *in, bool is_end,
                             wick_encoding_state *state, wick_normalized *out);
size_t wick_step_charsmap(const wick_charsmap *map, const wick_normalized *in, bool is_end, wick_late_origins *late,
                          wick_encoding_state *state, wick_normalized *out);

/* Appends n bytes that all have one origin. */
static inline void wick_step_put_text(wick_encoding_state *state, wick_normalized *out, const char *text, size_t n,
                                      uint32_t origin)
{
    if (n == 0 || (out->capacity - out->n_bytes < n && !wick_normalized_room(state, out, out->n_bytes + n)))
        return;
    memcpy(out->bytes + out->n_bytes, text, n);
    for (size_t i = 0; i < n; i++)
        out->origins[out->n_bytes + i] = origin;
    out->n_bytes += n;
}

static inline void wick_step_put(wick_encoding_state *state, wick_normalized *out, uint32_t c, uint32_t origin)
{
    char bytes[4];
    wick_step_put_text(state, out, bytes, wick_utf8_encode(c, bytes), origin);
}

/* Appends in's bytes [from, to) as they are. */
static inline void wick_step_copy(wick_encoding_state *state, wick_normalized *out, const wick_normalized *in,
                                  size_t from, size_t to)
{
    const size_t n = to - from;
    if (n == 0 || (out->capacity - out->n_bytes < n && !wick_normalized_room(state, out, out->n_bytes + n)))
        return;
    memcpy(out->bytes + out->n_bytes, in->bytes + from, n);
    memcpy(out->origins + out->n_bytes, in->origins + from, n * sizeof *in->origins);
    out->n_bytes += n;
}

#endif
