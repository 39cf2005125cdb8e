/* SPDX-License-Identifier: Apache-2.0
 * vocabulary.h: from ids to the tokens' texts, those of the model first and then the added ones. Filled while tokenizer.json is read. */
#ifndef WICK_TEXT_VOCABULARY_H
#define WICK_TEXT_VOCABULARY_H
#include "text/fields.h"
#include "text/token_list.h"
#include "text/token_map.h"
#include "text/token_trie.h"

typedef struct wick_vocabulary {
    const char **texts; /* [capacity] by id; NULL where no token has the id; terminated, in the arena */
    size_t n_ids;       /* one more than the largest id */
    size_t capacity;
    size_t n_entries; /* tokens of the model */
    /* From the model's tokens to ids: the whole ones, and without their continuing prefix those that have it ("ing" of "##ing"). */
    wick_token_trie whole, tails;
    /* In place of the tries while a model that walks no trie is loaded (BPE); slots and lengths NULL: not there. Both stand in the scratch arena. */
    wick_token_map by_text;
    uint32_t *lengths; /* [capacity] by id, of the model's tokens, in bytes: they may hold U+0000 */
} wick_vocabulary;

/* What a model looks its tokens up with. */
typedef struct wick_vocabulary_index {
    enum wick_index_kind {
        WICK_INDEX_TRIES, /* whole and tails: WordPiece */
        WICK_INDEX_TRIE,  /* whole: Unigram */
        WICK_INDEX_TABLE  /* by_text: BPE */
    } kind;
    const char *prefix; /* TRIES: [prefix_bytes] the continuing prefix */
    size_t prefix_bytes;
} wick_vocabulary_index;

/* Reads the model's "vocab", an object of token: id. n_added: how many more tokens may come. */
int wick_vocabulary_load(const wick_reading *reading, const wick_json *vocab, size_t n_added,
                         const wick_vocabulary_index *index, wick_vocabulary *out);
/* The same of a list that was read already, whose texts the arena takes; its keys change places. */
int wick_vocabulary_take(const wick_reading *reading, wick_token_list *list, size_t n_added,
                         const wick_vocabulary_index *index, wick_vocabulary *out);
/* Puts copies in the arena, terminated, in the place of the keys' texts. n_text_bytes: of all with their terminators. */
int wick_vocabulary_copy_texts(const wick_reading *reading, wick_trie_key *keys, size_t n_keys, size_t n_text_bytes);
/* Takes the texts of a list. */
int wick_vocabulary_adopt_texts(const wick_reading *reading, wick_token_list *list);
/* The second half of loading: from n_entries keys, whose texts are the arena's, to the index. n_ids, n_entries and capacity of *out are set; keys is changed. */
int wick_vocabulary_build(const wick_reading *reading, wick_trie_key *keys, const wick_vocabulary_index *index,
                          wick_vocabulary *out);
/* At the end of loading. */
void wick_vocabulary_drop_table(wick_vocabulary *vocabulary);
/* The trie of n_keys keys, whose numbers are ids; path: where they stand, for the error. keys is put in another order. */
int wick_vocabulary_build_trie(const wick_reading *reading, const char *path, wick_trie_key *keys, size_t n_keys,
                               wick_token_trie *out);
/* The id of a token of the model, or -1. */
int64_t wick_vocabulary_id(const wick_vocabulary *vocabulary, const char *token, size_t n);
/* Names a token that the model lacks. token lives in the arena. WICK_E_CORRUPT where another has the id. */
int wick_vocabulary_name(const wick_reading *reading, wick_vocabulary *vocabulary, const char *path, const char *token,
                         size_t id);

#endif
