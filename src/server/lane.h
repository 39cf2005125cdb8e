/* SPDX-License-Identifier: Apache-2.0
 * lane.h: the queue before one model, and the threads that empty it. In: jobs (tokenized texts of one request). Out: their vectors, or what else they want, through job->done.
 *
 * There is no waiting window: a thread takes what is there, up to a budget of tokens, and embeds it as one batch; what comes meanwhile is the next batch. With little to do a batch has all cores;
 * with more, each core has a batch of its own. Clients take turns (deficit round robin, in tokens), and a job of many texts is served in slices, so that it never holds up
 * a small one of somebody else. Before it embeds, it drops jobs whose deadline has passed or whose client has left. A circuit breaker
 * stands round the provider (breaker.h); retriable failures are tried again. */
#ifndef WICK_SERVER_LANE_H
#define WICK_SERVER_LANE_H
#include <stdatomic.h>
#include "provider/kinds.h"

typedef struct wick_lane wick_lane;

/* The most values that a reply holds of what is no vector of a text: 64 MB, and as JSON some 200. What a model gives for texts, and so how much memory a request takes, is
 * not to be seen in the request. */
#define WICK_MAX_REPLY_VALUES ((size_t)1 << 24)
/* Texts for sparse vectors that are embedded at once: any may come to have a weight for every word. */
#define WICK_SPARSE_BATCH_TEXTS ((size_t)64)

typedef struct wick_job {
    /* Filled by the caller, who keeps all of it alive until done. */
    const char *const *texts;   /* [n_texts] */
    const size_t *text_bytes;   /* [n_texts] */
    const uint32_t *n_tokens;   /* [n_texts], special ones included, after truncation; at least 1 */
    size_t n_texts;             /* >= 1 */
    wick_wanted wanted;         /* SCORES also for what was asked for as RANKING */
    const char *const *seconds; /* SCORES: [n_texts] second texts of pairs; NULL in it: none. NULL: none at all */
    const size_t *second_bytes; /* [n_texts] */
    uint8_t scores;             /* SCORES: WICK_SCORES_* */
    wick_embed_options options;
    uint64_t client;            /* who takes turns with whom: a hash of the key, else of the address */
    double deadline_ms;         /* wick_now_ms; 0: none */
    const atomic_bool *is_gone; /* the client left; may be NULL */
    bool is_urgent;             /* goes before all others: the canary */
    float *out;                 /* VECTORS: [n_texts, dimension after the cut] */
    wick_rows_response rows;    /* {0}; what else is wanted comes here, for the caller to clear after done */
    void (*done)(
        struct wick_job *job); /* on a thread of the lane's, once, for every job that was accepted; must not wait */
    void *user;
    /* Filled by the lane. */
    int code; /* WICK_OK, or why not; WICK_E_TIMEOUT: the deadline passed */
    wick_error error;
    double queue_ms;     /* until its first text was in a batch */
    double inference_ms; /* while at least one batch was under way that it was in */
    /* The lane's own. */
    struct wick_job *next, *prev;
    void *owner;                        /* queue.c: the client in whose list it stands; NULL: in none */
    size_t next_text;                   /* the first that is in no batch yet */
    size_t turn_tokens;                 /* served since it came to be first of its client's */
    size_t n_tokens_waiting;            /* of texts from next_text on */
    size_t n_slices;                    /* in batches under way */
    uint64_t batch;                     /* the number of the one that it was last put into */
    size_t n_tokens_left, charge;       /* of texts that are not embedded yet; what it counts with in the queue */
    size_t rows_capacity;               /* of rows, in values */
    double submitted_ms, busy_since_ms; /* the latter: 0 while it is in no batch */
} wick_job;

typedef enum wick_submitted {
    WICK_SUBMITTED,   /* done will be called */
    WICK_SUBMIT_FULL, /* the queue's tokens, or the client's share of them, are used up: 429. retry_after_ms: how long what is queued will take */
    WICK_SUBMIT_OPEN, /* the breaker is open: 503 at once */
    WICK_SUBMIT_STOPPING /* the lane is being closed: 503 */
} wick_submitted;

typedef struct wick_lane_options {
    size_t batch_tokens; /* a batch's budget; one text alone may be longer */
    size_t
        queue_tokens; /* jobs past this are refused, and a client's past three quarters of it; urgent ones never. See wick_lane_submit */
    unsigned n_retries; /* of retriable failures */
    unsigned breaker_failures, breaker_open_ms;
    struct wick_metrics *metrics; /* NULL: none */
    struct wick_places *places; /* base/places.h: the machine's cores, which lanes share. NULL: alone on the machine */
} wick_lane_options;

/* provider stays open at least as long as the lane. */
int wick_lane_open(wick_provider *provider, const wick_lane_options *options, wick_lane **out, wick_error *error);
/* Takes no more jobs (WICK_SUBMIT_STOPPING) and returns when all accepted ones have ended: worked off, or, where drain is false, with
 * WICK_E_UNAVAILABLE but for the batch under way. Any thread; may be called again, with drain false to cut a drain short. */
void wick_lane_stop(wick_lane *lane, bool drain);
/* Stops the lane and frees it. Nobody may be inside another function of the lane any more, nor come. NULL is accepted. */
void wick_lane_close(wick_lane *lane, bool drain);

/* Any thread; never waits. retry_after_ms: NULL, or filled where the queue is full or the breaker open.
 * A job counts with its tokens, but with at most three quarters of queue_tokens, from here until its done: so an empty queue takes any job, and
 * whatever one client sends, a quarter is left to the others. */
wick_submitted wick_lane_submit(wick_lane *lane, wick_job *job, unsigned *retry_after_ms);
/* Would so many tokens be refused now, whoever sends them? */
bool wick_lane_is_full(const wick_lane *lane, size_t n_tokens);
/* For shedding before a body is even read as JSON: the queue, or the client's share of it, is full or as good as full. */
bool wick_lane_sheds(const wick_lane *lane, uint64_t client);

typedef struct wick_lane_state {
    size_t n_jobs;   /* accepted and not ended */
    size_t n_tokens; /* theirs, as far as they are not embedded */
    double busy_ms;  /* how long the longest batch under way has been, 0: idle. A stuck engine shows here */
    int breaker;     /* 0 closed, 1 half-open, 2 open */
} wick_lane_state;
wick_lane_state wick_lane_get_state(const wick_lane *lane);

#endif
