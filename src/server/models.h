/* SPDX-License-Identifier: Apache-2.0
 * models.h: the models that the server serves, by name. In: names from requests. Out: a served model, borrowed for the length of a request, so that
 * unloading waits for requests in flight and then gives the memory back. Loading and unloading run on threads of their own. */
#ifndef WICK_SERVER_MODELS_H
#define WICK_SERVER_MODELS_H
#include "server/lane.h"

typedef struct wick_models wick_models;

/* One loaded model. All fields are constant while it is borrowed. */
typedef struct wick_served {
    const char *name;         /* the first of its names */
    const char *const *names; /* [n_names] what it is served under */
    size_t n_names;
    wick_provider *provider;
    const wick_tokenizer *tokenizer; /* NULL: the provider has none (mock); its tokens are counted by bytes / 4 + 2 */
    wick_model_info info;            /* its strings live as long as the model */
    const char *provider_name;       /* "candle": who served when it was loaded; a fallback may stand in since then */
    wick_lane *lane;
    double loaded_at; /* seconds since 1970 */
} wick_served;

/* How models are opened; copied. */
typedef struct wick_models_options {
    wick_provider_options
        provider; /* provider, device, dtype, cache_dir, n_threads for all of them; its model is not looked at */
    wick_lane_options lane;
    size_t max_models; /* loaded at once */
    bool allow_load;   /* by request */
} wick_models_options;

/* lane.turns is not looked at: all lanes share turns of the register's own. */
int wick_models_new(const wick_models_options *options, wick_models **out, wick_error *error);
/* Takes all models out of service and waits until they are returned; where drain is false their queued jobs end at once. Nobody may be inside another
 * function but wick_models_return. */
void wick_models_free(wick_models *models, bool drain);
/* What it was made with; lives as long as models. */
const wick_models_options *wick_models_get_options(const wick_models *models);

/* Loads a model and serves it under names, and under its own: the hub name without its revision, for a folder the folder's name. Waits; a second call
 * for the same model waits for the first. Already served: WICK_OK, its names stay. WICK_E_INVALID_INPUT: another model has one of the names.
 * WICK_E_UNAVAILABLE: as many as max_models are loaded. */
int wick_models_load(wick_models *models, const char *model, const char *const *names, size_t n_names,
                     wick_error *error);
/* Takes the model out of service at once, waits for its requests, frees it. WICK_E_MODEL_NOT_FOUND. Not from a thread that has borrowed it. */
int wick_models_unload(wick_models *models, const char *name, wick_error *error);

/* name NULL or empty: the only model, where there is one. WICK_E_MODEL_NOT_FOUND names those that are served. Any thread. */
int wick_models_borrow(wick_models *models, const char *name, wick_served **out, wick_error *error);
void wick_models_return(wick_models *models, wick_served *served);
/* Borrows all of them, at most n, in the order of their loading; returns how many. */
size_t wick_models_borrow_all(wick_models *models, wick_served **out, size_t n);

#endif
