/* SPDX-License-Identifier: Apache-2.0
 * engine_tokenize.c: a block of texts -> packed token ids, no padding. In: texts, their lengths. Out: ids and offsets in the context.
 * A block with enough text is cut into one share a thread, of about equal bytes and in order, so that the shares' ids only need to be
 * put one behind the other; the cut depends on nothing but the block, so that a call seen before allocates nothing. */
#include "base/checked.h"
#include "base/error.h"
#include "base/utf8.h"
#include "provider/engine.h"
#include "provider/vectors.h"
#include <string.h>

/* What a share must hold for a thread to be woken for it: at about 3 bytes a microsecond, some 300 microseconds of work. */
#define MIN_SHARE_BYTES 1024
/* A text costs something beside its bytes. */
#define TEXT_OVERHEAD_BYTES 16
/* Contexts that met a longer text are not kept: BPE and Unigram take up to a hundred bytes for each of a word's, and the encoding's arrays would stay that large. */
#define BLOATED_BYTES ((size_t)64 << 10)

typedef struct job {
    wick_model *model;
    wick_context *context;
    const wick_block *block;
    size_t index; /* of the block's first text in the call */
} job;

/* Puts the prompt in front of text[0..n_bytes). Whether the text is UTF-8 is looked at before, for an error that names the right byte. */
static int add_prompt(const wick_block *block, wick_token_part *part, const char **text, size_t *n_bytes,
                      wick_error *error)
{
    size_t bad = 0, n;
    char *whole = NULL;
    if (!wick_utf8_valid(*text, *n_bytes, &bad))
        return wick_fail(error, WICK_E_INVALID_INPUT, "text", "pass the text as UTF-8", "invalid UTF-8 at byte %zu",
                         bad + 1);
    if (wick_add_size(block->prompt_bytes, *n_bytes, &n))
        whole = wick_context_grow(part->prompted, &part->prompted_capacity, n, 1);
    if (!whole)
        return wick_fail_memory(error, "a text with its prompt");
    part->prompted = whole;
    memcpy(whole, block->prompt, block->prompt_bytes);
    memcpy(whole + block->prompt_bytes, *text, *n_bytes);
    *text = whole;
    *n_bytes = n;
    return WICK_OK;
}

/* Text i of the block, or the pair that it is part of: *tokens, and *types where it is a pair. */
static int tokenize(const job *work, wick_token_part *part, size_t i, const wick_encoding **tokens,
                    const uint8_t **types, wick_error *error)
{
    const wick_block *block = work->block;
    const wick_tokenizer *tokenizer = work->model->tokenizer;
    const char *text = block->texts[i] ? block->texts[i] : "";
    size_t n_bytes = work->context->lengths[i];
    const wick_tokenize_options options = {
        .size = sizeof options,
        .add_special_tokens = true,
        .max_tokens = block->truncate ? work->model->max_seq_length : 0,
        .truncate_side = block->truncate_side,
    };
    const int rc = block->prompt_bytes > 0 ? add_prompt(block, part, &text, &n_bytes, error) : WICK_OK;
    if (rc != WICK_OK)
        return rc;
    *tokens = part->encoding;
    *types = NULL;
    if (block->seconds && block->seconds[i]) {
        if (block->prompt_bytes > 0)
            wick_pair_encoder_forget(&part->pairs); /* another text stands where the one before stood */
        const int code =
            wick_pair_encode(&part->pairs, tokenizer, text, n_bytes, block->seconds[i],
                             work->context->second_lengths[i], options.max_tokens, options.truncate_side, error);
        *tokens = part->pairs.joined;
        *types = part->pairs.types;
        return code;
    }
    return wick_tokenize(tokenizer, text, n_bytes, &options, part->encoding, error);
}

/* Token types go where the ids go; those of a text alone are 0. A model with one type alone is not asked; one with more must have those that the tokenizer gives. */
static int add_types(const job *work, wick_token_part *part, const uint8_t *own, size_t n)
{
    const size_t n_types = work->model->files->encoder.type_vocab_size;
    uint8_t *types = wick_context_grow(part->types, &part->types_capacity, part->n_ids + n, sizeof *types);
    if (!types)
        return wick_fail_memory(&part->failure, "token ids");
    part->types = types;
    for (size_t j = 0; j < n; j++) {
        const uint8_t type = own ? own[j] : 0;
        types[part->n_ids + j] = type;
        if (n_types > 1 && type >= n_types)
            return wick_fail(&part->failure, WICK_E_CORRUPT, work->model->folder,
                             "get the model's files again: they do not belong together",
                             "tokenizer.json has the token type %u, the model has %zu", type, n_types);
    }
    return WICK_OK;
}

/* Appends the ids of the picked text; false: the part has stopped. */
static bool add_text(const job *work, wick_token_part *part, size_t pick)
{
    const size_t i = work->context->picks[pick];
    const wick_encoding *tokens;
    const uint8_t *types;
    wick_error inner;
    const int rc = tokenize(work, part, i, &tokens, &types, &inner);
    if (rc != WICK_OK) {
        part->code = wick_fail_text(work->index + i, &inner, &part->failure);
        return false;
    }
    const size_t n = tokens->n_tokens;
    if (work->model->max_seq_length > 0 && n > work->model->max_seq_length) {
        part->code = wick_fail_too_long(work->index + i, n, work->model->max_seq_length, &part->failure);
        return false;
    }
    if (n == 0 && !work->model->files->static_embedding.is_wanted) {
        wick_fail(&inner, WICK_E_INVALID_INPUT, NULL, "leave the text out", "the text has no tokens");
        part->code = wick_fail_text(work->index + i, &inner, &part->failure);
        return false;
    }
    int32_t *ids = wick_context_grow(part->ids, &part->ids_capacity, part->n_ids + n + 1, sizeof *ids);
    part->ids = ids ? ids : part->ids;
    part->code = ids ? WICK_OK : wick_fail_memory(&part->failure, "token ids");
    if (part->code == WICK_OK && work->block->seconds)
        part->code = add_types(work, part, types, n);
    if (part->code != WICK_OK)
        return false;
    if (n > 0) /* ids may be NULL else */
        memcpy(ids + part->n_ids, tokens->ids, n * sizeof *ids);
    part->n_ids += n;
    work->context->offsets[pick + 1] = (uint32_t)n; /* lengths at first; summed up when all parts are done */
    return true;
}

static void run_part(void *arg, unsigned thread_index)
{
    const job *work = arg;
    wick_token_part *part = &work->context->parts[thread_index];
    wick_pair_encoder_forget(&part->pairs);
    for (size_t i = part->first; i < part->last; i++)
        if (!add_text(work, part, i))
            return;
}

/* What a picked text, or pair, costs. */
static size_t weight_of(const wick_context *context, const wick_block *block, size_t pick)
{
    const size_t i = context->picks[pick], second = block->seconds ? context->second_lengths[i] : 0;
    return context->lengths[i] + second + block->prompt_bytes + TEXT_OVERHEAD_BYTES;
}

/* Cuts the picked texts into shares; returns their number. */
static unsigned cut_block(wick_context *context, const wick_block *block)
{
    const size_t n_texts = context->n_picks;
    size_t weight = 0;
    for (size_t pick = 0; pick < n_texts; pick++)
        weight += weight_of(context, block, pick);
    size_t n_parts = block->side_by_side ? 1 : weight / MIN_SHARE_BYTES;
    n_parts = n_parts < context->n_parts ? n_parts : context->n_parts;
    n_parts = n_parts < n_texts ? n_parts : n_texts;
    n_parts = n_parts > 0 ? n_parts : 1;
    size_t text = 0, seen = 0;
    for (size_t p = 0; p < n_parts; p++) {
        wick_token_part *part = &context->parts[p];
        const size_t goal = weight / n_parts * (p + 1);
        part->first = text;
        while (text < n_texts && (p + 1 == n_parts || seen < goal))
            seen += weight_of(context, block, text++);
        part->last = text;
        part->n_ids = 0;
        part->code = WICK_OK;
    }
    return (unsigned)n_parts;
}

/* Puts the parts' ids one behind the other. */
static int32_t *join_parts(wick_context *context, unsigned n_parts, size_t n_tokens)
{
    if (n_parts == 1)
        return context->parts[0].ids;
    int32_t *ids = wick_context_grow(context->ids, &context->ids_capacity, n_tokens + 1, sizeof *ids);
    if (!ids)
        return NULL;
    context->ids = ids;
    for (unsigned p = 0; p < n_parts; p++) {
        const wick_token_part *part = &context->parts[p];
        if (part->n_ids > 0)
            memcpy(ids, part->ids, part->n_ids * sizeof *ids);
        ids += part->n_ids;
    }
    return context->ids;
}

/* Their token types likewise. NULL: out of memory. */
static uint8_t *join_types(wick_context *context, unsigned n_parts, size_t n_tokens)
{
    if (n_parts == 1)
        return context->parts[0].types;
    uint8_t *types = wick_context_grow(context->types, &context->types_capacity, n_tokens, sizeof *types);
    if (!types)
        return NULL;
    context->types = types;
    for (unsigned p = 0; p < n_parts; p++) {
        const wick_token_part *part = &context->parts[p];
        if (part->n_ids > 0)
            memcpy(types, part->types, part->n_ids);
        types += part->n_ids;
    }
    return context->types;
}

int wick_block_tokenize(wick_model *model, wick_context *context, const wick_block *block, size_t index,
                        wick_packed_batch *batch, wick_error *error)
{
    job work = {model, context, block, index};
    const unsigned n_parts = cut_block(context, block);
    for (unsigned p = 0; p < n_parts; p++)
        if (!context->parts[p].encoding && !(context->parts[p].encoding = wick_encoding_new()))
            return wick_fail_memory(error, "token ids");
    for (size_t pick = 0; pick < context->n_picks; pick++)
        context->is_bloated |= weight_of(context, block, pick) > BLOATED_BYTES;
    if (n_parts == 1)
        run_part(&work, 0);
    else
        wick_pool_run(model->pool, n_parts, run_part, &work);

    size_t n_tokens = 0;
    for (unsigned p = 0; p < n_parts; p++) {
        const wick_token_part *part = &context->parts[p];
        if (part->code != WICK_OK) { /* the parts are in order: this is the first text that is wrong */
            if (error)
                *error = part->failure;
            return part->code;
        }
        n_tokens += part->n_ids;
    }
    context->offsets[0] = 0;
    for (size_t i = 0; i < context->n_picks; i++)
        context->offsets[i + 1] += context->offsets[i];
    const int32_t *ids = join_parts(context, n_parts, n_tokens);
    const uint8_t *types = ids && block->seconds ? join_types(context, n_parts, n_tokens) : NULL;
    if (!ids || (block->seconds && !types))
        return wick_fail_memory(error, "token ids");
    *batch = (wick_packed_batch){.n_sequences = context->n_picks,
                                 .n_tokens = n_tokens,
                                 .ids = ids,
                                 .offsets = context->offsets,
                                 .types = types,
                                 .side_by_side = block->side_by_side};
    return WICK_OK;
}
