/* SPDX-License-Identifier: Apache-2.0
 * tokenizer_flat_model.c: writing and checking the models' tables (tokenizer_flat_model.h): a function to write and one to read for each model. */
#include "text/tokenizer_flat_model.h"

#include <math.h>

#include "text/bpe_known.h"

/* ---- WordPiece ------------------------------------------------------------------------------------------------------ */

static void read_wordpiece(wick_flat_reader *r, const wick_flat_model *flat, wick_tokenizer *tk)
{
    const size_t n_ids = tk->vocabulary.n_ids;
    wick_wordpiece *model = &tk->model.wordpiece;
    wick_flat_read_trie(r, flat->whole, n_ids, true, &tk->vocabulary.whole);
    wick_flat_read_trie(r, flat->tails, n_ids, true, &tk->vocabulary.tails);
    wick_flat_expect(r, model->unknown_id >= 0 && (size_t)model->unknown_id < n_ids);
    model->vocabulary = &tk->vocabulary;
}

/* ---- BPE ------------------------------------------------------------------------------------------------------------ */

static void put_bpe(wick_flat_writer *w, const wick_bpe *model, wick_flat_model *out)
{
    out->merges = wick_flat_put(w, model->merges, model->merge_mask + 1, sizeof *model->merges);
    out->characters = wick_flat_put(w, model->characters, model->character_mask + 1, sizeof *model->characters);
    out->joins = wick_flat_put(w, model->joins, model->join_mask / 64 + 1, sizeof *model->joins);
    out->byte_ranks =
        wick_flat_put(w, model->byte_ranks, model->byte_ranks ? WICK_BYTE_PAIRS : 0, sizeof *model->byte_ranks);
    out->filter = wick_flat_put(w, model->filter, model->filter_mask / 64 + 1, sizeof *model->filter);
    out->merged = wick_flat_put(w, model->merged, model->n_merged, sizeof *model->merged);
    out->as_is.bpe.filter = NULL;
    out->as_is.bpe.merged = NULL;
    out->as_is.bpe.joins = NULL;
    out->as_is.bpe.byte_ranks = NULL;
    out->as_is.bpe.vocabulary = NULL;
    out->as_is.bpe.known = NULL;
    out->as_is.bpe.merges = NULL;
    out->as_is.bpe.characters = NULL;
    out->as_is.bpe.serial = 0;
}

/* A token's id, or -1 for none. */
static bool is_id(int32_t id, size_t n_ids)
{
    return id == -1 || (id >= 0 && (size_t)id < n_ids);
}

static bool is_mask(size_t mask, uint64_t n)
{
    return n > 0 && n - 1 == mask && (n & (n - 1)) == 0;
}

/* A search ends at an empty slot: there must be one. */
static bool has_good_merges(const wick_merge *merges, size_t n, size_t n_ranks)
{
    bool holds = true, has_empty = false;
    for (size_t i = 0; i < n; i++) {
        const bool is_empty = merges[i].rank == WICK_NO_RANK;
        holds &= is_empty | (merges[i].rank < n_ranks);
        has_empty |= is_empty;
    }
    return holds && has_empty;
}

static bool has_good_ranks(const uint32_t *ranks, size_t n, size_t n_ranks)
{
    bool holds = true;
    for (size_t i = 0; i < n; i++)
        holds &= (ranks[i] == WICK_NO_RANK) | (ranks[i] < n_ranks);
    return holds;
}

static bool are_ids(const uint32_t *ids, size_t n, size_t n_ids)
{
    bool holds = true;
    for (size_t i = 0; i < n; i++)
        holds &= ids[i] < n_ids;
    return holds;
}

static bool has_good_characters(const wick_char_id *characters, size_t n, size_t n_ids)
{
    bool holds = true, has_empty = false;
    for (size_t i = 0; i < n; i++) {
        holds &= characters[i].id >= 0 && (size_t)characters[i].id < n_ids;
        has_empty |= characters[i].code_point == 0;
    }
    return holds && has_empty;
}

static void read_bpe(wick_flat_reader *r, const wick_flat_model *flat, wick_tokenizer *tk)
{
    wick_bpe *model = &tk->model.bpe;
    const size_t n_ids = tk->vocabulary.n_ids;
    model->known = NULL; /* whatever the file says: without it words are merged */
    const wick_merge *merges = wick_flat_view(r, flat->merges, sizeof *merges);
    const wick_char_id *characters = wick_flat_view(r, flat->characters, sizeof *characters);
    const uint64_t *joins = wick_flat_view(r, flat->joins, sizeof *joins);
    const uint32_t *byte_ranks = wick_flat_view(r, flat->byte_ranks, sizeof *byte_ranks);
    const uint64_t *filter = wick_flat_view(r, flat->filter, sizeof *filter);
    const uint32_t *merged = wick_flat_view(r, flat->merged, sizeof *merged);
    wick_flat_expect(r, is_mask(model->filter_mask, 64 * flat->filter.n));
    wick_flat_expect(r, is_mask(model->merge_mask, flat->merges.n) &&
                            is_mask(model->character_mask, flat->characters.n) &&
                            is_mask(model->join_mask, 64 * flat->joins.n) && wick_flat_is_bool(&model->can_cut) &&
                            wick_flat_is_bool(&model->marks_begin) && wick_flat_is_bool(&model->byte_level) &&
                            wick_flat_is_bool(&model->byte_fallback) && wick_flat_is_bool(&model->fuse_unknown) &&
                            wick_flat_is_bool(&model->ignore_merges));
    if (r->is_bad)
        return;
    wick_flat_read_trie(r, flat->whole, n_ids, model->ignore_merges, &tk->vocabulary.whole);
    wick_flat_expect(r, flat->merged.n == model->n_merged && are_ids(merged, model->n_merged, n_ids));
    wick_flat_expect(r, has_good_merges(merges, (size_t)flat->merges.n, model->n_merged) &&
                            has_good_ranks(byte_ranks, (size_t)flat->byte_ranks.n, model->n_merged));
    wick_flat_expect(r, has_good_characters(characters, (size_t)flat->characters.n, n_ids));
    bool holds = is_id(model->unknown_id, n_ids) && (!model->byte_level || flat->byte_ranks.n == WICK_BYTE_PAIRS);
    for (size_t i = 0; i < 256; i++)
        holds &= is_id(model->first_ids[i], n_ids) && is_id(model->fallback_ids[i], n_ids);
    wick_flat_expect(r, holds);
    model->vocabulary = &tk->vocabulary;
    model->merges = merges;
    model->characters = characters;
    model->joins = joins;
    model->filter = filter;
    model->merged = merged;
    model->byte_ranks = model->byte_level ? byte_ranks : NULL;
    model->known = wick_bpe_known_new(&tk->arena);
    model->serial = wick_word_cache_serial();
}

/* ---- Unigram -------------------------------------------------------------------------------------------------------- */

static void put_unigram(wick_flat_writer *w, const wick_tokenizer *tk, wick_flat_model *out)
{
    const wick_unigram *model = &tk->model.unigram;
    out->scores = wick_flat_put(w, model->scores, tk->vocabulary.n_entries, sizeof *model->scores);
    out->as_is.unigram.vocabulary = NULL;
    out->as_is.unigram.scores = NULL;
    out->as_is.unigram.serial = 0;
}

static void read_unigram(wick_flat_reader *r, const wick_flat_model *flat, wick_tokenizer *tk)
{
    wick_unigram *model = &tk->model.unigram;
    const size_t n = tk->vocabulary.n_entries, n_ids = tk->vocabulary.n_ids;
    const double *scores = wick_flat_view(r, flat->scores, sizeof *scores);
    wick_flat_read_trie(r, flat->whole, n, true, &tk->vocabulary.whole);
    wick_flat_expect(r, flat->scores.n == n && n <= n_ids && model->unknown_id >= 0 && (size_t)model->unknown_id < n &&
                            fabs(model->unknown_score) <= 2 * WICK_UNIGRAM_MAX_SCORE);
    if (r->is_bad)
        return;
    bool holds = true;
    for (size_t i = 0; i < n; i++)
        holds &= fabs(scores[i]) <= WICK_UNIGRAM_MAX_SCORE;
    for (size_t i = 0; i < 256; i++)
        holds &= is_id(model->byte_ids[i], n_ids);
    wick_flat_expect(r, holds);
    model->vocabulary = &tk->vocabulary;
    model->scores = scores;
    model->serial = wick_word_cache_serial();
}

/* ---- all ------------------------------------------------------------------------------------------------------------ */

void wick_flat_put_model(wick_flat_writer *w, const wick_tokenizer *tk, wick_flat_model *out)
{
    out->as_is = tk->model;
    out->whole = wick_flat_put_trie(w, &tk->vocabulary.whole);
    out->tails = wick_flat_put_trie(w, &tk->vocabulary.tails);
    switch (tk->model.kind) {
    case WICK_TOKENS_WORDPIECE:
        out->as_is.wordpiece.vocabulary = NULL;
        break;
    case WICK_TOKENS_BPE:
        put_bpe(w, &tk->model.bpe, out);
        break;
    case WICK_TOKENS_UNIGRAM:
        put_unigram(w, tk, out);
        break;
    }
}

void wick_flat_read_model(wick_flat_reader *r, const wick_flat_model *flat, wick_tokenizer *tk)
{
    tk->model = flat->as_is;
    switch ((unsigned)tk->model.kind) {
    case WICK_TOKENS_WORDPIECE:
        read_wordpiece(r, flat, tk);
        break;
    case WICK_TOKENS_BPE:
        read_bpe(r, flat, tk);
        break;
    case WICK_TOKENS_UNIGRAM:
        read_unigram(r, flat, tk);
        break;
    default:
        wick_flat_expect(r, false);
        break;
    }
}
