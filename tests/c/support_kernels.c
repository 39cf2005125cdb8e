/* SPDX-License-Identifier: Apache-2.0
 * support_kernels.c: see support_kernels.h. */
#include "support_kernels.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

/* A quiet NaN that no calculation makes: what reads it gives a wrong result, what overwrites it is seen. */
#define CANARY 0x7FE5A5A5u
/* Canaries checked on the open side of a matrix, in floats. */
#define MARGIN 128

/* Steele, Lea and Flood 2014: SplitMix64. */
uint32_t support_random_bits(support_random *random)
{
    uint64_t z = random->state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (uint32_t)((z ^ (z >> 31)) >> 32);
}

size_t support_random_below(support_random *random, size_t n)
{
    return (size_t)((uint64_t)support_random_bits(random) * n >> 32);
}

/* Box and Muller 1958. */
float support_random_normal(support_random *random)
{
    double u = (support_random_bits(random) + 1.0) / 4294967296.0, v = support_random_bits(random) / 4294967296.0;
    return (float)(sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v));
}

void support_guarded_open(support_guarded *memory, size_t n_floats)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    memory->size_bytes = (n_floats * sizeof(float) + page) / page * page;
    memory->pages =
        mmap(NULL, memory->size_bytes + 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(memory->pages != MAP_FAILED);
    memory->pages += page;
    assert_int_equal(mprotect(memory->pages - page, page, PROT_NONE), 0);
    assert_int_equal(mprotect(memory->pages + memory->size_bytes, page, PROT_NONE), 0);
}

void support_guarded_close(support_guarded *memory)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    munmap(memory->pages - page, memory->size_bytes + 2 * page);
}

static size_t span_of(const support_matrix *matrix)
{
    return matrix->m ? (matrix->m - 1) * matrix->ld + matrix->n : 0;
}

/* The floats around and inside the matrix that are under watch: begin .. end. */
static void watched(const support_matrix *matrix, float **begin, float **end)
{
    float *first = (float *)(void *)matrix->memory->pages;
    float *last = first + matrix->memory->size_bytes / sizeof(float);
    *begin = matrix->x - first < MARGIN ? first : matrix->x - MARGIN;
    float *past = matrix->x + span_of(matrix);
    *end = last - past < MARGIN ? last : past + MARGIN;
}

support_matrix support_matrix_place(support_guarded *memory, size_t m, size_t n, size_t ld, bool at_end)
{
    support_matrix matrix = {(float *)(void *)memory->pages, m, n, ld, memory};
    size_t span = span_of(&matrix), n_floats = memory->size_bytes / sizeof(float);
    assert_true(span <= n_floats && ld >= n);
    if (at_end)
        matrix.x += n_floats - span;
    float *x, *end;
    const uint32_t canary = CANARY;
    for (watched(&matrix, &x, &end); x < end; x++)
        memcpy(x, &canary, sizeof canary);
    return matrix;
}

void support_matrix_fill(const support_matrix *matrix, size_t n, support_random *random, float scale, float offset)
{
    for (size_t i = 0; i < matrix->m; i++)
        for (size_t j = 0; j < n; j++)
            matrix->x[i * matrix->ld + j] = support_random_normal(random) * scale + offset;
}

/* Bytes on the open side of a place that are under watch, and what they hold. */
#define MARGIN_BYTES ((size_t)512)
#define CANARY_BYTE 0xA5u

static size_t byte_span_of(const support_bytes *bytes)
{
    return bytes->m ? (bytes->m - 1) * bytes->ld + bytes->n : 0;
}

static void watched_bytes(const support_bytes *bytes, unsigned char **begin, unsigned char **end)
{
    unsigned char *first = bytes->memory->pages, *last = first + bytes->memory->size_bytes;
    unsigned char *past = bytes->x + byte_span_of(bytes);
    *begin = (size_t)(bytes->x - first) < MARGIN_BYTES ? first : bytes->x - MARGIN_BYTES;
    *end = (size_t)(last - past) < MARGIN_BYTES ? last : past + MARGIN_BYTES;
}

support_bytes support_bytes_place(support_guarded *memory, size_t m, size_t n, size_t ld, bool at_end)
{
    support_bytes bytes = {memory->pages, m, n, ld, memory};
    size_t span = byte_span_of(&bytes);
    assert_true(span <= memory->size_bytes && ld >= n);
    if (at_end)
        bytes.x += memory->size_bytes - span;
    unsigned char *begin, *end;
    watched_bytes(&bytes, &begin, &end);
    memset(begin, CANARY_BYTE, (size_t)(end - begin));
    return bytes;
}

void support_bytes_check_gaps(const support_bytes *bytes)
{
    unsigned char *begin, *end;
    watched_bytes(bytes, &begin, &end);
    ptrdiff_t span = (ptrdiff_t)byte_span_of(bytes);
    for (unsigned char *x = begin; x < end; x++) {
        ptrdiff_t at = x - bytes->x;
        bool inside = at >= 0 && at < span && (size_t)at % bytes->ld < bytes->n;
        if (!inside && *x != CANARY_BYTE)
            fail_msg("[%zu, %zu] bytes, rows of %zu: overwritten at byte %td", bytes->m, bytes->n, bytes->ld, at);
    }
}

uint32_t support_bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

void support_matrix_check_gaps(const support_matrix *matrix)
{
    float *begin, *end;
    watched(matrix, &begin, &end);
    ptrdiff_t span = (ptrdiff_t)span_of(matrix);
    for (float *x = begin; x < end; x++) {
        ptrdiff_t at = x - matrix->x;
        bool inside = at >= 0 && at < span && (size_t)at % matrix->ld < matrix->n;
        if (!inside && support_bits_of(*x) != CANARY)
            fail_msg("[%zu, %zu] rows of %zu: overwritten at element %td", matrix->m, matrix->n, matrix->ld, at);
    }
}

const char *const support_tiers[SUPPORT_N_TIERS] = {"generic", "avx2", "avxvnni", "avx512", "avx512vnni", "avx512bf16",
                                                    "amx",     "neon", "dotprod", "i8mm",   "bf16"};

#define MAX_TESTS 160

void support_tier_test(struct CMUnitTest *out, const struct CMUnitTest *test, const char *tier, char name[64])
{
    *out = *test;
    snprintf(name, 64, "%s, tier %s", test->name, tier);
    out->name = name;
    out->initial_state = (void *)(uintptr_t)tier; /* never written to */
}

int support_tiers_run(const struct CMUnitTest *each, size_t n_each, const struct CMUnitTest *once, size_t n_once)
{
    static char names[MAX_TESTS][64];
    static struct CMUnitTest tests[MAX_TESTS];
    const size_t n = n_once + SUPPORT_N_TIERS * n_each;
    if (n > MAX_TESTS) {
        fprintf(stderr, "support_kernels.c: more than %d tests\n", MAX_TESTS);
        return 1;
    }
    for (size_t i = 0; i < n_once; i++)
        tests[i] = once[i];
    for (size_t i = 0; i < n - n_once; i++)
        support_tier_test(&tests[n_once + i], &each[i % n_each], support_tiers[i / n_each], names[i]);
    return _cmocka_run_group_tests("tests", tests, n, NULL, NULL);
}

const wick_kernels *support_kernels(void **state)
{
    const wick_kernels *kernels = wick_kernels_named(*state);
    if (!kernels) {
        print_message("tier %s: not built in or not in this CPU: not tested\n", (const char *)*state);
        skip();
    }
    return kernels;
}
