/* SPDX-License-Identifier: Apache-2.0
 * embedded.c: where the embedded model lies, and what it is called (embedded.h). */
#include "provider/embedded.h"

#include <pthread.h>
#include <stdio.h>

#include "base/json.h"
#include "provider/settings.h"

static const uint8_t *bytes;
static size_t n_bytes;
static char called[256]; /* "": nothing that can be opened */
static pthread_once_t once = PTHREAD_ONCE_INIT;

void wick_embedded_set(const uint8_t *data, size_t n)
{
    bytes = data;
    n_bytes = n;
}

bool wick_embedded_get(const uint8_t **data, size_t *n)
{
    *data = bytes;
    *n = n_bytes;
    return bytes && n_bytes > 0;
}

/* Of the section "model" only the name is looked at; the rest is checked when it is opened. */
static void find_name(void)
{
    wick_pack *pack = NULL;
    wick_json *root = NULL;
    const void *json;
    size_t n;
    if (wick_pack_open_memory(bytes, n_bytes, "the program", &pack, NULL) == WICK_OK &&
        wick_pack_take(pack, "model", &json, &n, NULL) == WICK_OK &&
        wick_json_parse(json, n, "the program", &root, NULL) == WICK_OK) {
        const char *name = wick_json_string(wick_json_get(root, "name"), NULL);
        snprintf(called, sizeof called, "%s", name ? name : "");
    }
    wick_json_free(root);
    wick_pack_close(pack);
}

const char *wick_embedded_name(void)
{
    if (!bytes || n_bytes == 0)
        return NULL;
    pthread_once(&once, find_name);
    return called[0] ? called : NULL;
}

const char *wick_default_model(void)
{
    const char *embedded = wick_embedded_name();
    return embedded ? embedded : WICK_DEFAULT_MODEL;
}
