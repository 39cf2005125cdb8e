/* SPDX-License-Identifier: Apache-2.0
 * queue.c: deficit round robin over clients; see queue.h. Clients with waiting jobs stand in a ring, in the order of their turns (a list whose end goes
 * round to its beginning), and in a hash table by their id. */
#include "server/queue.h"
#include <stdlib.h>
#include <string.h>

typedef struct client {
    uint64_t id;
    struct client *chain;       /* the next one in the same bucket, or in the list of free ones */
    struct client *prev, *next; /* in the order of turns */
    wick_job *first, *last;
    size_t deficit; /* tokens that it may still spend */
    bool has_turn;  /* this turn's quantum is in the deficit */
} client;

/* A list of clients, linked by prev and next. */
typedef struct client_list {
    client *first, *last;
} client_list;

struct wick_queue {
    size_t quantum;
    size_t n_texts, n_tokens; /* waiting */
    size_t n_apart;           /* wick_queue_n_apart */
    uint64_t n_batches;
    client urgent; /* not in the ring */
    client_list ring;
    client *free;
    client *buckets[WICK_QUEUE_CLIENTS];
    client clients[WICK_QUEUE_CLIENTS];
};

wick_queue *wick_queue_new(size_t quantum)
{
    wick_queue *queue = calloc(1, sizeof *queue);
    if (!queue)
        return NULL;
    queue->quantum = quantum > 0 ? quantum : 1;
    for (size_t i = WICK_QUEUE_CLIENTS; i-- > 0;) {
        queue->clients[i].chain = queue->free;
        queue->free = &queue->clients[i];
    }
    return queue;
}

void wick_queue_free(wick_queue *queue)
{
    free(queue);
}

/* ---- clients ---- */

/* Fibonacci hashing: the high bits of the product depend on all of id's. */
static client **bucket_of(wick_queue *queue, uint64_t id)
{
    return &queue->buckets[(id * 0x9E3779B97F4A7C15u) >> 32 & (WICK_QUEUE_CLIENTS - 1)];
}

static void list_append(client_list *list, client *one)
{
    one->prev = list->last;
    one->next = NULL;
    *(list->last ? &list->last->next : &list->first) = one;
    list->last = one;
}

static void list_remove(client_list *list, client *one)
{
    *(one->prev ? &one->prev->next : &list->first) = one->next;
    *(one->next ? &one->next->prev : &list->last) = one->prev;
}

/* Puts all of front before the rest of list. */
static void list_prepend_all(client_list *list, const client_list *front)
{
    if (!front->first)
        return;
    front->last->next = list->first;
    *(list->first ? &list->first->prev : &list->last) = front->last;
    list->first = front->first;
}

/* The client with this id, put at the end of the ring where it had nothing waiting. Where there are too many, one whose turns it shares. */
static client *client_of(wick_queue *queue, uint64_t id)
{
    client **bucket = bucket_of(queue, id);
    for (client *one = *bucket; one; one = one->chain)
        if (one->id == id)
            return one;
    client *one = queue->free;
    if (!one)
        return &queue->clients[id % WICK_QUEUE_CLIENTS]; /* all are in use */
    queue->free = one->chain;
    *one = (client){.id = id, .chain = *bucket};
    *bucket = one;
    list_append(&queue->ring, one);
    return one;
}

/* Forgets a client without jobs. */
static void client_forget(wick_queue *queue, client *one)
{
    client **link = bucket_of(queue, one->id);
    while (*link != one)
        link = &(*link)->chain;
    *link = one->chain;
    list_remove(&queue->ring, one);
    one->chain = queue->free;
    queue->free = one;
}

/* ---- jobs of a client ---- */

static void client_append(client *one, wick_job *job)
{
    job->prev = one->last;
    job->next = NULL;
    job->turn_tokens = 0;
    *(one->last ? &one->last->next : &one->first) = job;
    one->last = job;
    job->owner = one;
}

static void client_detach(client *one, wick_job *job)
{
    *(job->prev ? &job->prev->next : &one->first) = job->next;
    *(job->next ? &job->next->prev : &one->last) = job->prev;
    job->owner = NULL;
}

/* Of the job's texts that wait: those that may be in batches of their own. */
static size_t n_apart(const wick_job *job)
{
    const size_t n = job->n_texts - job->next_text;
    return job->wanted == WICK_WANT_VECTORS || n == 0 ? n : 1;
}

void wick_queue_add(wick_queue *queue, wick_job *job)
{
    job->next_text = job->n_slices = 0;
    job->batch = 0;
    job->n_tokens_waiting = job->n_tokens_left;
    queue->n_texts += job->n_texts;
    queue->n_tokens += job->n_tokens_waiting;
    queue->n_apart += n_apart(job);
    client_append(job->is_urgent ? &queue->urgent : client_of(queue, job->client), job);
}

void wick_queue_remove(wick_queue *queue, wick_job *job)
{
    client *one = job->owner;
    queue->n_apart -= n_apart(job);
    queue->n_texts -= job->n_texts - job->next_text;
    queue->n_tokens -= job->n_tokens_waiting;
    job->next_text = job->n_texts;
    job->n_tokens_waiting = 0;
    client_detach(one, job);
    if (!one->first && one != &queue->urgent)
        client_forget(queue, one);
}

size_t wick_queue_n_apart(const wick_queue *queue)
{
    return queue->n_apart;
}

size_t wick_queue_n_texts(const wick_queue *queue)
{
    return queue->n_texts;
}

size_t wick_queue_n_tokens(const wick_queue *queue)
{
    return queue->n_tokens;
}

/* ---- a batch ---- */

/* NULL: what the model has by default, which "" is not. */
static bool are_same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* One call of the provider can embed both. Cutting to dimensions and normalising are done by the lane, after the call. */
static bool go_together(const wick_job *a, const wick_job *b)
{
    return a->wanted == b->wanted && a->scores == b->scores && a->options.truncate == b->options.truncate &&
           a->options.truncate_side == b->options.truncate_side && are_same(a->options.prompt, b->options.prompt) &&
           are_same(a->options.prompt_name, b->options.prompt_name);
}

static size_t tokens_of(const wick_job *job, size_t text)
{
    return job->n_tokens[text] > 0 ? job->n_tokens[text] : 1;
}

static bool fits(const wick_batch *batch, const wick_job *job, size_t n_tokens)
{
    const bool is_sparse = job->wanted == WICK_WANT_SPARSE && batch->max_texts > WICK_SPARSE_BATCH_TEXTS;
    const size_t max_texts = is_sparse ? WICK_SPARSE_BATCH_TEXTS : batch->max_texts;
    return batch->n_texts == 0 || (batch->n_texts < max_texts && n_tokens <= batch->max_tokens &&
                                   batch->n_tokens <= batch->max_tokens - n_tokens);
}

/* What is no vector has no place of its own among a job's results, which are put one behind the other: such a job is in one batch at a time. */
static bool is_elsewhere(const wick_batch *batch, const wick_job *job)
{
    return job->wanted != WICK_WANT_VECTORS && job->n_slices > 0 && job->batch != batch->number;
}

/* Takes the job's next text. */
static void take_text(wick_queue *queue, wick_batch *batch, wick_job *job, size_t n_tokens)
{
    wick_slice *slice = batch->n_slices > 0 ? &batch->slices[batch->n_slices - 1] : NULL;
    if (!slice || slice->job != job) { /* the last slice's end is where the job goes on */
        slice = &batch->slices[batch->n_slices++];
        *slice = (wick_slice){job, job->next_text, 0, batch->n_texts};
        job->batch = batch->number;
        job->n_slices++;
    }
    slice->n++;
    queue->n_apart -= n_apart(job);
    job->next_text++;
    queue->n_apart += n_apart(job);
    job->n_tokens_waiting -= n_tokens;
    queue->n_texts--;
    queue->n_tokens -= n_tokens;
    batch->n_texts++;
    batch->n_tokens += n_tokens;
}

/* Looks at no more texts than there are tokens in *left. */
static size_t longest_of(const client *one, size_t *left)
{
    size_t longest = 0;
    for (const wick_job *job = one->first; job; job = job->next)
        for (size_t i = job->next_text; i < job->n_texts; i++) {
            const size_t n_tokens = tokens_of(job, i);
            longest = n_tokens > longest ? n_tokens : longest;
            if (n_tokens >= *left) {
                *left = 0;
                return longest;
            }
            *left -= n_tokens;
        }
    return longest;
}

size_t wick_queue_longest(const wick_queue *queue, size_t max_tokens)
{
    size_t left = max_tokens, longest = longest_of(&queue->urgent, &left);
    for (const client *one = queue->ring.first; one && left > 0; one = one->next) {
        const size_t own = longest_of(one, &left);
        longest = own > longest ? own : longest;
    }
    return longest;
}

typedef enum served { SERVED_OUT, SERVED_BATCH_FULL, SERVED_TURN_OVER } served;

/* Takes texts of a job until it has none left, the batch is full or the client's deficit (NULL: without end) is used up. */
static served serve_job(wick_queue *queue, wick_batch *batch, wick_job *job, size_t *deficit)
{
    while (job->next_text < job->n_texts) {
        const size_t n_tokens = tokens_of(job, job->next_text);
        const size_t most = queue->quantum * WICK_QUEUE_MOST_QUANTA, cost = n_tokens < most ? n_tokens : most;
        /* In this order: whose turn is kept for the next batch can begin it, and is not passed by with nothing taken. */
        if (deficit && cost > *deficit)
            return SERVED_TURN_OVER;
        if (!fits(batch, job, n_tokens))
            return SERVED_BATCH_FULL;
        if (deficit)
            *deficit -= cost;
        job->turn_tokens += cost;
        take_text(queue, batch, job, n_tokens);
    }
    return SERVED_OUT;
}

/* False: the batch is full. */
static bool serve_urgent(wick_queue *queue, wick_batch *batch, wick_queue_keep keep, void *user)
{
    wick_job *next;
    for (wick_job *job = queue->urgent.first; job; job = next) {
        next = job->next;
        if (!keep(user, job) || is_elsewhere(batch, job) ||
            (batch->n_texts > 0 && !go_together(job, batch->slices[0].job)))
            continue;
        if (serve_job(queue, batch, job, NULL) != SERVED_OUT)
            return false;
        client_detach(&queue->urgent, job);
    }
    return true;
}

/* What one visit to a client came to. */
typedef enum visit { VISIT_EMPTIED, VISIT_TURN_OVER, VISIT_BATCH_FULL, VISIT_PASSED_OVER } visit;

static visit serve_client(wick_queue *queue, wick_batch *batch, client *one, wick_queue_keep keep, void *user)
{
    wick_job *next;
    bool is_left = false;
    for (wick_job *job = one->first; job; job = next) {
        next = job->next;
        const bool is_last = !next && !job->prev;
        if (!keep(user, job)) {
            if (is_last)
                return VISIT_EMPTIED; /* and forgotten, by wick_queue_remove */
            continue;
        }
        if (is_elsewhere(batch, job)) {
            is_left = true;
            continue;
        }
        if (batch->n_texts > 0 && !go_together(job, batch->slices[0].job))
            return VISIT_PASSED_OVER;
        if (!one->has_turn) {
            one->deficit += queue->quantum;
            one->has_turn = true;
        }
        const served how = serve_job(queue, batch, job, &one->deficit);
        if (how == SERVED_OUT) {
            wick_queue_remove(queue, job);
            if (is_last)
                return VISIT_EMPTIED;
            continue;
        }
        if (job->turn_tokens >= queue->quantum && !is_last) {
            client_detach(one, job);
            client_append(one, job);
        }
        return how == SERVED_BATCH_FULL ? VISIT_BATCH_FULL : VISIT_TURN_OVER;
    }
    return is_left ? VISIT_PASSED_OVER : VISIT_EMPTIED;
}

void wick_queue_take(wick_queue *queue, wick_batch *batch, wick_queue_keep keep, void *user)
{
    batch->n_slices = batch->n_texts = batch->n_tokens = 0;
    batch->number = ++queue->n_batches;
    if (!serve_urgent(queue, batch, keep, user))
        return;
    client_list passed_over = {0};
    while (queue->ring.first) {
        client *one = queue->ring.first;
        const visit how = serve_client(queue, batch, one, keep, user);
        if (how == VISIT_BATCH_FULL)
            break; /* its turn goes on with the next batch */
        if (how == VISIT_EMPTIED)
            continue;
        list_remove(&queue->ring, one);
        if (how == VISIT_PASSED_OVER) {
            list_append(&passed_over, one);
        } else {
            one->has_turn = false;
            list_append(&queue->ring, one);
        }
    }
    list_prepend_all(&queue->ring, &passed_over);
}

static void sweep_client(client *one, wick_queue_keep keep, void *user)
{
    wick_job *next;
    for (wick_job *job = one->first; job; job = next) {
        next = job->next;
        keep(user, job);
    }
}

void wick_queue_sweep(wick_queue *queue, wick_queue_keep keep, void *user)
{
    client *next;
    sweep_client(&queue->urgent, keep, user);
    for (client *one = queue->ring.first; one; one = next) {
        next = one->next;
        sweep_client(one, keep, user);
    }
}
