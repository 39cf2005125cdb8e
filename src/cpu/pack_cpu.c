/* SPDX-License-Identifier: Apache-2.0
 * pack_cpu.c: writing the CPU's weights to a packed file and finding them there (pack_cpu.h). */
#include "cpu/pack_cpu.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "cpu/heads.h"
#include "cpu/layout.h"
#include "cpu/repack.h"

_Static_assert(WICK_PACK_PANEL_WIDTH % WICK_MAX_PANEL_WIDTH == 0, "every tier's panels are parts of the file's");

/* ---- writing ------------------------------------------------------------------------------------------------------- */

typedef struct adding {
    wick_pack_writer *writer;
    wick_error *error;
    int code; /* the first failure; what follows does nothing */
} adding;

static void *add_piece(void *arg, const char *name, void *piece, size_t n_bytes)
{
    adding *a = arg;
    if (a->code == WICK_OK)
        a->code = wick_pack_add(a->writer, name, piece, n_bytes, a->error);
    return piece;
}

/* In f32 the word embeddings are no part of the packed memory. */
static int add_words(const wick_model_files *files, wick_pack_writer *writer, wick_error *error)
{
    size_t n = files->encoder.vocab_size * files->encoder.hidden_size,
           n_bytes; /* no overflow: the tensor is that large */
    float *words = wick_mul_size(n, sizeof *words, &n_bytes) ? malloc(n_bytes) : NULL;
    if (!words)
        return wick_fail_memory(error, "the word embeddings");
    wick_tensor_to_f32(&files->word_embeddings, 0, n, words);
    return wick_pack_give(writer, "words", words, n_bytes, error);
}

static void free_model(void *arg)
{
    wick_cpu_model_close(arg);
    free(arg);
}

int wick_cpu_pack_files(const wick_model_files *files, wick_compute compute, wick_pool *pool, wick_pack_writer *writer,
                        wick_error *error)
{
    wick_cpu_model *model = calloc(1, sizeof *model);
    if (!model)
        return wick_fail_memory(error, "the packed weights");
    *model = (wick_cpu_model){.kernels = wick_kernels_select(),
                              .compute = compute,
                              .layer_compute = compute,
                              .panel_width = WICK_PACK_PANEL_WIDTH,
                              .files = files};
    adding a = {writer, error, wick_cpu_model_open(model, NULL, pool, error)};
    if (a.code != WICK_OK) {
        free(model);
        return a.code;
    }
    wick_cpu_walk walk = {add_piece, &a, false};
    wick_cpu_walk_model(&walk, model);
    wick_pack_keep(writer, free_model, model);
    return a.code == WICK_OK && compute == WICK_COMPUTE_F32 ? add_words(files, writer, error) : a.code;
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

typedef struct finding {
    const wick_pack *pack;
    wick_error *error;
    int code;
} finding;

static void *find_piece(void *arg, const char *name, void *piece, size_t n_bytes)
{
    (void)piece;
    finding *f = arg;
    size_t there;
    const void *data = wick_pack_find(f->pack, name, &there);
    if (f->code == WICK_OK && !data)
        f->code = wick_pack_fail(f->pack, name, "is missing", f->error);
    else if (f->code == WICK_OK && there != n_bytes)
        f->code = wick_pack_fail(f->pack, name, "is not as large as the model says", f->error);
    return f->code == WICK_OK ? (void *)(uintptr_t)data : NULL; /* only read */
}

int wick_cpu_unpack(wick_cpu_model *model, wick_pool *pool, wick_error *error)
{
    finding f = {model->files->pack, error, WICK_OK};
    wick_cpu_walk walk = {find_piece, &f, false};
    const wick_compute layer_compute = model->layer_compute;
    model->layer_compute = model->compute; /* as the file has it */
    model->panel_width = WICK_PACK_PANEL_WIDTH;
    wick_cpu_walk_model(&walk, model);
    model->layer_compute = layer_compute;
    model->panel_width = model->kernels->panel_width;
    if (f.code == WICK_OK && walk.overflow)
        f.code = wick_pack_fail(f.pack, "model", "asks for more than the address space", error);
    return f.code == WICK_OK ? wick_cpu_repack(model, pool, error) : f.code;
}
