/* SPDX-License-Identifier: Apache-2.0
 * support_pack.h: for tests of packed models: the tiny model packed, and packed files made wrong in a way that only their readers can see. */
#ifndef WICK_TESTS_SUPPORT_PACK_H
#define WICK_TESTS_SUPPORT_PACK_H
#include "base/pack.h"

/* The bytes of what writer holds, 64-byte aligned (free them); frees the writer. */
uint8_t *support_pack_finish(wick_pack_writer *writer, size_t *n);
/* Packs the model at name and returns the file's bytes, 64-byte aligned (free them); fails the test on an error. */
uint8_t *support_pack_make(const char *name, const char *dtype, size_t *n);
/* The same file with one section's content in place of its own (data NULL: without it), checksums right; free it. */
uint8_t *support_pack_replace(const uint8_t *bytes, size_t n, const char *section, const void *data, size_t n_data,
                              size_t *n_out);
/* Makes all checksums right again where header and table still make sense. */
void support_pack_reseal(uint8_t *bytes, size_t n);

#endif
