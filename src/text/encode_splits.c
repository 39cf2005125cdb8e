/* SPDX-License-Identifier: Apache-2.0
 * encode_splits.c: a piece of text -> tokens, for any model behind any sequence of pre-tokenizers (encode_internal.h). The normalised text stands in a window
 * (state->text) that begins with the first byte that is not yet given to the model. Whenever more of it has come, the stages split off
 * what they can; while nothing can be split off, twice as much is taken next time, so that looking again costs no more than looking once. */
#include <string.h>

#include "base/error.h"
#include "text/encode_internal.h"

/* What a stage has still to split: text[at, end). */
typedef struct frame {
    const char *text;
    const uint32_t *origins; /* by byte of text */
    size_t at, end;
} frame;

/* Where the walk over a piece between added tokens stands. */
typedef struct walk {
    wick_tokenizing *t;
    const wick_pretokenizer *pretokenizer;
    bool begins;   /* nothing of the piece has come yet */
    bool at_start; /* its first character comes from the first one of the whole text */
} walk;

/* The piece of a stage below the first, rewritten if that stage rewrites. */
static frame open_frame(walk *w, size_t depth, const char *text, const uint32_t *origins, size_t n)
{
    const wick_split_stage *stage = &w->pretokenizer->stages[depth];
    wick_encoding_state *state = w->t->state;
    wick_normalized *own = &state->rewritten[depth];
    if (stage->rewrite == WICK_REWRITE_NONE || !wick_normalized_room(state, own, n + WICK_NORMALIZED_PAD))
        return (frame){text, origins, 0, n};
    memcpy(own->bytes, text, n);
    memcpy(own->origins, origins, n * sizeof *origins);
    own->n_bytes = n;
    wick_split_rewrite_text(stage, own, 0, true, origins[0] == 0, state);
    return (frame){own->bytes, own->origins, 0, own->n_bytes};
}

static void give_word(walk *w, const char *word, const uint32_t *origins, size_t n)
{
    wick_token_model_run(&w->t->tk->model, word, origins, n, w->t->state);
    wick_tokenizing_keep_limit(w->t, WICK_LEFT_SLACK);
}

/* Takes the words out of the window's bytes, all where is_last says that nothing follows. Returns how many bytes are done with. */
static size_t take_words(walk *w, bool is_last)
{
    const wick_normalized *window = &w->t->state->text;
    const size_t n_stages = w->pretokenizer->n_stages;
    frame frames[WICK_MAX_SPLIT_STAGES] = {{window->bytes, window->origins, 0, window->n_bytes}};
    size_t depth = 0;
    if (n_stages == 0) {
        if (!is_last || window->n_bytes == 0)
            return 0;
        give_word(w, window->bytes, window->origins, window->n_bytes);
        return window->n_bytes;
    }
    while (!w->t->full && !w->t->state->out_of_memory) {
        frame *f = &frames[depth];
        wick_split_piece piece;
        if (f->at == f->end) {
            if (depth == 0)
                break;
            depth--;
            continue;
        }
        if (!wick_split_next(&w->pretokenizer->stages[depth], f->text, f->at, f->end, is_last || depth > 0, &piece))
            break;
        const char *text = f->text + f->at;
        const uint32_t *origins = f->origins + f->at;
        const size_t n = piece.end - f->at;
        f->at = piece.end;
        if (piece.is_dropped)
            continue;
        if (depth + 1 == n_stages) {
            give_word(w, text, origins, n);
        } else {
            depth++;
            frames[depth] = open_frame(w, depth, text, origins, n);
        }
    }
    return frames[0].at;
}

/* text[from, ...) has come to the window: splits off what can be split off. */
static void take_more(walk *w, size_t from, bool is_last)
{
    wick_normalized *window = &w->t->state->text;
    if (w->begins && from < window->n_bytes)
        w->at_start = window->origins[from] == 0;
    if (from < window->n_bytes && w->pretokenizer->n_stages > 0 &&
        w->pretokenizer->stages[0].rewrite != WICK_REWRITE_NONE)
        wick_split_rewrite_text(&w->pretokenizer->stages[0], window, from, w->begins, w->at_start, w->t->state);
    w->begins &= from == window->n_bytes;
    const size_t taken = w->t->state->out_of_memory ? window->n_bytes : take_words(w, is_last);
    const size_t n = window->n_bytes - taken;
    if (taken > 0 && n > 0) {
        memmove(window->bytes, window->bytes + taken, n);
        memmove(window->origins, window->origins + taken, n * sizeof *window->origins);
    }
    window->n_bytes = n;
}

static void encode_slices(wick_tokenizing *t, wick_source *source)
{
    walk w = {t, &t->tk->pretokenizer, true, false};
    wick_normalized *window = &t->state->text;
    while (source->at < source->end && !t->full && !t->state->out_of_memory) {
        const size_t from = window->n_bytes;
        wick_normalizer_run(&t->tk->normalizer, source, from > WICK_SLICE_BYTES ? from : WICK_SLICE_BYTES, t->state);
        if (!t->state->out_of_memory)
            take_more(&w, from, source->at == source->end);
    }
}

/* Text between two added tokens of the normalised text. */
static void encode_part(wick_tokenizing *t, const wick_normalized *whole, size_t begin, size_t end)
{
    walk w = {t, &t->tk->pretokenizer, true, false};
    wick_normalized *window = &t->state->text;
    const size_t n = end - begin;
    window->n_bytes = 0;
    if (!wick_normalized_room(t->state, window, n + WICK_NORMALIZED_PAD))
        return;
    memcpy(window->bytes, whole->bytes + begin, n);
    memcpy(window->origins, whole->origins + begin, n * sizeof *whole->origins);
    memset(window->bytes + n, 0, WICK_NORMALIZED_PAD);
    window->n_bytes = n;
    take_more(&w, 0, true);
}

/* The same where added tokens are looked for in the normalised text: that needs all of the piece at once. */
static void encode_whole(wick_tokenizing *t, wick_source *source)
{
    wick_encoding_state *state = t->state;
    wick_added_search search = {0};
    size_t start, stop, done = 0;
    int32_t id;
    wick_normalizer_run(&t->tk->normalizer, source, SIZE_MAX, state);
    const wick_normalized whole = state->text;
    state->text = state->whole; /* the words are taken out of another window */
    state->whole = whole;
    while (!t->full && !state->out_of_memory) {
        bool found =
            wick_added_tokens_next(&t->tk->added.normalized, whole.bytes, whole.n_bytes, &search, &start, &stop, &id);
        size_t piece_end = found ? start : whole.n_bytes;
        if (done < piece_end)
            encode_part(t, &whole, done, piece_end);
        if (!found)
            return;
        if (start < stop && !t->full)
            wick_tokenizing_add_found(t, id, whole.bytes + start, stop - start, whole.origins[start],
                                      whole.origins[stop - 1] + 1);
        done = stop;
    }
}

void wick_encode_splits(wick_tokenizing *t, wick_source *source)
{
    if (t->tk->added.normalized.n_tokens > 0)
        encode_whole(t, source);
    else
        encode_slices(t, source);
}
