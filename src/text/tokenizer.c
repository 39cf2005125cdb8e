/* SPDX-License-Identifier: Apache-2.0
 * tokenizer.c: tokenizer.json -> wick_tokenizer. Called by src/provider. How a text then flows (encode.c drives it):
 *
 *   text --added_tokens--> pieces and added tokens      [UNK] and the like are cut out of the original text
 *   piece --normalizer--> normalised text with origins  clean, space out CJK, decompose, strip accents, lower-case
 *         --added_tokens--> pieces and added tokens     those that are looked for in normalised text
 *         --pretokenizer--> words                       a sequence of stages (splitter), each at white space, digits, a pattern...
 *         --token_model--> ids, offsets                 wordpiece: longest match first, in a trie (vocabulary, token_trie); bpe; unigram
 *   tokens --template--> [CLS] tokens [SEP]             cut to max_tokens
 *
 * There are two loops (encode_internal.h): encode_kinds.c for WordPiece behind BERT's pre-tokenizer and its like, encode_splits.c for all else.
 * The memory of a text's stages belongs to the wick_encoding (encoding.h); unicode_tables.c says what characters are. */
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mapped.h"
#include "text/passed_over.h"
#include "text/token_list.h"
#include "text/tokenizer_parts.h"

static int check_document(const wick_reading *reading, const wick_json *root)
{
    static const char *const known[] = {"version",       "truncation",     "padding", "added_tokens", "normalizer",
                                        "pre_tokenizer", "post_processor", "decoder", "model",        NULL};
    int code = wick_fields_check(reading, root, "tokenizer.json", known);
    const wick_json *version = wick_json_get(root, "version");
    if (code == WICK_OK && version) {
        const char *text = wick_json_string(version, NULL);
        if (!text)
            return wick_field_corrupt(reading, "version", "is not a string");
        if (strcmp(text, "1.0") != 0)
            return wick_field_unsupported(reading, "version", text, "1.0");
    }
    return code;
}

/* Its stride is of the pieces that are cut off, its strategy of pairs. */
static int load_truncation(const wick_reading *reading, const wick_json *value, wick_truncation *out)
{
    static const char path[] = "truncation";
    const wick_json *direction = wick_json_get(value, "direction"), *length = wick_json_get(value, "max_length");
    const char *side = wick_json_string(direction, NULL), *strategy;
    int64_t n = 0;
    *out = (wick_truncation){0};
    if (wick_json_type_of(value) == WICK_JSON_NULL)
        return WICK_OK;
    if (wick_json_type_of(value) != WICK_JSON_OBJECT)
        return wick_field_corrupt(reading, path, "is %s, not an object", wick_json_type_name(wick_json_type_of(value)));
    if (direction && !side)
        return wick_field_corrupt(reading, "truncation.direction", "is not a string");
    if (side && strcmp(side, "Right") != 0 && strcmp(side, "Left") != 0)
        return wick_field_unsupported(reading, "truncation.direction", side, "Left, Right");
    if (!wick_json_integer(length, &n) || n < 1 || (uint64_t)n > SIZE_MAX / 2)
        return wick_field_corrupt(reading, "truncation.max_length", "is not a number of tokens");
    int code = wick_field_string(reading, value, path, "strategy", &strategy, NULL);
    if (code == WICK_OK && strcmp(strategy, "LongestFirst") != 0 && strcmp(strategy, "OnlyFirst") != 0 &&
        strcmp(strategy, "OnlySecond") != 0)
        code = wick_field_unsupported(reading, "truncation.strategy", strategy, "LongestFirst, OnlyFirst, OnlySecond");
    if (code == WICK_OK)
        code = wick_field_count(reading, value, path, "stride", INT64_MAX);
    *out = (wick_truncation){(size_t)n, side && strcmp(side, "Left") == 0};
    return code;
}

static int load(const wick_reading *reading, const wick_json *root, wick_tokenizer *tk)
{
    const wick_json *added = wick_json_get(root, "added_tokens");
    int code = check_document(reading, root);
    if (code == WICK_OK)
        code = wick_normalizer_load(reading, wick_json_get(root, "normalizer"), &tk->normalizer);
    if (code == WICK_OK)
        code = wick_pretokenizer_load(reading, wick_json_get(root, "pre_tokenizer"), &tk->pretokenizer);
    if (code == WICK_OK)
        code = wick_token_model_load(reading, wick_json_get(root, "model"), wick_json_count(added),
                                     tk->pretokenizer.byte_level, &tk->vocabulary, &tk->model);
    if (code == WICK_OK && tk->pretokenizer.byte_level && tk->model.kind != WICK_TOKENS_BPE)
        code = wick_pretokenizer_write_bytes(reading, &tk->pretokenizer);
    if (code == WICK_OK)
        code = wick_added_tokens_load(reading, added, &tk->normalizer, &tk->vocabulary, &tk->added);
    if (code == WICK_OK)
        code = wick_template_load(reading, wick_json_get(root, "post_processor"), &tk->vocabulary, &tk->special);
    if (code == WICK_OK)
        code = load_truncation(reading, wick_json_get(root, "truncation"), &tk->truncation);
    if (code == WICK_OK)
        code = wick_padding_check(reading, wick_json_get(root, "padding"));
    if (code == WICK_OK)
        code = wick_decoder_check(reading, wick_json_get(root, "decoder"));
    wick_tokenizer_choose_loop(tk);
    return code;
}

/* lists: where the tokens stand, if not in the document. Both NULL after an error. */
static int parse_document(const char *json, size_t n, const wick_reading *lists, wick_tokenizer **out,
                          wick_json **document, wick_error *error)
{
    wick_json *root = NULL;
    wick_arena scratch = {0};
    int code = wick_json_parse(json, n, lists->where, &root, error);
    if (code != WICK_OK)
        return code;
    wick_tokenizer *tokenizer = calloc(1, sizeof *tokenizer);
    if (!tokenizer) {
        code = wick_fail_memory(error, "a tokenizer");
    } else {
        wick_reading reading = *lists;
        reading.arena = &tokenizer->arena;
        reading.scratch = &scratch;
        code = load(&reading, root, tokenizer);
        wick_vocabulary_drop_table(&tokenizer->vocabulary);
        wick_arena_clear(&scratch);
    }
    if (code == WICK_OK) {
        *out = tokenizer;
        *document = root;
    } else {
        wick_json_free(root);
        wick_tokenizer_free(tokenizer);
    }
    return code;
}

/* The same, of a document with its tokens. */
static int parse_keeping(const char *json, size_t n, const char *where, const wick_vocabulary_list *vocabulary,
                         wick_tokenizer **out, wick_json **document, wick_error *error)
{
    wick_reading reading = {.where = where, .error = error, .vocabulary = vocabulary};
    wick_token_list tokens;
    *out = NULL;
    *document = NULL;
    if (n > WICK_MAX_TOKENIZER_BYTES)
        return wick_fail(error, WICK_E_CORRUPT, where, NULL, "the tokenizer has %zu bytes, over %zu", n,
                         WICK_MAX_TOKENIZER_BYTES);
    if (!vocabulary && wick_token_list_read(json, n, &tokens) != WICK_OK)
        return wick_fail_memory(error, "the tokenizer's vocabulary");
    if (!vocabulary && tokens.rest) {
        reading.tokens = &tokens;
        const int code = parse_document(tokens.rest, tokens.n_rest, &reading, out, document, error);
        wick_token_list_free(&tokens);
        reading.tokens = NULL;
        if (code == WICK_OK ||
            code == WICK_E_NO_MEMORY) /* else the whole document tells better what is wrong, and where */
            return code;
    }
    return parse_document(json, n, &reading, out, document, error);
}

int wick_tokenizer_parse_with(const char *json, size_t n, const char *where, const wick_vocabulary_list *vocabulary,
                              wick_tokenizer **out, wick_error *error)
{
    wick_json *document;
    int code = parse_keeping(json, n, where, vocabulary, out, &document, error);
    wick_json_free(document);
    return code;
}

int wick_tokenizer_parse(const char *json, size_t n, const char *where, wick_tokenizer **out, wick_error *error)
{
    return wick_tokenizer_parse_with(json, n, where, NULL, out, error);
}

int wick_tokenizer_read_keeping(const char *path, wick_tokenizer **out, wick_json **document, wick_error *error)
{
    char *json;
    size_t n;
    uint64_t before = 0, after = 0;
    *out = NULL;
    *document = NULL;
    int code = wick_file_identity(path, &before, error);
    if (code == WICK_OK)
        code = wick_file_read(path, WICK_MAX_TOKENIZER_BYTES, &json, &n, error);
    if (code != WICK_OK)
        return code;
    if (wick_file_identity(path, &after, NULL) != WICK_OK || before != after)
        before = 0;
    code = parse_keeping(json, n, path, NULL, out, document, error);
    if (code == WICK_OK)
        (*out)->identity = before;
    free(json);
    return code;
}

int wick_tokenizer_read(const char *path, wick_tokenizer **out, wick_error *error)
{
    wick_json *document;
    int code = wick_tokenizer_read_keeping(path, out, &document, error);
    wick_json_free(document);
    return code;
}

void wick_tokenizer_free(wick_tokenizer *tokenizer)
{
    if (!tokenizer)
        return;
    wick_token_model_clear(&tokenizer->model);
    wick_arena_clear(&tokenizer->arena);
    wick_prepared_close(&tokenizer->kept);
    free(tokenizer);
}

void wick_tokenizer_adapt(wick_tokenizer *tokenizer, uint8_t truncate_side, bool is_bare)
{
    tokenizer->truncate_side = truncate_side;
    tokenizer->is_bare = is_bare;
}

size_t wick_tokenizer_max_tokens(const wick_tokenizer *tokenizer)
{
    return tokenizer->truncation.max_tokens;
}

const char *wick_tokenizer_token(const wick_tokenizer *tokenizer, int32_t id)
{
    if (!tokenizer || id < 0 || (size_t)id >= tokenizer->vocabulary.n_ids)
        return NULL;
    return tokenizer->vocabulary.texts[id];
}

bool wick_tokenizer_is_special(const wick_tokenizer *tokenizer, int32_t id)
{
    return tokenizer && id >= 0 && (size_t)id < tokenizer->vocabulary.n_ids && tokenizer->added.is_special[id];
}

size_t wick_tokenizer_vocab_size(const wick_tokenizer *tokenizer)
{
    return tokenizer ? tokenizer->vocabulary.n_ids : 0;
}
