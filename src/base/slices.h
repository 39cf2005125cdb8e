/* SPDX-License-Identifier: Apache-2.0
 * slices.h: how the threads of one process share its cores: for how long the scheduler lets a thread run at a time, and who stands back for whom. */
#ifndef WICK_BASE_SLICES_H
#define WICK_BASE_SLICES_H
#include <stdbool.h>

/* Asks for time slices as short as the scheduler gives (0.1 ms), for the calling thread, not for those that it makes: it gets no more of a core than before, but sooner,
 * before threads that compute. For a thread that mostly waits and that others wait for. False where the system has no such thing (Linux before 6.12, others): nothing
 * changes then. */
bool wick_thread_shorten_slices(void);

/* The calling thread, and those that it makes from now on, stand back for the process's others: of a core that both want they get a seventh (nice 8 above what the thread had).
 * For threads that compute all the time next to one that answers. Beside other processes it matters only in the same session or container, for the scheduler
 * shares out cores to those first (autogroup, cgroups). It cannot be taken back. False where niceness is the process's, not the thread's (other than Linux): nothing changes
 * then. */
bool wick_thread_step_back(void);

#endif
