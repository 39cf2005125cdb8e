/* SPDX-License-Identifier: Apache-2.0
 * tokenizer.h: text -> token ids, as tokenizer.json of the Hugging Face tokenizers library says.
 * In: the bytes of tokenizer.json; then texts. Out: wick_encoding (wick.h). Called by src/provider; wick_tokenize, wick_tokenizer_token and
 * wick_tokenizer_vocab_size of wick.h are defined in this room. A tokenizer is immutable once parsed and may be shared by threads. */
#ifndef WICK_TEXT_TOKENIZER_H
#define WICK_TEXT_TOKENIZER_H
#include "base/json.h"
#include <wick.h>

#define WICK_MAX_TOKENIZER_BYTES ((size_t)256 << 20)

/* Parses tokenizer.json, json[0..n). where names the file in errors. Anything not understood is WICK_E_UNSUPPORTED and names it;
 * anything malformed is WICK_E_CORRUPT. */
int wick_tokenizer_parse(const char *json, size_t n, const char *where, wick_tokenizer **out, wick_error *error);
/* The same, where vocabulary is not NULL with its tokens in place of those of the document (vocabulary_packed.h); it is not needed afterwards. */
struct wick_vocabulary_list;
int wick_tokenizer_parse_with(const char *json, size_t n, const char *where,
                              const struct wick_vocabulary_list *vocabulary, wick_tokenizer **out, wick_error *error);
/* Reads and parses the file at path. keeping: *document is the file's JSON, of which the tokenizer needs nothing any more, for the caller
 * to free (wick_json_free), which takes a fifth of the whole time and may come later; NULL after an error. */
int wick_tokenizer_read_keeping(const char *path, wick_tokenizer **out, wick_json **document, wick_error *error);
int wick_tokenizer_read(const char *path, wick_tokenizer **out, wick_error *error);
void wick_tokenizer_free(wick_tokenizer *tokenizer);

/* What the model's other files say of how its texts are tokenized; once, before the first text. truncate_side: WICK_TRUNCATE_*, beats tokenizer.json's
 * truncation.direction unless it is WICK_TRUNCATE_DEFAULT. is_bare: there are no special tokens around a text, whatever options ask for. */
void wick_tokenizer_adapt(wick_tokenizer *tokenizer, uint8_t truncate_side, bool is_bare);
/* tokenizer.json's truncation.max_length, special tokens included; 0: it does not say. For those whose library cuts there: nothing here does. */
size_t wick_tokenizer_max_tokens(const wick_tokenizer *tokenizer);

#endif
