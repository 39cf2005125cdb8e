/* SPDX-License-Identifier: Apache-2.0
 * token_trie.h: the longest key that a text begins with, in one walk over its bytes. A trie laid out as a double array: the child of node
 * s for byte b stands at first_child(s) + b, if that slot says that s is its parent. Made at load from all keys at once, read-only
 * afterwards. Used by the WordPiece model (one trie of whole tokens, one of tails) and by the added tokens. */
#ifndef WICK_TEXT_TOKEN_TRIE_H
#define WICK_TEXT_TOKEN_TRIE_H
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

typedef struct wick_trie_key {
    const char *text; /* lent while the trie is built */
    uint32_t n_bytes; /* >= 1 */
    uint32_t number;  /* what the key stands for */
} wick_trie_key;

/* Eight bytes, so that a step of the walk is one load. */
typedef struct wick_trie_node {
    uint32_t parent;     /* its slot; WICK_TRIE_FREE: nothing here */
    uint32_t first_last; /* 2 * where the child for byte 0 would be, + 1 where a key ends here */
} wick_trie_node;

#define WICK_TRIE_FREE UINT32_MAX

typedef struct wick_token_trie {
    const wick_trie_node *nodes; /* [n_slots]; the root is slot 0 */
    const uint32_t *numbers;     /* [n_slots] by slot, where a key ends */
    size_t n_slots;              /* any node's first child + 255 is within */
} wick_token_trie;

/* A walk is begun at every byte of a text, so that this bounds the time a byte of it may take. Published vocabularies' longest tokens are runs of spaces and dashes of 128
 * to 512 bytes. */
#define WICK_MAX_KEY_BYTES 1024

/* Of equal keys the last counts. keys is put in another order. WICK_E_INVALID_INPUT: a key is longer than WICK_MAX_KEY_BYTES, and has become the first one;
 * WICK_E_CORRUPT: too sparse, which only a file made for that purpose brings about; or WICK_E_NO_MEMORY: all of which the caller describes. */
int wick_token_trie_build(wick_arena *arena, wick_trie_key *keys, size_t n_keys, wick_token_trie *out);

/* How far a walk over text[0..n) may go: whatever a file that holds a trie says. */
static inline size_t wick_token_trie_reach(size_t n)
{
    return n < WICK_MAX_KEY_BYTES ? n : WICK_MAX_KEY_BYTES;
}

/* The length of the longest key that text[0..n) begins with, and its *number; 0: none. */
static inline size_t wick_token_trie_longest(const wick_token_trie *trie, const char *text, size_t n, uint32_t *number)
{
    const wick_trie_node *nodes = trie->nodes;
    size_t length = 0;
    uint32_t at = 0, found = 0;
    uint32_t first_last = nodes[0].first_last;
    n = wick_token_trie_reach(n);
    for (size_t i = 0; i < n; i++) {
        uint32_t next = (first_last >> 1) + (uint8_t)text[i];
        wick_trie_node node = nodes[next];
        if (node.parent != at)
            break;
        at = next;
        first_last = node.first_last;
        length = first_last & 1 ? i + 1 : length;
        found = first_last & 1 ? at : found;
    }
    *number = trie->numbers[found];
    return length;
}

#endif
