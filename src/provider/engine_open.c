/* SPDX-License-Identifier: Apache-2.0
 * engine_open.c: opening and closing models. In: a name. Out: a wick_model, immutable but for its idle contexts. The tokenizer is read at the same time as the
 * weights (engine_reader.c). */
#include "base/error.h"
#include "base/log.h"
#include "hub/cache.h"
#include "provider/engine.h"
#include "provider/settings.h"
#include "provider/vectors.h"
#include "text/tokenizer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The weights' side of opening: files, threads, backend. */
static int open_weights(wick_model *model, const wick_model_options *options, wick_error *error)
{
    int rc = model->files ? WICK_OK : wick_model_files_open(model->folder, &model->files, error);
    if (rc != WICK_OK)
        return rc;
    const unsigned n_usable = options->n_threads > 0 ? options->n_threads : wick_usable_cpus();
    rc = wick_pool_new(n_usable < WICK_MAX_THREADS ? n_usable : WICK_MAX_THREADS, &model->pool, error);
    if (rc != WICK_OK)
        return rc;
    /* The pages of the program itself are taken as they are, as its code is. */
    if (model->pack && wick_pack_identity(model->pack) != 0)
        rc = wick_pack_verify(model->pack, model->pool, error);
    if (rc != WICK_OK)
        return rc;
    const wick_backend_options backend_options = {model->pool, model->dtype, model->prepared_dir};
    if (model->files->static_embedding.is_wanted)
        model->ops = &wick_backend_static; /* whatever the device: there is nothing to compute */
    rc = model->ops->open(model->files, &backend_options, &model->backend, error);
    if (rc != WICK_OK)
        return rc;
    model->ops->info(model->backend, &model->backend_info);
    model->dimension = wick_engine_dimension(model->files);
    model->cut = model->files->sentence.truncate_dim;
    if (model->cut == 0 || model->cut > model->dimension) /* more than there is cuts nothing */
        model->cut = model->dimension;
    return WICK_OK;
}

/* What a text is cut at: the model's own limit, or the caller's, which must leave room for the special tokens. Static embeddings know neither positions nor special tokens: only
 * tokenizer.json itself may have a limit. */
static int set_max_seq_length(wick_model *model, size_t wanted, wick_error *error)
{
    const size_t max_tokens = model->files->max_tokens;
    if (model->files->static_embedding.is_wanted) {
        model->max_seq_length = wanted > 0 ? wanted : wick_tokenizer_max_tokens(model->tokenizer);
        return WICK_OK;
    }
    model->max_seq_length = wanted > 0 ? wanted : model->files->max_seq_length;
    if (model->max_seq_length > max_tokens)
        return wick_fail(error, WICK_E_INVALID_INPUT, "max_seq_length", "choose a smaller max_seq_length",
                         "max_seq_length is %zu, the model takes at most %zu tokens", wanted, max_tokens);
    wick_encoding *encoding = wick_encoding_new();
    if (!encoding)
        return wick_fail_memory(error, "token ids");
    int rc = wick_tokenize(model->tokenizer, "", 0, NULL, encoding, error);
    if (rc == WICK_OK && encoding->n_tokens > model->max_seq_length)
        rc = wick_fail(error, WICK_E_INVALID_INPUT, "max_seq_length", "choose a larger max_seq_length",
                       "max_seq_length is %zu, the special tokens alone are %zu", model->max_seq_length,
                       encoding->n_tokens);
    wick_encoding_free(encoding);
    return rc;
}

/* The tokenizer must not make ids that the model has no embedding of. */
static int check_vocabulary(const wick_model *model, wick_error *error)
{
    const size_t n_tokens = wick_tokenizer_vocab_size(model->tokenizer);
    if (n_tokens <= model->files->encoder.vocab_size)
        return WICK_OK;
    return wick_fail(error, WICK_E_CORRUPT, model->folder, "get the model's files again: they do not belong together",
                     "tokenizer.json has token ids up to %zu, the model has %zu embeddings", n_tokens - 1,
                     model->files->encoder.vocab_size);
}

static int open_folder(wick_model *model, const wick_model_options *options, wick_error *error)
{
    wick_prepared_dir(&model->prepared_dir);
    model->reader = wick_tokenizer_reader_start(model->folder, model->pack, model->prepared_dir);
    if (!model->reader)
        return wick_fail_memory(error, "the tokenizer");
    int rc = open_weights(model, options, error);
    /* Older folders keep the transformer's files, tokenizer.json among them, in a folder of their own. */
    const bool is_elsewhere = rc == WICK_OK && strcmp(model->files->transformer_path, model->folder) != 0;
    /* The first failure is told: the weights', else the tokenizer's. */
    int rc_tokenizer =
        wick_tokenizer_reader_take(model->reader, &model->tokenizer, rc == WICK_OK && !is_elsewhere ? error : NULL);
    if (is_elsewhere) {
        wick_tokenizer_reader_free(model->reader); /* it may still be keeping the one that is freed here */
        model->reader = NULL;
        wick_tokenizer_free(model->tokenizer);
        model->tokenizer = NULL;
        rc_tokenizer =
            wick_engine_read_tokenizer(model->files->transformer_path, model->prepared_dir, &model->tokenizer, error);
    }
    rc = rc != WICK_OK ? rc : rc_tokenizer;
    if (rc == WICK_OK)
        wick_tokenizer_adapt(model->tokenizer, model->files->truncate_side, model->files->static_embedding.is_wanted);
    if (rc == WICK_OK)
        rc = check_vocabulary(model, error);
    if (rc == WICK_OK)
        rc = set_max_seq_length(model, options->max_seq_length, error);
    if (rc == WICK_OK)
        rc = wick_engine_find_skips(model, error);
    return rc;
}

/* Files of the cache were right when they came: what is wrong with them now, verify finds and the next pull mends. */
static int mend_cached(const char *name, int rc, wick_error *error)
{
    if (rc == WICK_E_CORRUPT && error && !wick_hub_name_is_path(name))
        snprintf(error->mend, sizeof error->mend,
                 "if the disk damaged it: wick models verify --remove-broken %.80s, then wick pull %.80s", name, name);
    return rc;
}

/* The caller's string may not live as long as the model. */
static const char *static_dtype(const char *dtype)
{
    size_t i = 0;
    while (wick_dtype_names[i + 1] && strcmp(wick_dtype_names[i], dtype) != 0)
        i++;
    return wick_dtype_names[i];
}

int wick_model_open_on(const char *name, const wick_model_options *options, const wick_backend_ops *ops,
                       wick_model **out, wick_error *error)
{
    const double start = wick_now_ms();
    wick_model *model = NULL;
    char *folder = NULL;
    wick_pack *pack = NULL;
    wick_model_files *files = NULL; /* a folder's are opened later */
    int rc = wick_engine_find_packed(name, options->dtype, &pack, &files, error);
    if (rc == WICK_OK && !pack)
        rc = wick_engine_folder(name, options->cache_dir, false, &folder, error);
    else if (rc == WICK_OK && !(folder = strdup(wick_pack_where(pack))))
        rc = wick_fail_memory(error, "the model's path");
    if (rc == WICK_OK && !ops)
        rc = wick_device_select(options->device, options->strict_device, &ops, error);
    if (rc != WICK_OK)
        goto fail;
    model = calloc(1, sizeof *model);
    if (!model || pthread_mutex_init(&model->lock, NULL) != 0) {
        free(model);
        model = NULL;
        rc = wick_fail_memory(error, "the model");
        goto fail;
    }
    model->folder = folder;
    folder = NULL;
    model->pack = pack;
    model->files = files;
    pack = NULL;
    files = NULL;
    model->ops = ops;
    model->dtype = model->pack      ? model->files->packed_dtype
                   : options->dtype ? static_dtype(options->dtype)
                                    : WICK_DEFAULT_DTYPE;
    model->name = strdup(name);
    rc = model->name ? open_folder(model, options, error) : wick_fail_memory(error, "the model's name");
    if (!model->pack)
        rc = mend_cached(name, rc, error);
    if (rc != WICK_OK)
        goto fail;
    wick_log(WICK_LOG_DEBUG, "opened %s in %.1f ms: %s, %s, %u threads", name, wick_now_ms() - start,
             model->backend_info.device, model->backend_info.tier, model->backend_info.n_threads);
    *out = model;
    return WICK_OK;
fail:
    wick_model_close(model);
    wick_model_files_close(files);
    wick_pack_close(pack);
    free(folder);
    return rc;
}

int wick_model_open(const char *name, const wick_model_options *given, wick_model **out, wick_error *error)
{
    if (!out)
        return wick_fail_null(error, "out");
    *out = NULL;
    wick_model_options options;
    wick_model_options_init(&options);
    int rc = wick_options_take(&options, sizeof options, given, "options", error);
    options.dtype = options.dtype && options.dtype[0] ? options.dtype : NULL; /* the model's own, or the default */
    if (rc == WICK_OK && options.dtype)
        rc = wick_choice_check("dtype", options.dtype, wick_dtype_names, "dtype", error);
    return rc == WICK_OK ? wick_model_open_on(name, &options, NULL, out, error) : rc;
}

void wick_model_close(wick_model *model)
{
    if (!model)
        return;
    while (model->idle) {
        wick_context *context = model->idle;
        model->idle = context->next;
        wick_context_free(context);
    }
    if (model->backend)
        model->ops->close(model->backend);
    wick_pool_free(model->pool);
    wick_model_files_close(model->files);
    wick_tokenizer_reader_free(model->reader);
    wick_tokenizer_free(model->tokenizer);
    wick_pack_close(model->pack);
    pthread_mutex_destroy(&model->lock);
    free(model->skips);
    free(model->prepared_dir);
    free(model->name);
    free(model->folder);
    free(model);
}

int wick_model_get_info(const wick_model *model, wick_model_info *info)
{
    if (!model || !info)
        return WICK_E_INVALID_INPUT;
    const wick_model_files *files = model->files;
    const wick_encoder *e = &files->encoder;
    const bool has_encoder = !files->static_embedding.is_wanted;
    const bool has_vectors = wick_kind_purpose(wick_engine_kind(files)) == WICK_WANT_VECTORS;
    const bool has_prompts = files->head.kind != WICK_HEAD_LABELS;
    const wick_model_info own = {
        .size = sizeof own,
        .model = model->name,
        .path = model->folder,
        .dimension = model->cut,
        .max_tokens = files->max_tokens,
        .max_seq_length = model->max_seq_length,
        .n_layers = files->encoder.n_layers,
        .hidden_size = files->encoder.hidden_size,
        .n_heads = files->encoder.n_heads,
        .intermediate_size = files->encoder.intermediate_size,
        .vocab_size = files->encoder.vocab_size,
        .n_parameters = files->n_parameters,
        .architecture = files->architecture,
        .pooling = has_vectors ? wick_pooling_name(files->pooling) : NULL,
        .dtype = model->dtype,
        .device = model->backend_info.device,
        .tier = model->backend_info.tier,
        .n_threads = model->backend_info.n_threads,
        .has_normalize = files->has_normalize,
        .max_dimensions = model->dimension,
        .prompts = has_prompts ? files->sentence.prompts : NULL,
        .n_prompts = has_prompts ? files->sentence.n_prompts : 0,
        .default_prompt_name = has_prompts ? files->sentence.default_prompt_name : NULL,
        .pools_prompt = files->sentence.pools_prompt,
        .similarity = has_vectors ? files->sentence.similarity : NULL,
        .n_kv_heads = e->n_kv_heads,
        .head_dim = e->head_dim,
        .window = wick_encoder_has_windows(e) ? e->window : 0,
        .norm = has_encoder ? wick_norm_kind_name(e->norm_kind) : NULL,
        .norm_place = has_encoder ? wick_norm_place_name(e->norm_place) : NULL,
        .positions = has_encoder ? wick_position_name(e->position) : NULL,
        .activation = has_encoder ? wick_activation_names[e->activation] : NULL,
        .is_gated = e->is_gated,
        .is_causal = e->causal,
        .kind = wick_engine_kind(files),
        .labels = files->head.labels,
        .n_labels = files->head.kind == WICK_HEAD_LABELS ? files->head.n_out : 0,
        .token_dimension = files->head.kind == WICK_HEAD_NONE ? wick_token_dimension(files) : 0,
    };
    return wick_info_give(&own, info, NULL);
}

const wick_tokenizer *wick_model_tokenizer(const wick_model *model)
{
    return model ? model->tokenizer : NULL;
}
