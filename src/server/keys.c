/* SPDX-License-Identifier: Apache-2.0
 * keys.c: reading keys and comparing them (keys.h). */
#include "server/keys.h"
#include "base/error.h"
#include "base/mapped.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_FILE_BYTES ((size_t)1 << 20)

typedef struct key {
    size_t n;
    unsigned char bytes[WICK_KEY_MAX_BYTES]; /* zeros behind the key */
} key;

struct wick_keys {
    size_t n_keys;
    key keys[];
};

/* Keys must not outlive their use in freed memory. */
static void wipe(void *bytes, size_t n)
{
    volatile unsigned char *at = bytes;
    while (n--)
        *at++ = 0;
}

static int add_key(wick_keys **keys, const char *text, size_t n, const char *where, wick_error *error)
{
    if (n < WICK_KEY_MIN_BYTES || n > WICK_KEY_MAX_BYTES)
        return wick_fail(error, WICK_E_INVALID_INPUT, where, "openssl rand -hex 24 makes a good one",
                         "an API key has %zu characters; %d to %d are allowed", n, WICK_KEY_MIN_BYTES,
                         WICK_KEY_MAX_BYTES);
    for (size_t i = 0; i < n; i++)
        if (text[i] <= 0x20 || text[i] >= 0x7f)
            return wick_fail(error, WICK_E_INVALID_INPUT, where, "one key a line, of letters, digits and punctuation",
                             "an API key holds a blank or a character that is not ASCII");
    const size_t n_keys = *keys ? (*keys)->n_keys : 0;
    if (n_keys == WICK_MAX_KEYS)
        return wick_fail(error, WICK_E_INVALID_INPUT, where, "take some out", "more than %d API keys", WICK_MAX_KEYS);
    wick_keys *more = malloc(sizeof *more + (n_keys + 1) * sizeof more->keys[0]);
    if (!more)
        return wick_fail_memory(error, "the API keys");
    if (n_keys)
        memcpy(more->keys, (*keys)->keys, n_keys * sizeof more->keys[0]);
    more->keys[n_keys] = (key){.n = n};
    memcpy(more->keys[n_keys].bytes, text, n);
    more->n_keys = n_keys + 1;
    wick_keys_free(*keys);
    *keys = more;
    return WICK_OK;
}

/* The text without the blanks around it. */
static const char *trim(const char *text, size_t *n)
{
    static const char blanks[] = " \t\r";
    while (*n && memchr(blanks, *text, sizeof blanks - 1)) {
        text++;
        --*n;
    }
    while (*n && memchr(blanks, text[*n - 1], sizeof blanks - 1))
        --*n;
    return text;
}

/* A key a line, blanks around it left out; lines without one, or with # in front, are passed over. Errors name the line, never what it holds. */
static int add_file(wick_keys **keys, const char *path, wick_error *error)
{
    char *text = NULL;
    char where[sizeof error->where];
    size_t n = 0, number = 1;
    int rc = wick_file_read(path, MAX_FILE_BYTES, &text, &n, error);
    for (char *line = text, *end; rc == WICK_OK && line < text + n; line = end + 1, number++) {
        end = memchr(line, '\n', (size_t)(text + n - line));
        end = end ? end : text + n;
        size_t length = (size_t)(end - line);
        const char *own = trim(line, &length);
        snprintf(where, sizeof where, "%.400s, line %zu", path, number);
        if (length && own[0] != '#')
            rc = add_key(keys, own, length, where, error);
    }
    if (text)
        wipe(text, n);
    free(text);
    return rc;
}

int wick_keys_load(const char *path, const char *list, wick_keys **out, wick_error *error)
{
    static const char blanks[] = " \t\r\n,";
    *out = NULL;
    wick_keys *keys = NULL;
    int rc = path ? add_file(&keys, path, error) : WICK_OK;
    if (rc == WICK_OK && path && !keys)
        rc =
            wick_fail(error, WICK_E_INVALID_INPUT, path, "put one key on each line", "the file of API keys holds none");
    while (rc == WICK_OK && list && *(list += strspn(list, blanks))) {
        const size_t n = strcspn(list, blanks);
        rc = add_key(&keys, list, n, "WICK_API_KEYS or api_keys", error);
        list += n;
    }
    if (rc != WICK_OK) {
        wick_keys_free(keys);
        return rc;
    }
    *out = keys;
    return WICK_OK;
}

void wick_keys_free(wick_keys *keys)
{
    if (keys)
        wipe(keys->keys, keys->n_keys * sizeof keys->keys[0]);
    free(keys);
}

size_t wick_keys_count(const wick_keys *keys)
{
    return keys ? keys->n_keys : 0;
}

size_t wick_keys_match(const wick_keys *keys, const char *authorization)
{
    if (!keys || !authorization || strncasecmp(authorization, "Bearer ", 7) != 0)
        return 0;
    const char *given = authorization + 7;
    given += strspn(given, " ");
    const size_t n = strlen(given);
    if (n > WICK_KEY_MAX_BYTES)
        return 0;
    size_t matched = 0;
    for (size_t k = 0; k < keys->n_keys; k++) {
        const key *one = &keys->keys[k];
        size_t differs = n ^ one->n;
        for (size_t i = 0; i < n; i++)
            differs |= (size_t)(one->bytes[i] ^ (unsigned char)given[i]);
        /* All ones where nothing differs, without a branch. */
        const size_t is_equal = (size_t)0 - (size_t)(1 & ((differs - 1) >> (sizeof differs * 8 - 1)) &
                                                     ~(differs >> (sizeof differs * 8 - 1)));
        matched |= is_equal & (k + 1);
    }
    return matched;
}
