/* SPDX-License-Identifier: Apache-2.0
 * fuzz_toml.c: any bytes through the TOML shim. Every entry is read to its end, so that a dangling pointer or a string without a
 * terminator shows under AddressSanitizer. Seeds: tests/fuzz/toml. */
#include "base/toml.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    wick_toml *toml = NULL;
    wick_error error;
    if (wick_toml_parse((const char *)data, n, "fuzz.toml", &toml, &error) != WICK_OK) {
        if (toml || error.message[0] == '\0')
            abort();
        return 0;
    }
    unsigned last_line = 0;
    for (size_t i = 0; i < wick_toml_count(toml); i++) {
        const wick_toml_entry *entry = wick_toml_at(toml, i);
        if (entry->key[0] == '\0' || entry->line < last_line || (entry->type == WICK_TOML_STRING && !entry->string))
            abort();
        last_line = entry->line;
        if (entry->string && strlen(entry->string) > n)
            abort();
    }
    if (wick_toml_at(toml, wick_toml_count(toml)))
        abort();
    wick_toml_free(toml);
    return 0;
}
