/* SPDX-License-Identifier: Apache-2.0
 * turns.h: lanes take turns at the machine's cores, first come, first served: two engines that compute at once on the same cores both take more than
 * twice as long. A plain mutex would not do: the lane that gives it back takes it again before the one that waits has woken.
 * Also here: waiting on a condition variable for so many milliseconds, on a clock that nobody sets. */
#ifndef WICK_SERVER_TURNS_H
#define WICK_SERVER_TURNS_H
#include <pthread.h>
#include <stdbool.h>

typedef struct wick_turns wick_turns;

wick_turns *wick_turns_new(void); /* NULL: out of memory */
void wick_turns_free(wick_turns *turns);

/* Waits for the caller's turn. False where it has not come in max_ms (an engine that is stuck must not stop the others): go ahead without, and do not
 * give it back. NULL: true at once. */
bool wick_turns_take(wick_turns *turns, double max_ms);
void wick_turns_give_back(wick_turns *turns);

/* A condition variable for wick_wait_ms. */
int wick_wait_init(pthread_cond_t *condition);
/* As pthread_cond_wait, for at most ms. */
void wick_wait_ms(pthread_cond_t *condition, pthread_mutex_t *mutex, double ms);

#endif
