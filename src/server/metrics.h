/* SPDX-License-Identifier: Apache-2.0
 * metrics.h: counters and histograms of the server, and their Prometheus text. In: events, from any thread, without locks. Out: the text of /metrics.
 * Names of users, keys and texts never become labels: routes come from the table of routes, models from the registry. */
#ifndef WICK_SERVER_METRICS_H
#define WICK_SERVER_METRICS_H
#include "server/json_writer.h"
#include "server/models.h"

typedef struct wick_metrics wick_metrics;

wick_metrics *wick_metrics_new(void); /* NULL: out of memory */
void wick_metrics_free(wick_metrics *metrics);

/* All of these accept metrics NULL. route: static, from the table of routes ("/embed"; "other" for the rest). */
void wick_metrics_request(wick_metrics *metrics, const char *route, int status, double seconds);
void wick_metrics_job(wick_metrics *metrics, double queue_seconds, double tokenize_seconds, double inference_seconds);
void wick_metrics_batch(wick_metrics *metrics, size_t n_texts, size_t n_tokens);
void wick_metrics_texts(wick_metrics *metrics, const char *model, size_t n_texts, size_t n_tokens);
void wick_metrics_error(wick_metrics *metrics, const char *code); /* static: "invalid_input"... */
void wick_metrics_nonfinite(wick_metrics *metrics);

/* Appends the Prometheus text (version 0.0.4) to out. */
void wick_metrics_write(const wick_metrics *metrics, wick_models *models, size_t n_connections, wick_buffer *out);

#endif
