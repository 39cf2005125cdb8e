/* SPDX-License-Identifier: Apache-2.0
 * queue.h: which texts are embedded next. In: jobs. Out: batches, put together of slices of jobs. A data structure alone: no threads, no clock, and
 * no memory taken after it was made. Used by the lane's files (lane_own.h), with the lane's mutex held.
 *
 * Clients take turns by deficit round robin (Shreedhar and Varghese, 1995) in tokens: at each turn a client may spend a quantum more, and what it
 * does not spend it keeps while it has jobs waiting. Of one client's jobs the first goes first, but one that had its quantum goes behind the client's
 * others: a job of 2,000 texts holds up nobody, not even its own sender's next. docs/server-queue.md says why. */
#ifndef WICK_SERVER_QUEUE_H
#define WICK_SERVER_QUEUE_H
#include "server/lane.h"

/* A text costs its client's turns as many tokens as it has, but never more than so many quanta: what a caller says of one text never takes more than some turns. */
#define WICK_QUEUE_MOST_QUANTA 16
/* Clients told apart at once; more share turns. A client without a waiting job is not remembered at all. */
#define WICK_QUEUE_CLIENTS 1024

typedef struct wick_queue wick_queue;

/* Texts [first, first + n) of a job, which are the batch's texts [row, row + n). */
typedef struct wick_slice {
    wick_job *job;
    size_t first, n, row;
} wick_slice;

typedef struct wick_batch {
    size_t max_tokens, max_texts; /* at least 1; a text over max_tokens goes alone */
    wick_slice *slices; /* [n_slices], room for max_texts. A job may have several, in the order of its texts */
    size_t n_slices, n_texts, n_tokens;
    uint64_t number; /* of all batches of the queue */
} wick_batch;

/* What to do with a job that is about to be served: false where it was dropped, that is removed from the queue (wick_queue_remove) and ended. */
typedef bool (*wick_queue_keep)(void *user, wick_job *job);

/* quantum: tokens a turn, at least 1. NULL: out of memory. */
wick_queue *wick_queue_new(size_t quantum);
void wick_queue_free(wick_queue *queue);

/* Puts a job with all its texts, whose tokens are n_tokens_left, at the end of its client's (urgent ones: of all urgent ones). */
void wick_queue_add(wick_queue *queue, wick_job *job);
/* Takes a job out that still has texts waiting (next_text < n_texts): none are any more. */
void wick_queue_remove(wick_queue *queue, wick_job *job);
/* How many batches could be under way at once with what waits: each text of vectors in one, all texts of a job that wants none in the same. */
size_t wick_queue_n_apart(const wick_queue *queue);
/* Tokens of the longest text among those that are next, as far as max_tokens go: all urgent ones, then by clients and jobs as they stand. 0: none waits. */
size_t wick_queue_longest(const wick_queue *queue, size_t max_tokens);
/* Of all jobs, as far as they are in no batch. */
size_t wick_queue_n_texts(const wick_queue *queue);
size_t wick_queue_n_tokens(const wick_queue *queue);

/* Fills batch with the texts that are next: of urgent jobs, then by turns, until nothing more fits or nothing is left. Jobs that cannot be embedded in
 * one call with the first one stay, and the next batch begins with the first of them. Jobs whose last text was taken are no longer in the queue. Each slice counts in its job's n_slices until
 * the caller, after the batch, takes it off again; a job that wants no vectors and has slices in another batch is passed over. So the batch may be empty where the queue is not. */
void wick_queue_take(wick_queue *queue, wick_batch *batch, wick_queue_keep keep, void *user);

/* Shows every waiting job to keep. */
void wick_queue_sweep(wick_queue *queue, wick_queue_keep keep, void *user);

#endif
