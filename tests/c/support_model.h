/* SPDX-License-Identifier: Apache-2.0
 * support_model.h: model folders for tests: copies of tests/fixtures/tiny-bert to be spoiled, safetensors files of
 * any content, and checks of what an error names. Each function fails the test where the machine refuses. */
#ifndef WICK_TESTS_SUPPORT_MODEL_H
#define WICK_TESTS_SUPPORT_MODEL_H
#include "support_files.h"
#include <wick.h>

/* Copies the model tests/fixtures/FIXTURE to a new folder, whose path goes to folder. */
void support_model_make(const char *fixture, char folder[SUPPORT_PATH_BYTES]);
/* The same of tests/fixtures/tiny-bert. */
void support_tiny_make(char folder[SUPPORT_PATH_BYTES]);

/* The whole file, malloc'ed, with a terminator behind it. */
char *support_bytes_read(const char *path, size_t *n);
void support_bytes_write(const char *folder, const char *name, const void *data, size_t n);
/* Puts new_text in place of the first old_text in folder/name, which must hold it. */
void support_file_edit(const char *folder, const char *name, const char *old_text, const char *new_text);
void support_file_remove(const char *folder, const char *name);

/* The bytes of a safetensors file: header's length, header, n_data bytes counting up. malloc'ed; *n is the total. */
unsigned char *support_safetensors_make(const char *header, size_t n_data, size_t *n);

/* Rewrites folder/model.safetensors: every tensor name that contains old_part gets new_part in its place; "" stands
 * for the beginning. */
void support_weights_rename(const char *folder, const char *old_part, const char *new_part);
/* Splits folder/model.safetensors into n shards and an index, and removes it. Tensors go round the shards, so that
 * order is lost. */
void support_weights_shard(const char *folder, size_t n_shards);

/* The error has this code, and message (where, for in_where) holds fragment; a mend may be empty, but nothing is
 * left unwritten. */
void support_error_check(const char *label, int code, const wick_error *error, int expected_code, const char *fragment,
                         const char *in_where);

#endif
