/* SPDX-License-Identifier: Apache-2.0
 * kernels.c: which tiers this CPU has, and the choice between them, once per process. WICK_CPU=avx2 lowers the tier. */
#include "cpu/kernels.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#if defined(__x86_64__)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#elif defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

typedef struct tier {
    const char *name;
    bool (*supported)(void);
    void (*init)(wick_kernels *kernels);
    /* NULL, or what asks the system for more than any process has. */
    bool (*permitted)(void);
} tier;

static bool always(void)
{
    return true;
}

#if defined(__x86_64__)

/* gcc's and clang's __builtin_cpu_supports also asks the operating system whether it saves the wide registers. */
static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

/* CPUID leaf 7, subleaf 1, EAX bit 4: clang 14 has no name for it. */
static bool has_avxvnni(void)
{
    unsigned eax, ebx, ecx, edx;
    return has_avx2() && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && (eax >> 4 & 1);
}

static bool has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

static bool has_avx512vnni(void)
{
    return has_avx512() && __builtin_cpu_supports("avx512vnni");
}

static bool has_avx512bf16(void)
{
    return has_avx512vnni() && __builtin_cpu_supports("avx512bf16");
}

/* CPUID leaf 7, EDX: bits 22, 24 and 25 are AMX in bf16, its tiles, and in int8. */
static bool has_amx(void)
{
#if defined(__linux__) && defined(SYS_arch_prctl)
    const unsigned wanted = 1u << 22 | 1u << 24 | 1u << 25;
    unsigned eax, ebx, ecx, edx;
    return has_avx512bf16() && __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (edx & wanted) == wanted;
#else
    return false;
#endif
}

/* Linux gives a process the tiles' registers, 8 KiB a thread, only when it asks (arch_prctl(2): ARCH_REQ_XCOMP_PERM for XTILEDATA, state 18). It refuses
 * where a thread's signal stack is too small for them, and once it has agreed it refuses such stacks to all of the process. */
static bool may_use_amx(void)
{
#if defined(__linux__) && defined(SYS_arch_prctl)
    const int request_permission = 0x1023, tile_data = 18;
    return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
#else
    return false;
#endif
}
#elif defined(__aarch64__) && defined(__linux__)
/* Bits of the kernel's interface; C libraries of 2018 have no names for them. */
#ifndef HWCAP_ASIMDDP
#define HWCAP_ASIMDDP (1UL << 20)
#endif
#ifndef HWCAP2_I8MM
#define HWCAP2_I8MM (1UL << 13)
#endif
#ifndef HWCAP2_BF16
#define HWCAP2_BF16 (1UL << 14)
#endif

static bool has_dotprod(void)
{
    return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
}

static bool has_i8mm(void)
{
    return (getauxval(AT_HWCAP2) & HWCAP2_I8MM) != 0;
}

static bool has_bf16(void)
{
    return (getauxval(AT_HWCAP2) & HWCAP2_BF16) != 0;
}
#elif defined(__aarch64__)
static bool has_feature(const char *name)
{
#if defined(__APPLE__)
    int value = 0;
    size_t size = sizeof value;
    return sysctlbyname(name, &value, &size, NULL, 0) == 0 && value != 0;
#else
    (void)name; /* how to ask is not known here */
    return false;
#endif
}

static bool has_dotprod(void)
{
    return has_feature("hw.optional.arm.FEAT_DotProd");
}

static bool has_i8mm(void)
{
    return has_feature("hw.optional.arm.FEAT_I8MM");
}

static bool has_bf16(void)
{
    return has_feature("hw.optional.arm.FEAT_BF16");
}
#endif

/* From the lowest to the highest. A CPU may lack one and have a later one: each starts from the best that it has before it. */
static const tier tiers[] = {
    {"generic", always, wick_kernels_init_generic, NULL},
#if defined(__x86_64__)
    {"avx2", has_avx2, wick_kernels_init_avx2, NULL},
    {"avxvnni", has_avxvnni, wick_kernels_init_avxvnni, NULL},
    {"avx512", has_avx512, wick_kernels_init_avx512, NULL},
    {"avx512vnni", has_avx512vnni, wick_kernels_init_avx512vnni, NULL},
    {"avx512bf16", has_avx512bf16, wick_kernels_init_avx512bf16, NULL},
    {"amx", has_amx, wick_kernels_init_amx, may_use_amx},
#elif defined(__aarch64__)
    {"neon", always, wick_kernels_init_neon, NULL},       {"dotprod", has_dotprod, wick_kernels_init_dotprod, NULL},
    {"i8mm", has_i8mm, wick_kernels_init_i8mm, NULL},     {"bf16", has_bf16, wick_kernels_init_bf16, NULL},
#endif
};

#define N_TIERS (sizeof tiers / sizeof *tiers)

static wick_kernels tables[N_TIERS];
static size_t n_usable; /* tables[0..n_usable) work on this CPU */
static bool (*permissions[N_TIERS])(void);
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void build_tables(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
#endif
    for (size_t i = 0; i < N_TIERS; i++) {
        if (!tiers[i].supported())
            continue;
        if (n_usable > 0)
            tables[n_usable] = tables[n_usable - 1];
        tiers[i].init(&tables[n_usable]);
        permissions[n_usable] = tiers[i].permitted;
        tables[n_usable++].tier = tiers[i].name;
    }
}

/* Asked when someone wants the tier, no sooner: permission changes the whole process. The first answer stays: all models of a process have the same tier. */
static bool is_permitted(size_t table)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static enum { UNASKED, YES, NO } answers[N_TIERS];
    pthread_mutex_lock(&mutex);
    if (answers[table] == UNASKED)
        answers[table] = !permissions[table] || permissions[table]() ? YES : NO;
    const bool yes = answers[table] == YES;
    pthread_mutex_unlock(&mutex);
    return yes;
}

const wick_kernels *wick_kernels_named(const char *name)
{
    pthread_once(&once, build_tables);
    for (size_t i = 0; i < n_usable; i++)
        if (strcmp(tables[i].tier, name) == 0)
            return is_permitted(i) ? &tables[i] : NULL;
    return NULL;
}

static const wick_kernels *best_table(void)
{
    size_t i = n_usable - 1;
    while (!is_permitted(i)) /* the first needs no permission */
        i--;
    return &tables[i];
}

const wick_kernels *wick_kernels_select(void)
{
    pthread_once(&once, build_tables);
    const char *wanted = getenv("WICK_CPU");
    const wick_kernels *named = wanted && *wanted ? wick_kernels_named(wanted) : NULL;
    if (named)
        return named;
    const wick_kernels *best = best_table();
    if (wanted && *wanted)
        wick_log(WICK_LOG_WARN, "WICK_CPU names a tier that this CPU lacks or the system refuses; using %s",
                 best->tier);
    return best;
}
