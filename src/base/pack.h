/* SPDX-License-Identifier: Apache-2.0
 * pack.h: one file of named sections (docs/pack.md): what a packed model lies in, mapped read-only or inside the program. Knows nothing of models: src/model, src/text
 * and src/cpu look for the sections that are theirs, and check what is in them.
 *
 *     bytes 0..64              header: magic, byte order, format, size of the file, number of sections, checksum of header and table
 *     bytes 64..               table: 64 bytes a section, sorted by name; name, place, size, checksum
 *     then                     the sections, each at a multiple of 64
 */
#ifndef WICK_BASE_PACK_H
#define WICK_BASE_PACK_H
#include "base/mapped.h"
#include "base/pool.h"

#define WICK_PACK_NAME_BYTES 40 /* with its end */
#define WICK_PACK_ALIGNMENT ((size_t)64)
#define WICK_PACK_MAX_SECTIONS ((size_t)1 << 16) /* 1024 layers have 24 each */

typedef struct wick_pack wick_pack;

/* A regular file that begins as a packed model does, or that is called so (NAME.wick): what is wrong with it is then for opening to say. */
bool wick_pack_is_at(const char *path);

/* Maps the file at path and checks header and table: WICK_E_IO, WICK_E_CORRUPT (truncated, changed), WICK_E_UNSUPPORTED (a newer or another machine's format). */
int wick_pack_open(const char *path, wick_pack **out, wick_error *error);
/* The same for data[0..n), which is 64-byte aligned and stays; where names it in errors. */
int wick_pack_open_memory(const uint8_t *data, size_t n, const char *where, wick_pack **out, wick_error *error);
void wick_pack_close(wick_pack *pack);

/* The section's bytes, 64-byte aligned, and how many; NULL: there is no such section. */
const void *wick_pack_find(const wick_pack *pack, const char *name, size_t *n_bytes);
/* WICK_E_CORRUPT unless there is one, and its bytes are as they were written. For the small sections, which are read whole anyway. */
int wick_pack_take(const wick_pack *pack, const char *name, const void **data, size_t *n_bytes, wick_error *error);
/* All sections as they were written, else WICK_E_CORRUPT that names the first that is not. On pool's threads. */
int wick_pack_verify(const wick_pack *pack, wick_pool *pool, wick_error *error);
/* The path, or what stood in its place. */
const char *wick_pack_where(const wick_pack *pack);
/* Differs for another file or another content; 0: in memory. */
uint64_t wick_pack_identity(const wick_pack *pack);
/* "NAME is damaged", with the mend: for readers that find nonsense in a section. */
int wick_pack_fail(const wick_pack *pack, const char *name, const char *what, wick_error *error);

/* ---- writing (pack_write.c) ---- */

typedef struct wick_pack_writer wick_pack_writer;
typedef void (*wick_pack_sink)(void *arg, const void *data, size_t n_bytes);

wick_pack_writer *wick_pack_writer_new(void); /* NULL: out of memory */
void wick_pack_writer_free(wick_pack_writer *writer);
/* data stays the caller's until the file is written. WICK_E_INVALID_INPUT: the name is too long, or there already. */
int wick_pack_add(wick_pack_writer *writer, const char *name, const void *data, size_t n_bytes, wick_error *error);
/* As wick_pack_add, of memory that the writer frees. */
int wick_pack_give(wick_pack_writer *writer, const char *name, void *data, size_t n_bytes, wick_error *error);
/* Calls free_kept(arg) when the writer is freed: it owns what sections lie in. One a writer. */
void wick_pack_keep(wick_pack_writer *writer, void (*free_kept)(void *arg), void *arg);
/* Bytes of the whole file. */
size_t wick_pack_size(const wick_pack_writer *writer);
/* Hands the file to sink, piece by piece. The same sections give the same bytes. */
int wick_pack_write(wick_pack_writer *writer, wick_pack_sink sink, void *arg, wick_error *error);

#endif
