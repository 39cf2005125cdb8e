/* SPDX-License-Identifier: Apache-2.0
 * engine_duplicates.c: which texts of a block are the same bytes, so that each is computed once. In: a block. Out: in the context, the
 * texts to compute and, for every text, whose vector is its own. Called by engine_embed.c. For texts that all differ it costs their hash:
 * some nanoseconds a text. */
#include "base/hash.h"
#include "provider/engine.h"
#include <string.h>

static const char *text_of(const wick_block *block, size_t i)
{
    return block->texts[i] ? block->texts[i] : "";
}

/* No second text is another thing than an empty one. */
static bool are_seconds_equal(const wick_context *context, const wick_block *block, size_t a, size_t b)
{
    const char *one = block->seconds[a], *other = block->seconds[b];
    const size_t n = context->second_lengths[a];
    return !one == !other && n == context->second_lengths[b] && (!one || memcmp(one, other, n) == 0);
}

static bool are_equal(const wick_context *context, const wick_block *block, size_t a, size_t b)
{
    const size_t n = context->lengths[a];
    return n == context->lengths[b] && memcmp(text_of(block, a), text_of(block, b), n) == 0 &&
           (!block->seconds || are_seconds_equal(context, block, a, b));
}

void wick_block_find_duplicates(wick_context *context, const wick_block *block)
{
    size_t mask = 1;
    while (mask < 2 * block->n_texts)
        mask *= 2;
    memset(context->slots, 0, mask * sizeof context->slots[0]);
    mask--;
    context->n_picks = 0;
    for (size_t i = 0; i < block->n_texts; i++) {
        /* Texts made to collide cost what comparing 1024 of them costs. */
        uint64_t hash = wick_hash64(text_of(block, i), context->lengths[i], 0);
        if (block->seconds && block->seconds[i])
            hash = wick_hash64(block->seconds[i], context->second_lengths[i], hash);
        size_t at = hash & mask, row = context->n_picks;
        for (; context->slots[at] != 0; at = (at + 1) & mask) {
            const size_t seen = context->slots[at] - 1u;
            if (context->hashes[seen] == hash && are_equal(context, block, context->picks[seen], i)) {
                row = seen;
                break;
            }
        }
        context->rows_of[i] = (uint16_t)row;
        if (row < context->n_picks)
            continue;
        context->slots[at] = (uint16_t)(row + 1);
        context->hashes[row] = hash;
        context->picks[row] = (uint16_t)i;
        context->n_picks++;
    }
}
