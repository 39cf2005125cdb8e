/* SPDX-License-Identifier: Apache-2.0
 * pool.c: worker threads that wait for a run, a barrier for the stages of a run.
 *
 * A worker waits for the next run, and a thread at the barrier for the others, by spinning a few microseconds and then sleeping on
 * a condition variable. Spins are short because cores may be shared: a spinning thread must not take the time of the one it waits for.
 * Nor does a thread spin for one that was last seen on its own core. The scheduler likes to wake a thread on the core of the one that wakes it, and two that wake each
 * other in turn stay there for good, next to an idle core: a worker that finds itself on another's core moves to one of its own.
 * run_number and barrier_number only grow, so a waiter asks "has it changed since I looked" and nothing is reset between uses. */
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"

#if defined(__x86_64__)
#define RELAX() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define RELAX() __asm__ volatile("yield")
#else
#define RELAX() ((void)0)
#endif

/* With a pause of 10 ns (Zen) to 40 ns (Skylake and later). Between runs, some 20 us: the next one may be long in coming. At a barrier, some 200 us:
 * to sleep and be woken takes up to 100 us on a virtual machine, several times what threads that share a stage of a long text are apart. */
#define SPINS_BETWEEN_RUNS 1000
#define SPINS_AT_BARRIER 10000
/* After so many, a waiter looks whether it stands in the way of the one it waits for. */
#define SPINS_BEFORE_LOOK 64
/* Between runs a worker does nothing for anybody: after so many spins (1 to 3 us) it lets others onto its core. Who has just been woken by the run's end, to send
 * what came of it, would else wait for the spins to end. */
#define SPINS_BEFORE_YIELD 64

/* What a thread may take to wake up and begin a run, however free the cores are; more of it means that somebody else had its core. */
#define WAKE_UP_NS 200000

#define CPU_UNKNOWN (-1)

/* The core that a thread of the pool was on when it last began a run or came to the barrier. */
typedef struct seat {
    _Alignas(64) atomic_int cpu;
} seat;

typedef struct waiting_room { /* sleepers that wait for a number to change */
    atomic_uint number;
    atomic_uint n_sleepers;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
} waiting_room;

struct wick_pool {
    unsigned n_threads;
    unsigned n_started;
    pid_t process; /* that made the pool */
    bool stopping;
    pthread_t *threads;   /* [n_threads - 1] */
    seat *seats;          /* [n_threads] */
    pthread_mutex_t turn; /* held by the caller whose run is under way */

    wick_pool_fn fn;
    void *arg;
    unsigned n_running;              /* threads that take part in the run */
    waiting_room start;              /* a new run */
    _Alignas(64) atomic_uint n_left; /* workers still in the run */
    waiting_room finish;
    _Alignas(64) atomic_uint n_begun;   /* threads of the run that have begun it */
    _Alignas(64) atomic_uint n_arrived; /* at the barrier */
    waiting_room barrier;
    _Atomic uint64_t slept_ns; /* at the barrier */
};

static void room_init(waiting_room *room)
{
    atomic_init(&room->number, 0);
    atomic_init(&room->n_sleepers, 0);
    pthread_mutex_init(&room->mutex, NULL);
    pthread_cond_init(&room->changed, NULL);
}

static void room_destroy(waiting_room *room)
{
    pthread_mutex_destroy(&room->mutex);
    pthread_cond_destroy(&room->changed);
}

/* Changes the number; what was written before is seen by those who wait. The sequentially consistent order of "number, then
 * n_sleepers" here and "n_sleepers, then number" in room_wait lets at least one side see the other. */
static void room_advance(waiting_room *room)
{
    atomic_fetch_add(&room->number, 1);
    if (atomic_load(&room->n_sleepers) == 0)
        return;
    /* Whoever counted itself a sleeper and has not seen the number holds the mutex until it sleeps. The call comes after it is free again: a thread
     * that wakes up into a mutex that is taken sleeps once more. */
    pthread_mutex_lock(&room->mutex);
    pthread_mutex_unlock(&room->mutex);
    pthread_cond_broadcast(&room->changed);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static _Thread_local unsigned own_index; /* of this thread in the run that it takes part in */

static int current_cpu(void)
{
#ifdef __linux__
    return sched_getcpu();
#else
    return CPU_UNKNOWN;
#endif
}

static void take_seat(wick_pool *pool)
{
    atomic_store_explicit(&pool->seats[own_index].cpu, current_cpu(), memory_order_relaxed);
}

/* Whether another thread of the run was last seen on this thread's core. */
static bool shares_core(const wick_pool *pool)
{
    const int cpu = current_cpu();
    for (unsigned i = 0; i < pool->n_running && cpu != CPU_UNKNOWN; i++)
        if (i != own_index && atomic_load_explicit(&pool->seats[i].cpu, memory_order_relaxed) == cpu)
            return true;
    return false;
}

/* A worker that is on the core of another thread of the run goes to an allowed one where none of them was last seen, if there are enough for all. What it is allowed
 * does not change. The caller's own thread is not ours to move. True: it has moved. */
static bool leave_shared_core(wick_pool *pool)
{
#ifdef __linux__
    cpu_set_t allowed, free_ones;
    if (own_index == 0 || !shares_core(pool) || sched_getaffinity(0, sizeof allowed, &allowed) != 0 ||
        (unsigned)CPU_COUNT(&allowed) < pool->n_running)
        return false;
    free_ones = allowed;
    for (unsigned i = 0; i < pool->n_running; i++) {
        const int cpu = atomic_load_explicit(&pool->seats[i].cpu, memory_order_relaxed);
        if (i != own_index && cpu >= 0 && cpu < CPU_SETSIZE)
            CPU_CLR(cpu, &free_ones);
    }
    if (CPU_COUNT(&free_ones) == 0 || sched_setaffinity(0, sizeof free_ones, &free_ones) != 0)
        return false;
    sched_setaffinity(0, sizeof allowed, &allowed);
    take_seat(pool);
    return true;
#else
    return false;
#endif
}

/* Waits until the number is no longer `seen`; returns the nanoseconds slept. pool: NULL, or whose threads are waited for. */
static uint64_t room_wait(waiting_room *room, unsigned seen, unsigned n_spins, wick_pool *pool)
{
    for (unsigned i = 0; i < n_spins; i++) {
        if (atomic_load_explicit(&room->number, memory_order_acquire) != seen)
            return 0;
        if (i == SPINS_BEFORE_LOOK && pool && shares_core(pool) && !leave_shared_core(pool))
            break;
        if (!pool && i % SPINS_BEFORE_YIELD == SPINS_BEFORE_YIELD - 1)
            sched_yield();
        RELAX();
    }
    const uint64_t start = now_ns();
    pthread_mutex_lock(&room->mutex);
    atomic_fetch_add(&room->n_sleepers, 1);
    while (atomic_load(&room->number) == seen)
        pthread_cond_wait(&room->changed, &room->mutex);
    atomic_fetch_sub(&room->n_sleepers, 1);
    pthread_mutex_unlock(&room->mutex);
    const uint64_t slept = now_ns() - start;
    if (pool) {
        take_seat(pool); /* it may have been woken elsewhere */
        leave_shared_core(pool);
    }
    return slept;
}

typedef struct worker_start {
    wick_pool *pool;
    unsigned index;
    unsigned seen; /* start.number when the thread was made */
} worker_start;

static void *worker(void *arg)
{
    worker_start self = *(worker_start *)arg;
    free(arg);
    wick_pool *pool = self.pool;
    own_index = self.index;
    for (;;) {
        room_wait(&pool->start, self.seen, SPINS_BETWEEN_RUNS, NULL);
        self.seen++;
        if (pool->stopping)
            return NULL;
        if (self.index < pool->n_running) {
            take_seat(pool);
            leave_shared_core(pool);
            atomic_fetch_add_explicit(&pool->n_begun, 1, memory_order_relaxed);
            pool->fn(pool->arg, self.index);
        }
        /* Every worker checks out, also one that had no part: the next run must not begin before all have seen this one. */
        if (atomic_fetch_sub(&pool->n_left, 1) == 1)
            room_advance(&pool->finish);
    }
}

/* Workers take no signals: those are the program's. */
static int start_workers(wick_pool *pool, wick_error *error)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = WICK_OK;
    for (unsigned i = 1; i < pool->n_threads && code == WICK_OK; i++) {
        worker_start *start = malloc(sizeof *start);
        if (!start) {
            code = wick_fail_memory(error, "thread pool");
            break;
        }
        *start = (worker_start){pool, i, 0};
        if (pthread_create(&pool->threads[i - 1], NULL, worker, start) != 0) {
            free(start);
            code = wick_fail(error, WICK_E_INTERNAL, "thread pool", "lower --threads or raise the limit on processes",
                             "cannot start thread %u of %u", i + 1, pool->n_threads);
        } else {
            pool->n_started++;
        }
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

int wick_pool_new(unsigned n_threads, wick_pool **out, wick_error *error)
{
    if (n_threads < 1 || n_threads > WICK_MAX_THREADS)
        return wick_fail(error, WICK_E_INVALID_INPUT, "n_threads", NULL, "%u threads asked for; 1 to %d are possible",
                         n_threads, WICK_MAX_THREADS);
    void *memory = NULL;
    if (posix_memalign(&memory, 64, sizeof(wick_pool)) != 0)
        return wick_fail_memory(error, "thread pool");
    wick_pool *pool = memset(memory, 0, sizeof(wick_pool));
    pool->n_threads = n_threads;
    pool->process = getpid();
    pthread_mutex_init(&pool->turn, NULL);
    room_init(&pool->start);
    room_init(&pool->finish);
    room_init(&pool->barrier);
    atomic_init(&pool->n_left, 0);
    atomic_init(&pool->n_arrived, 0);
    atomic_init(&pool->n_begun, 0);
    atomic_init(&pool->slept_ns, 0);
    int code = WICK_OK;
    pool->threads = calloc(n_threads, sizeof *pool->threads);
    if (posix_memalign(&memory, 64, n_threads * sizeof *pool->seats) == 0)
        pool->seats = memory;
    for (unsigned i = 0; i < n_threads && pool->seats; i++)
        atomic_init(&pool->seats[i].cpu, CPU_UNKNOWN);
    code = pool->threads && pool->seats ? start_workers(pool, error) : wick_fail_memory(error, "thread pool");
    if (code != WICK_OK) {
        wick_pool_free(pool);
        return code;
    }
    *out = pool;
    return WICK_OK;
}

void wick_pool_free(wick_pool *pool)
{
    if (!pool)
        return;
    if (wick_pool_is_alive(
            pool)) { /* else nobody is there to join, and sleepers that are not there would be waited for */
        pool->stopping = true;
        room_advance(&pool->start);
        for (unsigned i = 0; i < pool->n_started; i++)
            pthread_join(pool->threads[i], NULL);
        room_destroy(&pool->start);
        room_destroy(&pool->finish);
        room_destroy(&pool->barrier);
        pthread_mutex_destroy(&pool->turn);
    }
    free(pool->threads);
    free(pool->seats);
    free(pool);
}

unsigned wick_pool_size(const wick_pool *pool)
{
    return pool->n_threads;
}

bool wick_pool_is_alive(const wick_pool *pool)
{
    return pool->process == getpid();
}

uint64_t wick_pool_slept_ns(const wick_pool *pool)
{
    return atomic_load_explicit(&pool->slept_ns, memory_order_relaxed);
}

void wick_pool_run(wick_pool *pool, unsigned n_threads, wick_pool_fn fn, void *arg)
{
    pthread_mutex_lock(&pool->turn);
    pool->n_running = n_threads == 0 || n_threads > pool->n_threads ? pool->n_threads : n_threads;
    pool->fn = fn;
    pool->arg = arg;
    if (pool->n_running == 1) {
        fn(arg, 0);
    } else {
        unsigned seen = atomic_load(&pool->finish.number);
        atomic_store(&pool->n_left, pool->n_threads - 1);
        own_index = 0;
        take_seat(pool);
        atomic_store(&pool->n_begun, 1);
        room_advance(&pool->start);
        fn(arg, 0);
        room_wait(&pool->finish, seen, SPINS_AT_BARRIER, pool);
    }
    pthread_mutex_unlock(&pool->turn);
}

void wick_pool_barrier(wick_pool *pool)
{
    if (pool->n_running == 1)
        return;
    unsigned seen = atomic_load(&pool->barrier.number);
    take_seat(pool);
    if (atomic_fetch_add(&pool->n_arrived, 1) + 1 == pool->n_running) {
        atomic_store(&pool->n_arrived, 0);
        room_advance(&pool->barrier);
    } else {
        const bool all_begun = atomic_load_explicit(&pool->n_begun, memory_order_relaxed) == pool->n_running;
        const uint64_t slept = room_wait(&pool->barrier, seen, SPINS_AT_BARRIER, pool),
                       due = all_begun ? 0 : WAKE_UP_NS;
        if (slept > due)
            atomic_fetch_add_explicit(&pool->slept_ns, slept - due, memory_order_relaxed);
    }
}
