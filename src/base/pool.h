/* SPDX-License-Identifier: Apache-2.0
 * pool.h: worker threads that run one function side by side, and a barrier between its stages. Short spins, then sleep. */
#ifndef WICK_BASE_POOL_H
#define WICK_BASE_POOL_H
#include <stdatomic.h>
#include <stdint.h>
#include <wick.h>

#define WICK_MAX_THREADS 256

typedef struct wick_pool wick_pool;
/* thread_index: 0 (the calling thread) to n_threads - 1. */
typedef void (*wick_pool_fn)(void *arg, unsigned thread_index);

/* n_threads counts the caller: 1 starts no thread. */
int wick_pool_new(unsigned n_threads, wick_pool **out, wick_error *error);
void wick_pool_free(wick_pool *pool);
unsigned wick_pool_size(const wick_pool *pool);
/* False in a process that was forked from the one that made the pool: threads do not come along, and a run would wait for ever. Free works. */
bool wick_pool_is_alive(const wick_pool *pool);
/* Runs fn on the first n_threads threads (0: all) and returns when all have; callers from several threads take turns. No allocation. */
void wick_pool_run(wick_pool *pool, unsigned n_threads, wick_pool_fn fn, void *arg);
/* Waits until the n threads of the run under way have all come here. To be called by each thread of wick_pool_run alike. */
void wick_pool_barrier(wick_pool *pool);

/* Nanoseconds that threads have slept at barriers so far, all added up, the 200 us left out that a thread may take to begin the run. Threads that wait for one that is running only spin: what grows this is a
 * thread whose core is taken by somebody else. */
uint64_t wick_pool_slept_ns(const wick_pool *pool);

/* Threads worth starting: the affinity mask, cut by the cgroup's cpu.max (v2) or cfs quota (v1); at least 1, at most WICK_MAX_THREADS. */
unsigned wick_usable_cpus(void);

#endif
