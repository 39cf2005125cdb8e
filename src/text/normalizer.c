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

/* Appends the source's characters up to at least `stop` to the first step's text. */
static void read_source(wick_source *source, const char *stop, wick_encoding_state *state)
{
    wick_normalized *in = &state->steps[0].in;
    while (stop < source->end && ((uint8_t)*stop & 0xC0) == 0x80)
        stop++;
    const size_t n = (size_t)(stop - source->at);
    if (!wick_normalized_room(state, in, in->n_bytes + n))
        return;
    memcpy(in->bytes + in->n_bytes, source->at, n);
    uint32_t *origins = in->origins + in->n_bytes, n_chars = source->n_chars;
    for (size_t i = 0; i < n; i++) {
        n_chars += ((uint8_t)source->at[i] & 0xC0) != 0x80;
        origins[i] = n_chars - 1;
    }
    in->n_bytes += n;
    source->n_chars = n_chars;
    source->at = stop;
}

void wick_normalizer_run(const wick_normalizer *nz, wick_source *source, size_t n_bytes, wick_encoding_state *state)
{
    if (nz->is_bert) {
        wick_normalizer_run_bert(nz, source, n_bytes, state);
        return;
    }
    const size_t n_left = (size_t)(source->end - source->at);
    if (n_left > 0) {
        read_source(source, source->at + (n_bytes < n_left ? n_bytes : n_left), state);
        run_steps(nz, source->at == source->end, state);
    }
    if (wick_normalized_reserve(state, state->text.n_bytes + WICK_NORMALIZED_PAD))
        memset(state->text.bytes + state->text.n_bytes, 0, WICK_NORMALIZED_PAD);
}
