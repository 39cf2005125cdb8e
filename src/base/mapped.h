/* SPDX-License-Identifier: Apache-2.0
 * mapped.h: a regular file mapped read-only, or its beginning read into memory. Used for weights and for all small files. */
#ifndef WICK_BASE_MAPPED_H
#define WICK_BASE_MAPPED_H
#include <stddef.h>
#include <stdint.h>
#include <wick.h>

typedef struct wick_mapped {
    const uint8_t *data; /* [size_bytes], page aligned; NULL where the file is empty */
    size_t size_bytes;
    uint64_t identity; /* differs for another file and, as far as its times tell, for another content */
} wick_mapped;

/* Maps path. Errors: WICK_E_IO (absent, a folder, no permission). A file that another process shortens while it is mapped raises
 * SIGBUS on access; Wick's own cache never does that (files are replaced by rename). */
int wick_mapped_open(const char *path, wick_mapped *out, wick_error *error);
void wick_mapped_close(wick_mapped *mapped);
/* Tells the kernel that data[0..size_bytes) will not be read again soon, so that its pages leave the resident set. The content
 * stays readable. */
void wick_mapped_release_pages(const void *data, size_t size_bytes);

/* The identity of the regular file at path, as wick_mapped has it. WICK_E_IO. */
int wick_file_identity(const char *path, uint64_t *identity, wick_error *error);

/* Reads a whole small file into malloc'ed memory with a terminator behind it. Over max_bytes is WICK_E_CORRUPT. */
int wick_file_read(const char *path, size_t max_bytes, char **out, size_t *out_bytes, wick_error *error);

#endif
