/* SPDX-License-Identifier: Apache-2.0
 * support_alloc.h: counts heap allocations, or makes one fail. It defines malloc, calloc, realloc and free, so include it in exactly one file
 * of a test program. Only with glibc and without sanitizers, which have allocators of their own: elsewhere SUPPORT_ALLOC is 0. */
#ifndef WICK_TESTS_SUPPORT_ALLOC_H
#define WICK_TESTS_SUPPORT_ALLOC_H
#include <stddef.h>
#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SUPPORT_ALLOC 0
#endif
#endif
#if !defined(SUPPORT_ALLOC) && defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define SUPPORT_ALLOC 1
#endif
#ifndef SUPPORT_ALLOC
#define SUPPORT_ALLOC 0
#endif

#define SUPPORT_MAYBE_UNUSED __attribute__((unused)) /* where SUPPORT_ALLOC is 0 */

/* Allocations since it was last set to 0, and how many were not freed. For programs of one thread. */
SUPPORT_MAYBE_UNUSED static size_t support_n_allocations;
SUPPORT_MAYBE_UNUSED static long support_n_live;
/* The allocation that fails, counted from 1 when support_n_allocations is 0; 0: none. */
SUPPORT_MAYBE_UNUSED static size_t support_fail_at;

#if SUPPORT_ALLOC
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t alignment, size_t n);
extern void __libc_free(void *p);

#define SUPPORT_EXPORT __attribute__((visibility("default")))

static int support_fails(void)
{
    return ++support_n_allocations == support_fail_at;
}

static void *support_taken(void *p)
{
    support_n_live += p != NULL;
    return p;
}

SUPPORT_EXPORT void *malloc(size_t n)
{
    return support_fails() ? NULL : support_taken(__libc_malloc(n));
}

SUPPORT_EXPORT void *calloc(size_t n, size_t size)
{
    return support_fails() ? NULL : support_taken(__libc_calloc(n, size));
}

SUPPORT_EXPORT void *realloc(void *p, size_t n)
{
    if (support_fails())
        return NULL;
    void *moved = __libc_realloc(p, n);
    support_n_live += moved && !p;
    return moved;
}

SUPPORT_EXPORT void *aligned_alloc(size_t alignment, size_t n)
{
    return support_fails() ? NULL : support_taken(__libc_memalign(alignment, n));
}

SUPPORT_EXPORT int posix_memalign(void **out, size_t alignment, size_t n)
{
    void *p = support_fails() ? NULL : support_taken(__libc_memalign(alignment, n));
    *out = p;
    return p ? 0 : 12; /* ENOMEM */
}

SUPPORT_EXPORT void free(void *p)
{
    support_n_live -= p != NULL;
    __libc_free(p);
}
#endif

#endif
