/* SPDX-License-Identifier: Apache-2.0
 * service_models.h: what the dialects tell of models beside their vectors. Used by the dialects. */
#ifndef WICK_SERVER_SERVICE_MODELS_H
#define WICK_SERVER_SERVICE_MODELS_H
#include "server/call.h"

#define WICK_SERVICE_MAX_MODELS 64 /* that a list shows */

/* The name that the reply goes by: the one asked for, else the model's first. */
const char *wick_call_model_name(const wick_call *call);
/* The commit of the model's files, where they lie in a hub cache; else NULL. */
const char *wick_served_commit(const wick_served *served);
/* The names in the hub cache that hold a model's files, as JSON strings between commas: "a/b","c/d". */
void wick_service_put_cached(const char *cache_dir, wick_buffer *out);
/* Seconds since 1970 as "2026-11-23T08:30:00Z", a JSON string. */
void wick_json_put_time(wick_buffer *out, double seconds);

/* Calls put for every name of every model that is served, with commas in between. */
void wick_service_put_names(const wick_service *service,
                            void (*put)(const wick_served *served, const char *name, wick_buffer *out),
                            wick_buffer *out);

#endif
