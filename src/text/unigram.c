/* SPDX-License-Identifier: Apache-2.0
 * unigram.c: running the Unigram model (unigram.h), as the tokenizers package does: from left to right, the best way to every end of a token
 * is kept (Viterbi); the sums are f64, added up in this order, and of equal ones the first stays, which begins earliest. A character that is
 * no token by itself may be unknown, at the lowest score of all less a penalty. Unknown characters side by side become one token. */
#include "text/unigram.h"

#include <math.h>
#include <string.h>

#include "base/utf8.h"

/* The best way to one end of a token. */
static inline void offer(wick_path_node *end, double score, size_t start, uint32_t id)
{
    if (score > end->score)
        *end = (wick_path_node){score, (uint32_t)start, id};
}

/* path: [n + 1], of which the ends of tokens are filled. */
static void find_path(const wick_unigram *model, const char *word, size_t n, wick_path_node *path)
{
    const wick_trie_node *nodes = model->vocabulary->whole.nodes;
    const uint32_t *numbers = model->vocabulary->whole.numbers;
    path[0].score = 0;
    for (size_t i = 1; i <= n; i++)
        path[i].score = -INFINITY;
    for (size_t at = 0, next; at < n; at = next) {
        const double score = path[at].score;
        uint32_t slot = 0, first_last = nodes[0].first_last, c;
        bool is_known = false;
        const size_t end = at + wick_token_trie_reach(n - at);
        next = at + wick_utf8_decode(word + at, &c);
        for (size_t i = at; i < end; i++) {
            const uint32_t child = (first_last >> 1) + (uint8_t)word[i];
            const wick_trie_node node = nodes[child];
            if (node.parent != slot)
                break;
            slot = child;
            first_last = node.first_last;
            if (first_last & 1) {
                const uint32_t id = numbers[slot];
                offer(&path[i + 1], score + model->scores[id], at, id);
                is_known |= i + 1 == next;
            }
        }
        if (!is_known)
            offer(&path[next], score + model->unknown_score, at, (uint32_t)model->unknown_id);
    }
}

static void put_token(wick_encoding_state *state, int32_t id, uint32_t start, uint32_t end)
{
    size_t i = state->n_tokens++;
    state->ids[i] = id;
    state->starts[i] = start;
    state->ends[i] = end;
    state->is_special[i] = false;
}

/* Appends what unknown characters side by side become, from the last token to the first: the token of all of them, which was passed over where
 * its score is even lower; their bytes; or the unknown token. */
static void put_unknown(const wick_unigram *model, const char *text, size_t n, uint32_t start, uint32_t end,
                        wick_encoding_state *state)
{
    const int64_t whole = wick_vocabulary_id(model->vocabulary, text, n);
    bool has_bytes = whole < 0;
    for (size_t i = 0; i < n && has_bytes; i++)
        has_bytes = model->byte_ids[(uint8_t)text[i]] >= 0;
    if (has_bytes)
        for (size_t i = n; i-- > 0;)
            put_token(state, model->byte_ids[(uint8_t)text[i]], start, end);
    else
        put_token(state, whole >= 0 ? (int32_t)whole : model->unknown_id, start, end);
}

/* The tokens from `first` on are there from the last to the first. */
static void reverse_tokens(wick_encoding_state *state, size_t first)
{
    for (size_t i = first, j = state->n_tokens; i + 1 < j; i++) {
        j--;
        const int32_t id = state->ids[i];
        const uint32_t start = state->starts[i], end = state->ends[i];
        state->ids[i] = state->ids[j];
        state->starts[i] = state->starts[j];
        state->ends[i] = state->ends[j];
        state->ids[j] = id;
        state->starts[j] = start;
        state->ends[j] = end;
    }
}

/* Keeps a word whose tokens, each of its own bytes, are the encoding's from `first` on; their first bytes are in path. */
static void keep_word(wick_cached_word *place, wick_word_key key, size_t n, const wick_path_node *path,
                      const wick_encoding_state *state, size_t first)
{
    const size_t n_tokens = state->n_tokens - first;
    wick_cached_word word = {.key = key, .n_tokens = (uint8_t)n_tokens};
    memset(word.ends, (int)n, sizeof word.ends);
    memcpy(word.ids, state->ids + first, n_tokens * sizeof *word.ids);
    for (size_t i = n_tokens, end = n; i-- > 0; end = path[end].start)
        word.ends[i] = (uint8_t)end;
    *place = word;
}

/* The tokens of the best way through a word. Returns whether each stands for bytes of its own on that way, so that the word may be kept. */
static bool find_tokens(const wick_unigram *model, const char *word, const uint32_t *origins, size_t n,
                        wick_encoding_state *state)
{
    const size_t first = state->n_tokens;
    wick_path_node *path = state->path.nodes;
    size_t n_steps = 0;
    find_path(model, word, n, path);
    for (size_t end = n; end > 0; n_steps++) {
        const uint32_t unknown = (uint32_t)model->unknown_id, id = path[end].id;
        size_t start = path[end].start;
        while (id == unknown && start > 0 && path[start].id == unknown)
            start = path[start].start;
        path[end].start = (uint32_t)start;
        if (id == unknown)
            put_unknown(model, word + start, end - start, origins[start], origins[end - 1] + 1, state);
        else
            put_token(state, (int32_t)id, origins[start], origins[end - 1] + 1);
        end = start;
    }
    reverse_tokens(state, first);
    return state->n_tokens - first == n_steps;
}

void wick_unigram_run(const wick_unigram *model, const char *word, const uint32_t *origins, size_t n,
                      wick_encoding_state *state)
{
    const size_t first = state->n_tokens;
    wick_word_key key = {0};
    wick_cached_word *place = NULL;
    if (state->words.serial != model->serial && !wick_word_cache_claim(&state->words, model->serial)) {
        state->out_of_memory = true;
        return;
    }
    if (n <= WICK_CACHED_BYTES) {
        key = wick_cached_key(word, n);
        place = wick_word_cache_place(&state->words, key, n);
        if (wick_cached_is(place, key, n)) {
            wick_encoding_push_cached(state, place, origins);
            return;
        }
    }
    if (!wick_path_reserve(state, n + 1) || !wick_encoding_reserve(state, n)) /* no token is empty */
        return;
    if (find_tokens(model, word, origins, n, state) && place && state->n_tokens - first <= WICK_CACHED_TOKENS)
        keep_word(place, key, n, state->path.nodes, state, first);
}
