/* SPDX-License-Identifier: Apache-2.0
 * encoding.c: the memory of a wick_encoding. Arrays grow by at least half and are kept from call to call. */
#include "text/encoding.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

/* The next capacity: enough for `needed`, at least half as much again as now. 0: overflow. */
static size_t grown(size_t capacity, size_t needed)
{
    size_t more;
    if (!wick_add_size(capacity, capacity / 2 + 64, &more))
        return 0;
    return more < needed ? needed : more;
}

/* realloc of the pointer that array points to, whatever its type, to n elements; it stays valid where that fails. */
static bool resize(void *array, size_t n, size_t size)
{
    void *now;
    size_t n_bytes;
    memcpy(&now, array, sizeof now);
    if (!wick_mul_size(n, size, &n_bytes) || !(now = realloc(now, n_bytes)))
        return false;
    memcpy(array, &now, sizeof now);
    return true;
}

wick_encoding *wick_encoding_new(void)
{
    wick_encoding_state *state = calloc(1, sizeof *state);
    return state ? &state->shown : NULL;
}

static void free_text(wick_normalized *text)
{
    free(text->bytes);
    free(text->origins);
}

void wick_encoding_free(wick_encoding *encoding)
{
    wick_encoding_state *state = (wick_encoding_state *)(void *)encoding;
    if (!state)
        return;
    free(state->ids);
    free(state->starts);
    free(state->ends);
    free(state->is_special);
    free(state->spaces);
    free(state->types);
    free_text(&state->text);
    free_text(&state->whole);
    for (size_t i = 0; i < WICK_MAX_SPLIT_STAGES; i++)
        free_text(&state->rewritten[i]);
    for (size_t i = 0; i < WICK_MAX_NORMALIZER_STEPS; i++) {
        free_text(&state->steps[i].in);
        free(state->steps[i].late.origins);
    }
    free(state->path.nodes);
    free(state->bpe.symbols);
    free(state->bpe.links);
    free(state->bpe.heap);
    wick_word_cache_free(&state->words);
    free(state->run.marks);
    free(state->run.origins);
    free(state);
}

bool wick_encoding_grow(wick_encoding_state *state, size_t n_more)
{
    size_t capacity =
        grown(state->capacity, state->n_tokens + n_more); /* both are far below SIZE_MAX: counts of bytes */
    if (capacity == 0 || !resize(&state->ids, capacity, sizeof *state->ids) ||
        !resize(&state->starts, capacity, sizeof *state->starts) ||
        !resize(&state->ends, capacity, sizeof *state->ends) ||
        !resize(&state->is_special, capacity, sizeof *state->is_special) ||
        !resize(&state->spaces, capacity, sizeof *state->spaces) ||
        !resize(&state->types, capacity, sizeof *state->types)) {
        state->out_of_memory = true;
        return false;
    }
    state->capacity = capacity;
    return true;
}

void wick_encoding_show(wick_encoding_state *state)
{
    state->shown = (wick_encoding){.n_tokens = state->n_tokens,
                                   .ids = state->ids,
                                   .starts = state->starts,
                                   .ends = state->ends,
                                   .is_special = state->is_special};
}

void wick_encoding_push(wick_encoding_state *state, int32_t id, uint32_t start, uint32_t end, bool is_special)
{
    if (!wick_encoding_reserve(state, 1))
        return;
    size_t i = state->n_tokens++;
    state->ids[i] = id;
    state->starts[i] = start;
    state->ends[i] = end;
    state->is_special[i] = is_special;
}

void wick_encoding_push_cached(wick_encoding_state *state, const wick_cached_word *cached, const uint32_t *origins)
{
    const size_t last = cached->ends[WICK_CACHED_TOKENS - 1] - 1u;
    size_t begin = 0;
    if (!wick_encoding_reserve(state, WICK_CACHED_TOKENS))
        return;
    for (size_t i = 0; i < WICK_CACHED_TOKENS;
         i++) { /* as many whatever there are: what is too much is written over by the next word */
        const size_t to = state->n_tokens + i, end = cached->ends[i];
        state->ids[to] = cached->ids[i];
        state->starts[to] = origins[begin];
        state->ends[to] = origins[end - 1] + 1;
        state->is_special[to] = false;
        begin = end < last ? end : last;
    }
    state->n_tokens += cached->n_tokens;
}

bool wick_normalized_room(wick_encoding_state *state, wick_normalized *text, size_t n_bytes)
{
    if (n_bytes <= text->capacity)
        return true;
    size_t capacity = grown(text->capacity, n_bytes);
    if (capacity == 0 || !resize(&text->bytes, capacity, sizeof *text->bytes) ||
        !resize(&text->origins, capacity, sizeof *text->origins)) {
        state->out_of_memory = true;
        return false;
    }
    text->capacity = capacity;
    return true;
}

bool wick_mark_run_reserve(wick_encoding_state *state)
{
    wick_mark_run *run = &state->run;
    if (run->n_marks < run->capacity)
        return true;
    size_t capacity = grown(run->capacity, run->n_marks + 1);
    if (capacity == 0 || !resize(&run->marks, capacity, 2 * sizeof *run->marks) ||
        !resize(&run->origins, capacity, sizeof *run->origins)) {
        state->out_of_memory = true;
        return false;
    }
    run->capacity = capacity;
    return true;
}

bool wick_path_reserve(wick_encoding_state *state, size_t n)
{
    wick_path *path = &state->path;
    if (n <= path->capacity)
        return true;
    const size_t capacity = grown(path->capacity, n);
    if (capacity == 0 || !resize(&path->nodes, capacity, sizeof *path->nodes)) {
        state->out_of_memory = true;
        return false;
    }
    path->capacity = capacity;
    return true;
}

/* Symbols of longer words would not be counted in 32 bits. */
#define MAX_SYMBOLS ((size_t)UINT32_MAX / 2)

bool wick_bpe_reserve_symbols(wick_encoding_state *state, size_t n)
{
    wick_bpe_scratch *bpe = &state->bpe;
    if (n <= bpe->n_symbols)
        return true;
    const size_t capacity = n > MAX_SYMBOLS ? 0 : grown(bpe->n_symbols, n);
    if (capacity == 0 || !resize(&bpe->symbols, capacity, sizeof *bpe->symbols)) {
        state->out_of_memory = true;
        return false;
    }
    bpe->n_symbols = capacity;
    return true;
}

bool wick_bpe_reserve_links(wick_encoding_state *state, size_t n)
{
    wick_bpe_scratch *bpe = &state->bpe;
    if (n <= bpe->n_links)
        return true;
    const size_t capacity = grown(bpe->n_links, n);
    if (capacity == 0 || !resize(&bpe->links, capacity, sizeof *bpe->links) ||
        !resize(&bpe->heap, capacity, 3 * sizeof *bpe->heap)) {
        state->out_of_memory = true;
        return false;
    }
    bpe->n_links = capacity;
    return true;
}
