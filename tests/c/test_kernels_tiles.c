/* SPDX-License-Identifier: Apache-2.0
 * Tests of what the tier with AMX's tiles does to the process and the threads that it runs in: permission is asked for only when that tier is wanted, a
 * refusal means the tier below, and tiles are given back after each product and each stretch of many, whatever others left in them. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support_kernels.h"

#if defined(__x86_64__) && defined(__linux__)
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATE_CONFIG (1u << 17)
#define STATE_DATA (1u << 18)
#define N_TILES 8

/* ---- permission ------------------------------------------------------------------------------------------------------- */

/* arch_prctl(2): ARCH_GET_XCOMP_SUPP, ARCH_GET_XCOMP_PERM */
static bool has_state(int request)
{
    uint64_t states = 0;
    return syscall(SYS_arch_prctl, request, &states) == 0 && (states & STATE_DATA);
}

static bool may_use_tiles(void)
{
    return has_state(0x1022);
}

/* In a process of its own, because permission stays: what check returns. */
static bool in_a_child(bool (*check)(void))
{
    int status = 0;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(check() ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool lower_tier_asks_for_nothing(void)
{
    setenv("WICK_CPU", "avx2", 1);
    const char *tier = wick_kernels_select()->tier;
    return strcmp(tier, "amx") != 0 && wick_kernels_named("generic") && !may_use_tiles();
}

static bool best_tier_may_use_what_it_has(void)
{
    unsetenv("WICK_CPU");
    return (strcmp(wick_kernels_select()->tier, "amx") == 0) == may_use_tiles();
}

static bool small_signal_stack_means_the_tier_below(void)
{
    static char stack[4096];
    unsetenv("WICK_CPU");
    const stack_t small = {.ss_sp = stack, .ss_size = sizeof stack};
    if (sigaltstack(&small, NULL) != 0) /* too small even without tiles */
        return true;
    const char *tier = wick_kernels_select()->tier;
    return strcmp(tier, "amx") != 0 && strcmp(tier, "generic") != 0 && !wick_kernels_named("amx") && !may_use_tiles();
}

/* The first test: nothing in this process may have asked before. */
static void permission_is_asked_for_when_wanted(void **state)
{
    (void)state;
    if (!has_state(0x1021) || may_use_tiles())
        skip();
    assert_true(in_a_child(lower_tier_asks_for_nothing));
    assert_true(in_a_child(best_tier_may_use_what_it_has));
    assert_true(in_a_child(small_signal_stack_means_the_tier_below));
}

/* ---- registers -------------------------------------------------------------------------------------------------------- */

/* XGETBV with ECX 1: which states of this thread are other than initial. */
static bool tiles_in_use(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(1));
    return (low & (STATE_CONFIG | STATE_DATA)) != 0;
}

/* As another library would leave them. */
static void leave_other_shape(uint8_t rows)
{
    struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } config = {.palette = 1};
    for (size_t i = 0; i < N_TILES; i++) {
        config.rows[i] = rows;
        config.row_bytes[i] = 32;
    }
    __asm__ volatile("ldtilecfg %0" : : "m"(config));
}

enum { MOST_ROWS = 40, N = 48, K = 72, PADDED = 64 };

static uint8_t a8[MOST_ROWS * K];
static int8_t b8[K * PADDED];
/* Of integers of 24 bits: two steps of digits. */
enum { STEPS = 2, A24_BYTES = STEPS * WICK_I24_DIGITS * WICK_I24_STEP };
static int8_t a24[MOST_ROWS * A24_BYTES], b24[A24_BYTES * N];
static uint16_t a16[MOST_ROWS * K], b16[K * PADDED];
static wick_row_scale scales[MOST_ROWS];
static float ones[PADDED];

static void fill(void)
{
    support_random random = {21};
    for (size_t i = 0; i < sizeof a8; i++) {
        a8[i] = (uint8_t)support_random_bits(&random);
        a16[i] = (uint16_t)(support_bits_of(support_random_normal(&random)) >> 16);
    }
    for (size_t i = 0; i < sizeof b8; i++) {
        b8[i] = (int8_t)support_random_bits(&random);
        b16[i] = (uint16_t)(support_bits_of(support_random_normal(&random)) >> 16);
    }
    for (size_t i = 0; i < sizeof a24; i++)
        a24[i] = (int8_t)support_random_bits(&random);
    for (size_t i = 0; i < sizeof b24; i++)
        b24[i] = (int8_t)support_random_bits(&random);
    for (size_t i = 0; i < MOST_ROWS; i++)
        scales[i] = (wick_row_scale){1.0f, 1.0f};
    for (size_t i = 0; i < PADDED; i++)
        ones[i] = 1.0f;
}

typedef struct results {
    float bf16[MOST_ROWS * N], i8[MOST_ROWS * N], i24[MOST_ROWS * N];
} results;

static void multiply_bf16(const wick_kernels *kernels, size_t m, float *c)
{
    kernels->gemm_bf16(&(wick_gemm_bf16){
        .m = m, .n = N, .k = K, .a = a16, .lda = K, .b = b16, .panel_width = 32, .bias = ones, .c = c, .ldc = N});
}

static void multiply_i8(const wick_kernels *kernels, const uint8_t *a, size_t m, float *c)
{
    kernels->gemm_i8(&(wick_gemm_i8){.m = m,
                                     .n = N,
                                     .k = K,
                                     .a = a,
                                     .lda = K,
                                     .rows = scales,
                                     .b = b8,
                                     .panel_width = 32,
                                     .b_scales = ones,
                                     .b_sums = ones,
                                     .bias = ones,
                                     .c = c,
                                     .ldc = N});
}

static void multiply_i24(const wick_kernels *kernels, const int8_t *a, size_t m, float *c)
{
    kernels->gemm_i24(&(wick_gemm_i24){.m = m,
                                       .n = N,
                                       .n_steps = STEPS,
                                       .a = a,
                                       .lda = A24_BYTES,
                                       .rows = scales,
                                       .b = b24,
                                       .b_scales = ones,
                                       .bias = ones,
                                       .c = c,
                                       .ldc = N});
}

static const wick_kernels *amx(void)
{
    const wick_kernels *kernels = wick_kernels_named("amx");
    if (!kernels)
        skip();
    return kernels;
}

static void products_give_tiles_back(void **state)
{
    (void)state;
    const wick_kernels *kernels = amx();
    static results now;
    fill();
    assert_false(tiles_in_use());
    for (size_t m = 1; m <= MOST_ROWS; m++) {
        multiply_bf16(kernels, m, now.bf16);
        assert_false(tiles_in_use());
        multiply_i8(kernels, a8, m, now.i8);
        assert_false(tiles_in_use());
        multiply_i24(kernels, a24, m, now.i24);
        assert_false(tiles_in_use());
    }
    kernels->spin_bf16(1);
    assert_false(tiles_in_use());
    kernels->spin_i8(1);
    assert_false(tiles_in_use());
}

/* The number of rows changes from product to product: tiles of more rows than there are would read what stands behind. */
static void shapes_change_between_enter_and_leave(void **state)
{
    (void)state;
    const wick_kernels *kernels = amx();
    static results want, now;
    support_guarded memory, memory24;
    fill();
    support_guarded_open(&memory, sizeof a8 / sizeof(float));
    support_guarded_open(&memory24, sizeof a24 / sizeof(float));
    multiply_i8(kernels, a8, MOST_ROWS, want.i8);
    multiply_i24(kernels, a24, MOST_ROWS, want.i24);
    kernels->enter();
    for (size_t i = 0; i < 300; i++) {
        const size_t m = i * 11 % (MOST_ROWS + 1); /* none, too */
        uint8_t *a = memory.pages + memory.size_bytes - m * K;
        memcpy(a, a8, m * K);
        multiply_i8(kernels, a, m, now.i8);
        if (memcmp(now.i8, want.i8, m * N * sizeof *now.i8) != 0)
            fail_msg("product %zu, of %zu rows", i, m);
        const size_t m24 = (i * 7 + 3) % (MOST_ROWS + 1);
        int8_t *a_24 = (int8_t *)memory24.pages + memory24.size_bytes - m24 * A24_BYTES;
        memcpy(a_24, a24, m24 * A24_BYTES);
        multiply_i24(kernels, a_24, m24, now.i24);
        if (memcmp(now.i24, want.i24, m24 * N * sizeof *now.i24) != 0)
            fail_msg("product %zu, of %zu rows of 24-bit integers", i, m24);
    }
    kernels->leave();
    support_guarded_close(&memory);
    support_guarded_close(&memory24);
}

/* As many rows, but other tiles of b: of fewer than 16 rows those are not of one shape. */
static void kinds_change_between_enter_and_leave(void **state)
{
    (void)state;
    const wick_kernels *kernels = amx();
    static results want, now;
    fill();
    multiply_bf16(kernels, MOST_ROWS, want.bf16);
    multiply_i24(kernels, a24, MOST_ROWS, want.i24);
    kernels->enter();
    for (size_t m = 1; m <= MOST_ROWS; m++)
        for (size_t round = 0; round < 2; round++) {
            memset(&now, 0, sizeof now);
            multiply_bf16(kernels, m, now.bf16);
            assert_memory_equal(now.bf16, want.bf16, m * N * sizeof *now.bf16);
            multiply_i24(kernels, a24, m, now.i24);
            assert_memory_equal(now.i24, want.i24, m * N * sizeof *now.i24);
        }
    kernels->leave();
}

static void they_stay_between_enter_and_leave(void **state)
{
    (void)state;
    const wick_kernels *kernels = amx();
    static results now;
    for (size_t round = 0; round < 3; round++) {
        kernels->enter();
        multiply_bf16(kernels, MOST_ROWS, now.bf16);
        assert_true(tiles_in_use());
        multiply_i8(kernels, a8, 3, now.i8);
        assert_true(tiles_in_use());
        multiply_i24(kernels, a24, 5, now.i24);
        assert_true(tiles_in_use());
        kernels->leave();
        assert_false(tiles_in_use());
        multiply_bf16(kernels, 1, now.bf16); /* outside again */
        assert_false(tiles_in_use());
        multiply_i24(kernels, a24, MOST_ROWS, now.i24);
        assert_false(tiles_in_use());
    }
    kernels->enter();
    kernels->leave(); /* nothing in between */
    assert_false(tiles_in_use());
}

static void shapes_of_others_are_not_felt(void **state)
{
    (void)state;
    const wick_kernels *kernels = amx();
    static results want, now;
    fill();
    for (size_t m = 1; m <= MOST_ROWS; m += 3) {
        multiply_bf16(kernels, m, want.bf16);
        multiply_i8(kernels, a8, m, want.i8);
        multiply_i24(kernels, a24, m, want.i24);
        for (uint8_t rows = 1; rows <= 16; rows++) {
            leave_other_shape(rows);
            multiply_bf16(kernels, m, now.bf16);
            assert_memory_equal(now.bf16, want.bf16, m * N * sizeof *now.bf16);
            leave_other_shape(rows);
            kernels->enter();
            multiply_i8(kernels, a8, m, now.i8);
            kernels->leave();
            assert_memory_equal(now.i8, want.i8, m * N * sizeof *now.i8);
            leave_other_shape(rows);
            multiply_i24(kernels, a24, m, now.i24);
            assert_memory_equal(now.i24, want.i24, m * N * sizeof *now.i24);
        }
    }
    __asm__ volatile("tilerelease" : :);
}

/* No cmocka here: its failures must come from the main thread. */
static void *multiply_as_well(void *arg)
{
    static _Thread_local results now;
    const results *want = arg;
    const wick_kernels *kernels = wick_kernels_named("amx");
    bool same = true;
    for (size_t round = 0; round < 200 && same; round++) {
        const size_t m = 1 + round * 7 % MOST_ROWS;
        multiply_bf16(kernels, m, now.bf16);
        multiply_i8(kernels, a8, m, now.i8);
        multiply_i24(kernels, a24, m, now.i24);
        same = memcmp(now.bf16, want->bf16, m * N * sizeof *now.bf16) == 0 &&
               memcmp(now.i8, want->i8, m * N * sizeof *now.i8) == 0 &&
               memcmp(now.i24, want->i24, m * N * sizeof *now.i24) == 0 && !tiles_in_use();
    }
    return same ? NULL : arg;
}

static void every_thread_has_its_own(void **state)
{
    (void)state;
    const wick_kernels *kernels = amx();
    static results want, now;
    pthread_t thread;
    void *failed = NULL;
    fill();
    multiply_bf16(kernels, MOST_ROWS, want.bf16);
    multiply_i8(kernels, a8, MOST_ROWS, want.i8);
    multiply_i24(kernels, a24, MOST_ROWS, want.i24);
    kernels->enter(); /* a thread that comes while this one is inside is not */
    multiply_bf16(kernels, MOST_ROWS, now.bf16);
    assert_int_equal(pthread_create(&thread, NULL, multiply_as_well, &want), 0);
    pthread_join(thread, &failed);
    assert_null(failed);
    multiply_i8(kernels, a8, MOST_ROWS, now.i8);
    multiply_i24(kernels, a24, MOST_ROWS, now.i24);
    kernels->leave();
    assert_memory_equal(&now, &want, sizeof now);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(permission_is_asked_for_when_wanted),
        cmocka_unit_test(products_give_tiles_back),
        cmocka_unit_test(shapes_change_between_enter_and_leave),
        cmocka_unit_test(kinds_change_between_enter_and_leave),
        cmocka_unit_test(they_stay_between_enter_and_leave),
        cmocka_unit_test(shapes_of_others_are_not_felt),
        cmocka_unit_test(every_thread_has_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    return 0;
}

#endif
