/* SPDX-License-Identifier: Apache-2.0
 * test_plan.c: a plan takes every sequence once, in chunks that fit the activations, with enough of them for the threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cpu/plan.h"
#include "support_kernels.h"

#define MAX_SEQUENCES 3000

static uint32_t offsets[MAX_SEQUENCES + 1];
static unsigned seen[MAX_SEQUENCES];
static wick_plan plan;

static wick_packed_batch batch_of(size_t n)
{
    return (wick_packed_batch){n, offsets[n], NULL, offsets};
}

static size_t rows_of(const wick_packed_batch *batch, size_t chunk)
{
    size_t rows = 0;
    for (size_t i = plan.starts[chunk]; i < plan.starts[chunk + 1]; i++)
        rows += batch->offsets[plan.order[i] + 1] - batch->offsets[plan.order[i]];
    return rows;
}

static void check_chunks(const wick_packed_batch *batch)
{
    size_t limit = plan.together ? WICK_TOGETHER_ROWS : WICK_ALONE_ROWS;
    assert_int_equal(plan.starts[0], 0);
    assert_int_equal(plan.starts[plan.n_chunks], plan.n_sequences);
    for (size_t i = 0; i < plan.n_chunks; i++) {
        assert_true(plan.starts[i] < plan.starts[i + 1]);
        assert_true(plan.starts[i + 1] - plan.starts[i] == 1 || rows_of(batch, i) <= limit);
    }
}

/* Plans round by round, as the backend does. */
static void check_batch(size_t n, unsigned n_threads)
{
    wick_packed_batch batch = batch_of(n);
    for (size_t i = 0; i < n; i++)
        seen[i] = 0;
    for (size_t next = 0; next < n; next += plan.n_sequences) {
        wick_plan_make(&plan, &batch, next, n_threads, WICK_ALONE_ROWS);
        assert_true(plan.n_sequences > 0);
        check_chunks(&batch);
        for (size_t i = 0; i < plan.n_sequences; i++) {
            assert_in_range(plan.order[i], next, next + plan.n_sequences - 1);
            seen[plan.order[i]]++;
        }
    }
    for (size_t i = 0; i < n; i++)
        assert_int_equal(seen[i], 1);
}

static void every_sequence_once(void **state)
{
    (void)state;
    support_random random = {7};
    static const size_t counts[] = {1, 2, 3, 8, 33, 1023, 1024, 1025, MAX_SEQUENCES};
    static const size_t longest[] = {1, 2, 30, 256, 512, 9000};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
        for (size_t l = 0; l < sizeof longest / sizeof *longest; l++) {
            for (size_t i = 0; i < counts[c]; i++)
                offsets[i + 1] = offsets[i] + 1 + (uint32_t)support_random_below(&random, longest[l]);
            for (unsigned n_threads = 1; n_threads <= 16; n_threads = n_threads * 2 + 1)
                check_batch(counts[c], n_threads);
        }
}

static void one_text_is_shared(void **state)
{
    (void)state;
    offsets[1] = 12;
    wick_packed_batch batch = batch_of(1);
    wick_plan_make(&plan, &batch, 0, 2, WICK_ALONE_ROWS);
    assert_true(plan.together);
    wick_plan_make(&plan, &batch, 0, 1, WICK_ALONE_ROWS);
    assert_false(plan.together);
}

/* Side by side: the longest come first, and no thread has much more to do than another. */
static void longest_first(void **state)
{
    (void)state;
    support_random random = {11};
    for (size_t i = 0; i < 200; i++)
        offsets[i + 1] = offsets[i] + 1 + (uint32_t)support_random_below(&random, 256);
    wick_packed_batch batch = batch_of(200);
    wick_plan_make(&plan, &batch, 0, 4, WICK_ALONE_ROWS);
    assert_false(plan.together);
    for (size_t i = 1; i < plan.n_sequences; i++) {
        size_t before = offsets[plan.order[i - 1] + 1] - offsets[plan.order[i - 1]];
        size_t here = offsets[plan.order[i] + 1] - offsets[plan.order[i]];
        assert_true(here <= before + 1); /* buckets are about a token wide */
    }
    size_t busy[4] = {0}, total = 0;
    for (size_t i = 0; i < plan.n_chunks; i++) { /* the thread that is free first takes the next chunk */
        size_t least = 0;
        for (size_t t = 1; t < 4; t++)
            least = busy[t] < busy[least] ? t : least;
        busy[least] += rows_of(&batch, i);
        total += rows_of(&batch, i);
    }
    for (size_t t = 0; t < 4; t++)
        assert_true(busy[t] <= total / 4 + WICK_ALONE_ROWS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sequence_once),
        cmocka_unit_test(one_text_is_shared),
        cmocka_unit_test(longest_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
