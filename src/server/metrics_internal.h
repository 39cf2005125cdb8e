/* SPDX-License-Identifier: Apache-2.0
 * metrics_internal.h: what metrics.c (counting) and metrics_text.c (writing) share. */
#ifndef WICK_SERVER_METRICS_INTERNAL_H
#define WICK_SERVER_METRICS_INTERNAL_H
#include "server/metrics.h"
#include <stdatomic.h>

/* Places in the tables of labels, the last of each for "other". More than there are routes (some 30), codes (some 10), models at once. */
#define WICK_METRICS_ROUTES 64
#define WICK_METRICS_STATUSES 16
#define WICK_METRICS_MODELS 64
#define WICK_METRICS_ERRORS 24
#define WICK_METRICS_BUCKETS 16

typedef _Atomic uint64_t wick_counter;

/* The upper bounds of a histogram's buckets: as they are printed, and in the unit that is counted in. */
typedef struct wick_bounds {
    size_t n;
    const char *texts[WICK_METRICS_BUCKETS];
    uint64_t values[WICK_METRICS_BUCKETS];
    uint64_t unit; /* what the sum is divided by: 10^9 where nanoseconds are counted and seconds shown */
} wick_bounds;
extern const wick_bounds wick_bounds_seconds, wick_bounds_tokens, wick_bounds_texts;

typedef struct wick_histogram {
    wick_counter buckets[WICK_METRICS_BUCKETS + 1]; /* the last: above all bounds */
    wick_counter sum;
} wick_histogram;

enum { WICK_LABEL_FREE, WICK_LABEL_TAKEN, WICK_LABEL_READY };
typedef struct wick_label {
    atomic_int state;
    char text[256]; /* constant once READY */
} wick_label;

typedef struct wick_route_counts {
    atomic_int statuses[WICK_METRICS_STATUSES]; /* 0: free */
    wick_counter n_by_status[WICK_METRICS_STATUSES];
    wick_histogram duration;
} wick_route_counts;

struct wick_metrics {
    double started_at; /* of the process, seconds since 1970 */
    wick_label route_labels[WICK_METRICS_ROUTES], model_labels[WICK_METRICS_MODELS], error_labels[WICK_METRICS_ERRORS];
    wick_route_counts routes[WICK_METRICS_ROUTES];
    wick_counter texts[WICK_METRICS_MODELS], tokens[WICK_METRICS_MODELS];
    wick_counter errors[WICK_METRICS_ERRORS];
    wick_counter nonfinite;
    wick_histogram queue, tokenize, inference, batch_tokens, batch_texts;
};

/* When this process began, seconds since 1970. */
double wick_process_started_at(void);

typedef struct wick_process_state {
    uint64_t resident_bytes;
    uint64_t cpu_us; /* user and system */
    uint64_t n_open_fds;
} wick_process_state;
wick_process_state wick_process_look(void);

#endif
