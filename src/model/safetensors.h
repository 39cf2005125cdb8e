/* SPDX-License-Identifier: Apache-2.0
 * safetensors.h: one file of the safetensors format -> views of its tensors, in place. A file is 8 bytes of header
 * length (u64, little-endian), a JSON header {"name": {"dtype", "shape", "data_offsets": [begin, end]}, ...}, and
 * the data; the tensors cover the data without a gap or an overlap. Called by shards.c and by the fuzz target. */
#ifndef WICK_MODEL_SAFETENSORS_H
#define WICK_MODEL_SAFETENSORS_H
#include "base/arena.h"
#include "base/mapped.h"
#include "model/model_files.h"

/* The format's own library refuses longer headers: such a file is broken. */
#define WICK_MAX_SAFETENSORS_HEADER_BYTES 100000000u
/* What we read of what the format allows. 1024 layers of 16 tensors take 3 MB; jansson reads 8 MB in about 0.2 s. */
#define WICK_MAX_HEADER_BYTES ((size_t)8 << 20)

typedef struct wick_safetensors {
    const char *path;
    wick_mapped mapped;
    size_t header_bytes;
    size_t n_tensors;
    const wick_tensor *tensors; /* [n_tensors], sorted by name (strcmp); names are unique */
} wick_safetensors;

/* Checks data[0..n), which stays where it is as long as *out is in use; the rest of *out is taken from the arena.
 * out->mapped is left alone. where names the source. WICK_E_CORRUPT for anything malformed, WICK_E_UNSUPPORTED for
 * a dtype or a rank we do not know; both name the tensor. */
int wick_safetensors_parse(const uint8_t *data, size_t n, const char *where, wick_arena *arena, wick_safetensors *out,
                           wick_error *error);
/* Maps path (kept, not copied) and parses it. Nothing stays open after an error. */
int wick_safetensors_open(const char *path, wick_arena *arena, wick_safetensors *out, wick_error *error);
void wick_safetensors_close(wick_safetensors *file);

/* NULL: no tensor of that name. */
const wick_tensor *wick_safetensors_find(const wick_safetensors *file, const char *name);

#endif
