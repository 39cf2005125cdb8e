/* SPDX-License-Identifier: Apache-2.0
 * test_engine_memory.c: a warm wick_embed allocates nothing, and opening survives every allocation that fails. This program puts its own
 * malloc family in front of the C library's, which sees every allocation of the process, those of shared libraries included. Where a
 * sanitizer owns malloc its hooks count instead, and failures cannot be made; elsewhere than on glibc, and under valgrind, which puts its
 * own malloc in front of all, the tests are reported as skipped.
 *
 * jansson's own allocations are counted but never fail here: jansson 2.14 leaves a character out of a string, or writes behind one, when
 * memory runs out within it. That is a defect of jansson that this program cannot show Wick to survive. */
#include "support_texts.h"

#include <dlfcn.h>
#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TINY WICK_FIXTURES "/tiny-bert"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif

static atomic_long n_allocations; /* since the beginning */
static atomic_long n_live;
static atomic_long fail_after = -1; /* so many allocations succeed, then one fails; -1: none fails */

#if HAS_SANITIZER
#define CAN_COUNT 1
#define CAN_FAIL 0
int __sanitizer_install_malloc_and_free_hooks(void (*malloc_hook)(const volatile void *, size_t),
                                              void (*free_hook)(const volatile void *));

static void count_malloc(const volatile void *block, size_t n)
{
    atomic_fetch_add(&n_allocations, 1);
}

static void count_free(const volatile void *block)
{
}

static void start_counting(void)
{
    assert_true(__sanitizer_install_malloc_and_free_hooks(count_malloc, count_free) > 0);
}

#elif defined(__GLIBC__)
#define CAN_COUNT 1
#define CAN_FAIL 1
/* glibc's own, under the names that stay when malloc is replaced. */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *block, size_t n);
void *__libc_memalign(size_t alignment, size_t n);
void __libc_free(void *block);

/* Exported, or shared libraries would go on with the C library's. */
#define REPLACE __attribute__((visibility("default")))

/* Where libjansson is mapped. */
static const void *jansson_base;

static bool is_jansson(const void *caller)
{
    Dl_info info;
    return jansson_base && dladdr(caller, &info) != 0 && info.dli_fbase == jansson_base;
}

static bool may_allocate(const void *caller)
{
    atomic_fetch_add(&n_allocations, 1);
    if (atomic_load(&fail_after) < 0 || is_jansson(caller) || atomic_fetch_sub(&fail_after, 1) != 0)
        return true;
    errno = ENOMEM;
    return false;
}

static void *counted(void *block)
{
    if (block)
        atomic_fetch_add(&n_live, 1);
    return block;
}

REPLACE void *malloc(size_t n)
{
    return may_allocate(__builtin_return_address(0)) ? counted(__libc_malloc(n)) : NULL;
}

REPLACE void *calloc(size_t n, size_t size)
{
    return may_allocate(__builtin_return_address(0)) ? counted(__libc_calloc(n, size)) : NULL;
}

REPLACE void *realloc(void *block, size_t n)
{
    if (!may_allocate(__builtin_return_address(0)))
        return NULL;
    void *moved = __libc_realloc(block, n);
    return block ? moved : counted(moved);
}

REPLACE void *memalign(size_t alignment, size_t n);
void *memalign(size_t alignment, size_t n)
{
    return may_allocate(__builtin_return_address(0)) ? counted(__libc_memalign(alignment, n)) : NULL;
}

REPLACE void *aligned_alloc(size_t alignment, size_t n)
{
    return memalign(alignment, n);
}

REPLACE int posix_memalign(void **out, size_t alignment, size_t n)
{
    void *block = memalign(alignment, n);
    if (!block)
        return ENOMEM;
    *out = block;
    return 0;
}

REPLACE void free(void *block)
{
    if (block)
        atomic_fetch_sub(&n_live, 1);
    __libc_free(block);
}

static void start_counting(void)
{
    Dl_info info;
    assert_true(dladdr((const void *)(uintptr_t)json_loadb, &info) != 0);
    jansson_base = info.dli_fbase;
}

#else
#define CAN_COUNT 0
#define CAN_FAIL 0

static void start_counting(void)
{
}
#endif

static bool is_under_valgrind(void)
{
    const char *preloaded = getenv("LD_PRELOAD");
    return preloaded && strstr(preloaded, "vgpreload");
}

static bool can_count(void)
{
    return CAN_COUNT && !is_under_valgrind();
}

static bool can_fail(void)
{
    return CAN_FAIL && !is_under_valgrind();
}

/* The instrument itself: an allocation is seen, wherever it happens. */
static void counter_counts(void **state)
{
    if (!can_count())
        skip();
    const long before = atomic_load(&n_allocations);
    char *volatile copy = strdup("allocated by the C library"); /* not by this file */
    assert_true(atomic_load(&n_allocations) > before);
    free(copy);
}

static void check_warm_calls(const char *name, unsigned n_threads, size_t n_texts, size_t max_words, size_t dimensions)
{
    support_texts made = support_texts_make(n_texts, max_words);
    const char *const *texts = (const char *const *)made.texts;
    wick_model *model = support_model_open(name, n_threads);
    float *out = malloc(n_texts * support_dimension(model) * sizeof *out);
    assert_non_null(out);
    wick_embed_options options;
    wick_embed_options_init(&options);
    options.normalize = true;
    options.dimensions = dimensions;
    wick_usage usage;
    wick_error error;
    for (int round = 0; round < 3; round++) {
        const long before = atomic_load(&n_allocations);
        assert_int_equal(wick_embed(model, texts, NULL, n_texts, &options, out, &usage, &error), WICK_OK);
        assert_int_equal(wick_embed(model, texts + 1, NULL, 1, &options, out, &usage, &error), WICK_OK);
        const long n = atomic_load(&n_allocations) - before;
        if (round > 0 && n > 0)
            fail_msg("%s, %zu texts on %u threads: %ld allocations in round %d", name, n_texts, n_threads, n, round);
        if (round == 0)
            assert_true(n > 0); /* the cold call is seen to allocate */
    }
    free(out);
    wick_model_close(model);
    support_texts_free(&made);
}

/* Texts of which most come up again: finding them, and copying their vectors, takes no memory either. */
static void warm_duplicates_allocate_nothing(void **state)
{
    enum { N = 2000 };
    if (!can_count())
        skip();
    static const char *const different[] = {"one", "two words", "", "three words here", "four", "five and six"};
    static const char *texts[N];
    static float out[N * 32];
    for (size_t i = 0; i < N; i++)
        texts[i] = different[i * i % 6];
    for (size_t dimensions = 0; dimensions <= 5; dimensions += 5) {
        wick_embed_options options;
        wick_embed_options_init(&options);
        options.dimensions = dimensions;
        wick_model *model = support_model_open(TINY, 2);
        for (int round = 0; round < 3; round++) {
            const long before = atomic_load(&n_allocations);
            assert_int_equal(wick_embed(model, texts, NULL, N, &options, out, NULL, NULL), WICK_OK);
            assert_true(round == 0 || atomic_load(&n_allocations) == before);
        }
        wick_model_close(model);
    }
}

static void warm_calls_allocate_nothing(void **state)
{
    if (!can_count())
        skip();
    check_warm_calls(TINY, 1, 2, 10, 0);
    check_warm_calls(TINY, 4, 300, 30, 0);
    check_warm_calls(TINY, 2, 3000, 8, 5);
    check_warm_calls("sentence-transformers/all-MiniLM-L6-v2", 2, 40, 20, 0);
}

/* Refused texts come back with their context: no memory is lost, none is taken anew. */
static void warm_errors_allocate_nothing(void **state)
{
    if (!can_count())
        skip();
    static const char *const texts[] = {"fine", "not \xff fine"};
    wick_model *model = support_model_open(TINY, 2);
    float out[64];
    wick_error error;
    for (int round = 0; round < 3; round++) {
        const long before = atomic_load(&n_allocations);
        assert_int_equal(wick_embed(model, texts, NULL, 2, NULL, out, NULL, &error), WICK_E_INVALID_INPUT);
        assert_true(round == 0 || atomic_load(&n_allocations) == before);
    }
    wick_model_close(model);
}

/* One open, embed and close, of which allocation number k fails. Returns the first code that is not WICK_OK. */
static int run_failing(long k, wick_error *error)
{
    static const char *const text[] = {"the harbour at dawn"};
    wick_model_options options;
    wick_model_options_init(&options);
    options.n_threads = 2;
    wick_model *model = NULL;
    float out[64];
    atomic_store(&fail_after, k);
    int rc = wick_model_open(TINY, &options, &model, error);
    if ((rc == WICK_OK) != (model != NULL))
        rc = 1;
    if (rc == WICK_OK)
        rc = wick_embed(model, text, NULL, 1, NULL, out, NULL, error);
    wick_model_close(model);
    return rc;
}

/* Lets allocation k fail; false: there is no such allocation, the run came to its end. */
static bool survives_failure(long k, size_t *n_failed)
{
    wick_error error = {0};
    const int rc = run_failing(k, &error);
    const bool reached_end = atomic_load(&fail_after) >= 0;
    atomic_store(&fail_after, -1);
    *n_failed += rc != WICK_OK;
    if (rc != WICK_OK && (rc != WICK_E_NO_MEMORY || error.code != rc || error.message[0] == '\0'))
        fail_msg("allocation %ld fails: code %d, \"%s\" (%s)", k, rc, error.message, error.where);
    return !reached_end;
}

static void failed_allocations_are_survived(void **state)
{
    if (!can_fail())
        skip();
    wick_error error = {0};
    size_t n_failed = 0;
    /* What the C library keeps for itself (threads' stacks, say) is mostly there after two runs. */
    assert_int_equal(run_failing(-1, &error), WICK_OK);
    assert_int_equal(run_failing(-1, &error), WICK_OK);
    bool more = true;
    for (long k = 0; more; k++) {
        /* A leak of ours shows each time that allocation k fails, a late purchase of the C library's once. */
        bool grew = true;
        for (int attempt = 0; attempt < 3 && grew; attempt++) {
            const long live = atomic_load(&n_live);
            more = survives_failure(k, &n_failed);
            grew = atomic_load(&n_live) > live;
        }
        if (grew)
            fail_msg("memory is lost when allocation %ld fails", k);
    }
    assert_true(n_failed > 20);
    assert_int_equal(run_failing(-1, &error), WICK_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counter_counts),
        cmocka_unit_test(warm_calls_allocate_nothing),
        cmocka_unit_test(warm_duplicates_allocate_nothing),
        cmocka_unit_test(warm_errors_allocate_nothing),
        cmocka_unit_test(failed_allocations_are_survived),
    };
    start_counting();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
