/* SPDX-License-Identifier: Apache-2.0
 * slices.h: how long the scheduler lets a thread run at a time. */
#ifndef WICK_BASE_SLICES_H
#define WICK_BASE_SLICES_H
#include <stdbool.h>

/* Asks for time slices as short as the scheduler gives (0.1 ms), for the calling thread, not for those that it makes: it gets no more of a core than before, but sooner,
 * before threads that compute. For a thread that mostly waits and that others wait for. False where the system has no such thing (Linux before 6.12, others): nothing
 * changes then. */
bool wick_thread_shorten_slices(void);

#endif
