/* SPDX-License-Identifier: Apache-2.0
 * tokenizer_packed.c: writing and reading a tokenizer's sections of a packed model (tokenizer_packed.h). */
#include "text/tokenizer_packed.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mapped.h"
#include "text/tokenizer_parts.h"
#include "text/vocabulary_packed.h"

#define TOKENIZER "tokenizer"
#define VOCABULARY "vocabulary"

/* The document, and the list of tokens where there is one: then the document goes without. */
static int add_sections(const wick_json *root, const char *text, size_t n, wick_pack_writer *writer, wick_error *error)
{
    uint8_t *list = NULL;
    char *rest = NULL;
    size_t n_list = 0, n_rest = 0;
    int code = wick_vocabulary_pack(wick_json_get(wick_json_get(root, "model"), "vocab"), &list, &n_list, error);
    if (code != WICK_OK)
        return code;
    if (list && !wick_json_text_without(root, "model", "vocab", &rest, &n_rest)) {
        free(list);
        return wick_fail_memory(error, "the packed tokenizer");
    }
    if (!rest) {
        rest = malloc(n + 1);
        if (!rest)
            return wick_fail_memory(error, "the packed tokenizer");
        memcpy(rest, text, n);
        n_rest = n;
    }
    code = wick_pack_give(writer, TOKENIZER, rest, n_rest, error);
    if (code != WICK_OK)
        free(list);
    else if (list)
        code = wick_pack_give(writer, VOCABULARY, list, n_list, error);
    return code;
}

int wick_tokenizer_pack(const char *path, wick_pack_writer *writer, wick_error *error)
{
    char *text = NULL;
    size_t n = 0;
    wick_json *root = NULL;
    int code = wick_file_read(path, WICK_MAX_TOKENIZER_BYTES, &text, &n, error);
    if (code != WICK_OK)
        return code;
    code = wick_json_parse(text, n, path, &root, error);
    if (code == WICK_OK)
        code = add_sections(root, text, n, writer, error);
    wick_json_free(root);
    free(text);
    return code;
}

int wick_tokenizer_unpack(const wick_pack *pack, wick_tokenizer **out, wick_error *error)
{
    const void *json, *list = NULL;
    size_t n_json, n_list = 0;
    *out = NULL;
    int code = wick_pack_take(pack, TOKENIZER, &json, &n_json, error);
    const bool has_list = wick_pack_find(pack, VOCABULARY, &n_list) != NULL;
    if (code == WICK_OK && has_list)
        code = wick_pack_take(pack, VOCABULARY, &list, &n_list, error);
    if (code != WICK_OK)
        return code;
    const wick_vocabulary_list vocabulary = {list, n_list};
    code = wick_tokenizer_parse_with(json, n_json, wick_pack_where(pack), has_list ? &vocabulary : NULL, out, error);
    if (code == WICK_OK)
        (*out)->identity = wick_pack_identity(pack);
    return code;
}
