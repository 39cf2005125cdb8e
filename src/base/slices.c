/* SPDX-License-Identifier: Apache-2.0
 * slices.c: see slices.h. sched_setattr(2) with a runtime for SCHED_OTHER, which Linux takes as the thread's slice from 6.12 on; the kernel gives a core to whoever's slice
 * would end first (EEVDF, earliest eligible virtual deadline first). setpriority(2), which on Linux is about one thread where who is 0. Neither asks for privileges. */
#include "base/slices.h"

#include <stdint.h>
#include <unistd.h>

#ifdef __linux__
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#endif

#if defined(__linux__) && defined(SYS_sched_setattr) && defined(SYS_sched_getattr)
#define SHORTEST_NS 100000u /* what the kernel takes as the least */
#define RESET_ON_FORK 1u    /* SCHED_FLAG_RESET_ON_FORK */

/* The kernel's struct sched_attr, first version. */
typedef struct attributes {
    uint32_t size_bytes, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
} attributes;

bool wick_thread_shorten_slices(void)
{
    attributes now = {0};
    if (syscall(SYS_sched_getattr, 0, &now, sizeof now, 0) != 0 || now.policy != SCHED_OTHER)
        return false; /* whoever chose another policy for the process knows why */
    now.size_bytes = sizeof now;
    now.flags |= RESET_ON_FORK;
    now.runtime_ns = SHORTEST_NS;
    now.deadline_ns = now.period_ns = 0;
    if (syscall(SYS_sched_setattr, 0, &now, 0) != 0)
        return false;
    attributes after = {0};
    return syscall(SYS_sched_getattr, 0, &after, sizeof after, 0) == 0 && after.runtime_ns == SHORTEST_NS;
}
#else
bool wick_thread_shorten_slices(void)
{
    return false;
}
#endif

#define STEPS_BACK 8 /* a weight of 172 to 1024, as the scheduler counts */
#define NICEST 19

bool wick_thread_step_back(void)
{
#ifdef __linux__
    const int now = getpriority(PRIO_PROCESS, 0);
    return setpriority(PRIO_PROCESS, 0, now + STEPS_BACK < NICEST ? now + STEPS_BACK : NICEST) == 0;
#else
    return false;
#endif
}
