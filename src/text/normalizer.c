/* SPDX-License-Identifier: Apache-2.0
 * normalizer.c: running a normaliser (normalizer.h) step by step. The text comes in slices; each step takes what it can of what has come to it and
 * appends what that becomes to what has come to the next. What a step leaves it is given again with more behind it: at least twice as much, so that
 * a long run that cannot be told from its beginning is not looked at time and again. */
#include "text/normalizer.h"

#include "text/normalizer_bert.h"
#include "text/normalizer_steps.h"

void wick_normalizer_begin(const wick_normalizer *nz, wick_encoding_state *state)
{
    state->run.n_marks = state->run.n_origins = 0;
    for (size_t i = 0; i < nz->n_steps && !nz->is_bert; i++) {
        wick_step_state *step = &state->steps[i];
        step->in.n_bytes = step->wanted = 0;
        step->begun = false;
        step->late.first = step->late.n = 0;
        step->late.has_character = false;
    }
}

/* Gives the i-th step what has come to it; returns how much of that it took. */
static size_t run_step(const wick_normalizer *nz, size_t i, bool is_end, wick_encoding_state *state,
                       wick_normalized *out)
{
    wick_step_state *step = &state->steps[i];
    const wick_step_texts *texts = &nz->texts[i];
    switch (nz->steps[i]) {
    case WICK_STEP_NFC:
    case WICK_STEP_NFD:
    case WICK_STEP_NFKC:
    case WICK_STEP_NFKD:
        return wick_step_forms(nz->steps[i], &step->in, is_end, state, out);
    case WICK_STEP_STRIP_LEFT:
        return wick_step_strip_left(&step->in, &step->begun, state, out);
    case WICK_STEP_STRIP_RIGHT:
        return wick_step_strip_right(&step->in, is_end, state, out);
    case WICK_STEP_PREPEND:
        return wick_step_prepend(texts, &step->in, &step->begun, state, out);
    case WICK_STEP_REPLACE:
        return wick_step_replace(texts, &step->in, is_end, state, out);
    case WICK_STEP_REPLACE_RUN:
        return wick_step_replace_run(texts, &step->in, is_end, state, out);
    case WICK_STEP_CHARSMAP:
        return wick_step_charsmap(&nz->charsmap, &step->in, is_end, &step->late, state, out);
    default:
        return wick_step_characters(nz->steps[i], &step->in, state, out);
    }
}

/* Keeps what a step has not taken. */
static void keep_rest(wick_step_state *step, size_t n_taken)
{
    wick_normalized *in = &step->in;
    const size_t n = in->n_bytes - n_taken;
    if (n_taken > 0 && n > 0) {
        memmove(in->bytes, in->bytes + n_taken, n);
        memmove(in->origins, in->origins + n_taken, n * sizeof *in->origins);
    }
    in->n_bytes = n;
    step->wanted = 2 * n;
}

static void run_steps(const wick_normalizer *nz, bool is_end, wick_encoding_state *state)
{
    for (size_t i = 0; i < nz->n_steps && !state->out_of_memory; i++) {
        wick_step_state *step = &state->steps[i];
        wick_normalized *out = i + 1 < nz->n_steps ? &state->steps[i + 1].in : &state->text;
        if (step->in.n_bytes < step->wanted && !is_end)
            return;
        if (!wick_normalized_room(state, &step->in, step->in.n_bytes + WICK_NORMALIZED_PAD))
            return;
        memset(step->in.bytes + step->in.n_bytes, 0, WICK_NORMALIZED_PAD); /* steps look at so many at once */
        keep_rest(step, run_step(nz, i, is_end, state, out));
    }
}

/* Writes where each byte of text[0..n) comes from, where n_chars characters stand before; returns how many do behind. A byte comes from the character that began last: of eight bytes a
 * multiplication counts how many have begun up to each. */
static uint32_t number_characters(const char *text, size_t n, uint32_t n_chars, uint32_t *origins)
{
    const uint64_t ones = 0x0101010101010101u;
    size_t i = 0;
    for (; n - i >= sizeof ones; i += sizeof ones) {
        uint64_t v;
        memcpy(&v, text + i, sizeof v);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        v = __builtin_bswap64(v);
#endif
        const uint64_t goes_on = v >> 7 & ~(v >> 6) & ones; /* 10xxxxxx */
        const uint64_t begun = (goes_on ^ ones) * ones;
        for (unsigned k = 0; k < sizeof ones; k++)
            origins[i + k] = n_chars + (uint8_t)(begun >> 8 * k) - 1;
        n_chars += (uint32_t)(begun >> 56);
    }
    for (; i < n; i++) {
        n_chars += ((uint8_t)text[i] & 0xC0) != 0x80;
        origins[i] = n_chars - 1;
    }
    return n_chars;
}

/* Appends the source's characters, so many bytes at least or all that are left, as they are. */
static void read_source(wick_source *source, size_t n_bytes, wick_normalized *out, wick_encoding_state *state)
{
    const size_t n_left = (size_t)(source->end - source->at);
    const char *stop = source->at + (n_bytes < n_left ? n_bytes : n_left);
    while (stop < source->end && ((uint8_t)*stop & 0xC0) == 0x80)
        stop++;
    const size_t n = (size_t)(stop - source->at);
    if (!wick_normalized_room(state, out, out->n_bytes + n))
        return;
    memcpy(out->bytes + out->n_bytes, source->at, n);
    source->n_chars = number_characters(source->at, n, source->n_chars, out->origins + out->n_bytes);
    out->n_bytes += n;
    source->at = stop;
}

void wick_normalizer_run(const wick_normalizer *nz, wick_source *source, size_t n_bytes, wick_encoding_state *state)
{
    if (nz->n_steps > 0 && nz->is_bert) {
        wick_normalizer_run_bert(nz, source, n_bytes, state);
        return;
    }
    if (source->at < source->end) {
        read_source(source, n_bytes, nz->n_steps > 0 ? &state->steps[0].in : &state->text, state);
        run_steps(nz, source->at == source->end, state);
    }
    if (wick_normalized_reserve(state, state->text.n_bytes + WICK_NORMALIZED_PAD))
        memset(state->text.bytes + state->text.n_bytes, 0, WICK_NORMALIZED_PAD);
}
