/* SPDX-License-Identifier: Apache-2.0
 * engine_packed.c: models in one file (docs/pack.md): a name that means one is opened from it, and any model can be packed into one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/path.h"
#include "hub/cache.h"
#include "model/packed_model.h"
#include "provider/embedded.h"
#include "provider/engine.h"
#include "provider/pack.h"
#include "provider/settings.h"
#include "text/tokenizer_packed.h"

#define INSIDE "(inside the program)"

static int open_file(const char *name, wick_pack **out, wick_error *error)
{
    char *path = wick_path_expand(name);
    if (!path)
        return wick_fail_memory(error, "the model's path");
    const size_t n = strlen(path);
    int rc = WICK_OK;
    if (wick_pack_is_at(path))
        rc = wick_pack_open(path, out, error);
    else if (n > 5 && strcmp(path + n - 5, ".wick") == 0 && access(path, F_OK) != 0 && errno == ENOENT)
        rc = wick_fail(error, WICK_E_MODEL_NOT_FOUND, path, "check the path, or make the file with `wick pack`",
                       "there is no such packed model");
    free(path);
    return rc;
}

/* The dtype of a pack is said in its description; one that is asked for must be that. */
static int check_dtype(const wick_model_files *files, const char *dtype, wick_error *error)
{
    char mend[128];
    if (!dtype || strcmp(dtype, files->packed_dtype) == 0)
        return WICK_OK;
    snprintf(mend, sizeof mend, "leave dtype out, or pack the model again with --dtype %s", dtype);
    return wick_fail(error, WICK_E_INVALID_INPUT, files->path, mend, "the model was packed in %s, asked for was %s",
                     files->packed_dtype, dtype);
}

/* Under the embedded model's name, but in another dtype, another one is meant. */
static bool means_embedded(const char *name, const uint8_t **data, size_t *n)
{
    const char *embedded = wick_embedded_name();
    return embedded && name && strcmp(name, embedded) == 0 && wick_embedded_get(data, n);
}

int wick_engine_find_packed(const char *name, const char *dtype, wick_pack **pack, wick_model_files **files,
                            wick_error *error)
{
    const uint8_t *data;
    size_t n;
    const bool is_embedded = means_embedded(name, &data, &n);
    *pack = NULL;
    *files = NULL;
    int rc = !name || !name[0] ? WICK_OK
             : is_embedded     ? wick_pack_open_memory(data, n, INSIDE, pack, error)
                               : open_file(name, pack, error);
    if (rc != WICK_OK || !*pack)
        return rc;
    rc = wick_model_files_unpack(*pack, files, error);
    const bool is_other = rc == WICK_OK && is_embedded && dtype && strcmp(dtype, (*files)->packed_dtype) != 0;
    if (rc == WICK_OK && !is_other)
        rc = check_dtype(*files, dtype, error);
    if (rc == WICK_OK && !is_other)
        return WICK_OK;
    wick_model_files_close(*files);
    wick_pack_close(*pack);
    *pack = NULL;
    *files = NULL;
    return rc;
}

int wick_engine_packed_tokenizer(const char *name, wick_tokenizer **out, bool *is_packed, wick_error *error)
{
    wick_pack *pack = NULL;
    wick_model_files *files = NULL;
    int rc = wick_engine_find_packed(name, NULL, &pack, &files, error);
    *out = NULL;
    *is_packed = pack != NULL || rc != WICK_OK;
    if (pack)
        rc = wick_tokenizer_unpack(pack, out, error);
    if (*out)
        wick_tokenizer_adapt(*out, files->truncate_side, files->static_embedding.is_wanted);
    wick_model_files_close(files);
    wick_pack_close(pack);
    return rc;
}

/* ---- packing ------------------------------------------------------------------------------------------------------- */

/* What the packed model will be called: a hub name, or the folder's own. */
static char *name_of(const char *name)
{
    wick_hub_name hub;
    if (!wick_hub_name_is_path(name))
        return strdup(wick_hub_name_parse(name, &hub, NULL) == WICK_OK ? hub.repo : name);
    char *real = wick_path_expand(name), *folder = real ? realpath(real, NULL) : NULL;
    const char *slash = folder ? strrchr(folder, '/') : NULL;
    char *own = slash && slash[1] ? strdup(slash + 1) : strdup("model");
    free(folder);
    free(real);
    return own;
}

/* It must be one that opens: tokens that the model has no embedding of would be found at each opening. */
static int add_tokenizer(const wick_model_files *files, wick_pack_writer *writer, wick_error *error)
{
    char *path = wick_path_join(files->transformer_path, "tokenizer.json");
    wick_tokenizer *tokenizer = NULL;
    if (!path)
        return wick_fail_memory(error, "the tokenizer's path");
    int rc = wick_tokenizer_read(path, &tokenizer, error);
    if (rc == WICK_OK && wick_tokenizer_vocab_size(tokenizer) > files->encoder.vocab_size)
        rc = wick_fail(error, WICK_E_CORRUPT, path, "get the model's files again: they do not belong together",
                       "tokenizer.json has more tokens than the model has embeddings");
    if (rc == WICK_OK)
        rc = wick_tokenizer_pack(path, writer, error);
    wick_tokenizer_free(tokenizer);
    free(path);
    return rc;
}

static int add_all(const char *name, const char *folder, const wick_pack_options *options, wick_pack_writer *writer,
                   wick_error *error)
{
    wick_model_files *files = NULL;
    wick_pool *pool = NULL;
    char *own = name_of(name);
    const unsigned n_threads = options->n_threads > 0 ? options->n_threads : wick_usable_cpus();
    const char *dtype = options->dtype ? options->dtype : WICK_DEFAULT_DTYPE;
    int rc = own ? wick_model_files_open(folder, &files, error) : wick_fail_memory(error, "the model's name");
    if (rc == WICK_OK)
        rc = wick_pool_new(n_threads < WICK_MAX_THREADS ? n_threads : WICK_MAX_THREADS, &pool, error);
    if (rc == WICK_OK)
        rc = wick_model_describe(files, own, dtype, writer, error);
    if (rc == WICK_OK)
        rc = wick_sentence_settings_pack(&files->sentence, writer, error);
    if (rc == WICK_OK)
        rc = add_tokenizer(files, writer, error);
    if (rc == WICK_OK) {
        const wick_backend_options backend = {pool, dtype, NULL};
        const wick_backend_ops *ops = files->static_embedding.is_wanted ? &wick_backend_static : &wick_backend_cpu;
        rc = ops->pack(files, &backend, writer, error);
    }
    wick_pool_free(pool);
    wick_model_files_close(files);
    free(own);
    return rc;
}

int wick_model_pack(const char *name, const wick_pack_options *options, wick_pack_writer **out, wick_error *error)
{
    char *folder = NULL, *path = name ? wick_path_expand(name) : NULL;
    const bool is_packed = path && wick_pack_is_at(path);
    *out = NULL;
    free(path);
    if (is_packed)
        return wick_fail(error, WICK_E_INVALID_INPUT, name, "name the folder or the hub name it was packed from",
                         "the model is packed already");
    int rc = options->dtype ? wick_choice_check("dtype", options->dtype, wick_dtype_names, "dtype", error) : WICK_OK;
    if (rc == WICK_OK)
        rc = wick_engine_folder(name, options->cache_dir, false, &folder, error);
    wick_pack_writer *writer = rc == WICK_OK ? wick_pack_writer_new() : NULL;
    if (rc == WICK_OK)
        rc = writer ? add_all(name, folder, options, writer, error) : wick_fail_memory(error, "the packed model");
    free(folder);
    if (rc == WICK_OK)
        *out = writer;
    else
        wick_pack_writer_free(writer);
    return rc;
}
