/* SPDX-License-Identifier: Apache-2.0
 * keys.h: the API keys that open the server. In: a file and strings of keys. Out: yes or no for a request's Authorization header, in a time that tells
 * nothing of the keys. Keys appear in no message. Called by policy.c and server.c. */
#ifndef WICK_SERVER_KEYS_H
#define WICK_SERVER_KEYS_H
#include <wick.h>

#define WICK_KEY_MIN_BYTES 8
#define WICK_KEY_MAX_BYTES 512
#define WICK_MAX_KEYS 1024

typedef struct wick_keys wick_keys;

/* Keys of a file (one a line; empty lines and those that begin with # are passed over; NULL: no file) and of a list (between blanks or commas; NULL:
 * none). *out is NULL where there are none. WICK_E_IO, WICK_E_INVALID_INPUT (a key that is too short or long, or holds blanks). */
int wick_keys_load(const char *path, const char *list, wick_keys **out, wick_error *error);
void wick_keys_free(wick_keys *keys);
size_t wick_keys_count(const wick_keys *keys); /* NULL: 0 */

/* authorization: the header's value, "Bearer KEY", or NULL. Returns the key's number from 1 on, 0: none of them. Compares with every key, in a time that
 * depends only on the header's length and the number of keys. */
size_t wick_keys_match(const wick_keys *keys, const char *authorization);

#endif
