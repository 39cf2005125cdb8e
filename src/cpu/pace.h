/* SPDX-License-Identifier: Apache-2.0
 * pace.h: whether all threads share the few rows of a chunk, with a barrier after each step, or one thread takes them alone. Sharing is faster where each thread has a core; where two virtual
 * cores are one core's two hardware threads, or other processes take the cores, one thread alone can be. Machines do not tell, and their hosts change it; so this goes by the time that calls
 * take. Only time depends on it, never a bit of a vector. In: each call's rows and times. Out: how to make the next. Called by backend_cpu.c, under its mutex. */
#ifndef WICK_CPU_PACE_H
#define WICK_CPU_PACE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WICK_PACE_SAMPLES 3
#define WICK_PACE_CLASSES 32

/* Cores that other processes take. Each of the many barriers waits for a time slice then: after a call that mostly slept, some calls are made alone, more of them each time it happens again. A
 * call that goes well says little: the threads may just have got their time slices together. Only a stretch longer than a scheduler's slices (1 to 6 ms each on Linux) shows that the
 * cores are free again. */
typedef struct wick_crowding {
    unsigned n_alone; /* calls left to be made by one thread */
    unsigned backoff; /* calls after the latest crowded one */
    uint64_t well_ns; /* spent in calls together that went well, since the latest crowded one */
} wick_crowding;

/* What the latest calls made in one way cost: nanoseconds by rows and a constant, so that calls of a class can be compared. */
typedef struct wick_pace_costs {
    float latest[WICK_PACE_SAMPLES];
    unsigned n; /* calls so far */
} wick_pace_costs;

/* Usual calls; a few in the other way; as many in the usual way again, since what was measured before may be the very outliers that led to the try. */
typedef enum wick_pace_phase { WICK_PACE_USUAL, WICK_PACE_OTHER, WICK_PACE_AGAIN } wick_pace_phase;

/* Calls of about the same number of rows. Now and then, and soon after calls have become slower, some are tried in the other way; the faster of both is kept. */
typedef struct wick_pace_class {
    bool alone; /* the way that is taken */
    wick_pace_phase phase;
    wick_pace_costs costs[2];
    float settled;     /* cost when the way was last chosen; 0: not yet */
    uint64_t since_ns; /* spent in calls since then */
    unsigned since_calls;
    uint64_t pause_ns; /* to be spent until the next try */
    uint64_t soon_ns;  /* the same where calls have become slower */
} wick_pace_class;

typedef struct wick_pace {
    wick_crowding crowding;
    bool is_forced; /* the call under way is made alone because of crowding */
    wick_pace_class classes[WICK_PACE_CLASSES];
} wick_pace;

/* For a fresh start: all zeros. */

/* Whether the next call, of a chunk of n_rows, is to be made by one thread. Each is followed by wick_pace_end. */
bool wick_pace_begin(wick_pace *pace, size_t n_rows);
/* The call has taken took_ns, of which its n_threads slept slept_ns at barriers, all added up (wick_pool_slept_ns); alone: 0, and any n_threads. */
void wick_pace_end(wick_pace *pace, size_t n_rows, bool alone, uint64_t took_ns, uint64_t slept_ns, unsigned n_threads);

#endif
