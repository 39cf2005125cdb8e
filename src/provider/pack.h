/* SPDX-License-Identifier: Apache-2.0
 * pack.h: a model made into one file (docs/pack.md). In: a hub name or folder. Out: what to write. Called by `wick pack`. */
#ifndef WICK_PROVIDER_PACK_H
#define WICK_PROVIDER_PACK_H
#include "base/pack.h"

typedef struct wick_pack_options {
    const char *dtype;     /* "f32" (NULL too), "bf16", "int8" */
    const char *cache_dir; /* NULL: the default */
    unsigned n_threads;    /* 0: as many as this process may use */
} wick_pack_options;

/* Reads, checks, converts: all that can go wrong with the model goes wrong here. Then wick_pack_write (base/pack.h), and wick_pack_writer_free. */
int wick_model_pack(const char *name, const wick_pack_options *options, wick_pack_writer **out, wick_error *error);

#endif
