/* SPDX-License-Identifier: Apache-2.0
 * cpus.c: how many threads are worth starting. A container's limit is a quota of CPU time, not a mask: threads beyond it only get
 * throttled (facts: peers that ignore it are 6x to 45x slower). Read once, at open. */
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/pool.h"

static unsigned affinity_cpus(void)
{
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        int n = CPU_COUNT(&set);
        if (n > 0)
            return (unsigned)n;
    }
#endif
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (unsigned)n : 1;
}

#ifdef __linux__
/* Reads up to two numbers ("max" counts as -1) from a cgroup file; returns how many. */
static int read_numbers(const char *path, long long numbers[2])
{
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    int n = 0;
    char word[32];
    while (n < 2 && fscanf(file, "%31s", word) == 1)
        if (strcmp(word, "max") == 0)
            numbers[n++] = -1;
        else if (sscanf(word, "%lld", &numbers[n]) == 1)
            n++;
        else
            break;
    fclose(file);
    return n;
}

/* Whole CPUs that quota out of period allows, rounded up; 0: no limit. */
static unsigned quota_cpus(long long quota, long long period)
{
    if (quota <= 0 || period <= 0)
        return 0;
    long long n = quota / period + (quota % period != 0);
    return n < 1 ? 1 : n > WICK_MAX_THREADS ? WICK_MAX_THREADS : (unsigned)n;
}

static unsigned v1_limit(const char *folder)
{
    char path[512];
    long long quota[2], period[2];
    snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
    if (read_numbers(path, quota) < 1)
        return 0;
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
    return read_numbers(path, period) < 1 ? 0 : quota_cpus(quota[0], period[0]);
}

static unsigned smaller_limit(unsigned a, unsigned b)
{
    return a == 0 ? b : b == 0 ? a : a < b ? a : b;
}

static unsigned v2_limit(const char *folder)
{
    char path[512];
    long long numbers[2];
    snprintf(path, sizeof path, "%s/cpu.max", folder);
    return read_numbers(path, numbers) == 2 ? quota_cpus(numbers[0], numbers[1]) : 0;
}

/* The limits of the process's own cgroup, below root, and of all those above it; the smallest counts. */
static unsigned group_limit(const char *root, const char *group, unsigned (*limit_of)(const char *folder))
{
    char path[480];
    unsigned limit = 0;
    if (snprintf(path, sizeof path, "%s%s", root, strcmp(group, "/") == 0 ? "" : group) >= (int)sizeof path)
        return 0;
    for (;;) {
        limit = smaller_limit(limit, limit_of(path));
        char *slash = strrchr(path, '/');
        if (!slash || slash - path < (long)strlen(root))
            return limit;
        *slash = '\0';
    }
}

/* Whether a list like "cpu,cpuacct" has "cpu". */
static bool has_cpu(const char *controllers, size_t n)
{
    for (size_t at = 0; at < n;) {
        const size_t length = strcspn(controllers + at, ",:");
        if (length == 3 && strncmp(controllers + at, "cpu", 3) == 0)
            return true;
        at += length + 1;
    }
    return false;
}

/* A line of /proc/self/cgroup: "0::/group" (v2), "4:cpu,cpuacct:/group" (v1). */
static unsigned line_limit(const char *line)
{
    const char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group)
        return 0;
    if (strncmp(line, "0::", 3) == 0)
        return group_limit("/sys/fs/cgroup", group + 1, v2_limit);
    return has_cpu(controllers + 1, (size_t)(group - controllers - 1))
               ? group_limit("/sys/fs/cgroup/cpu", group + 1, v1_limit)
               : 0;
}

static unsigned cgroup_cpus(void)
{
    unsigned limit = v1_limit("/sys/fs/cgroup/cpu"); /* a container's own group often stands there */
    FILE *file = fopen("/proc/self/cgroup", "re");
    char line[512];
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        limit = smaller_limit(limit, line_limit(line));
    }
    if (file)
        fclose(file);
    return limit;
}
#else
static unsigned cgroup_cpus(void)
{
    return 0;
}
#endif

unsigned wick_usable_cpus(void)
{
    unsigned n = affinity_cpus(), limit = cgroup_cpus();
    if (limit > 0 && limit < n)
        n = limit;
    return n > WICK_MAX_THREADS ? WICK_MAX_THREADS : n;
}
