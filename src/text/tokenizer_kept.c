/* SPDX-License-Identifier: Apache-2.0
 * tokenizer_kept.c: finding and keeping a tokenizer's tables (tokenizer_kept.h). */
#include "text/tokenizer_kept.h"

#include <stdlib.h>

#include "base/mapped.h"
#include "text/tokenizer_flat.h"

/* To be raised when the same tokenizer.json gives other tables. */
#define FORMAT 10

static wick_prepared_key key_of(const char *path, uint64_t identity)
{
    return (wick_prepared_key){.kind = "tokenizer",
                               .source = path,
                               .format = FORMAT,
                               .identity = identity,
                               .settings = wick_tokenizer_flat_layout()};
}

wick_tokenizer *wick_tokenizer_find_kept(const char *prepared_dir, const char *path)
{
    uint64_t identity;
    wick_prepared kept;
    wick_tokenizer *tokenizer = NULL;
    if (!prepared_dir || wick_file_identity(path, &identity, NULL) != WICK_OK)
        return NULL;
    const wick_prepared_key key = key_of(path, identity);
    if (!wick_prepared_open(prepared_dir, &key, NULL, &kept))
        return NULL;
    if (wick_tokenizer_unflatten(kept.payload, kept.size_bytes, &tokenizer) != WICK_OK) {
        wick_prepared_close(&kept);
        return NULL;
    }
    tokenizer->kept = kept;
    return tokenizer;
}

void wick_tokenizer_keep(const char *prepared_dir, const char *path, const wick_tokenizer *tokenizer)
{
    uint64_t identity;
    uint8_t *flat;
    size_t n_bytes;
    if (!prepared_dir || wick_file_identity(path, &identity, NULL) != WICK_OK || identity != tokenizer->identity ||
        wick_tokenizer_flatten(tokenizer, &flat, &n_bytes) != WICK_OK)
        return;
    const wick_prepared_key key = key_of(path, identity);
    wick_prepared_save(prepared_dir, &key, flat, n_bytes, NULL);
    free(flat);
}
