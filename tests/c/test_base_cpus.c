/* SPDX-License-Identifier: Apache-2.0
 * Tests of the arithmetic inside base/cpus.c: quotas of a cgroup, "max", files that are odd. The source is included, so that its statics can be
 * called; there is no cgroup to be had in a test. */
#include "../../src/base/cpus.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#ifdef __linux__
static void quotas(void **state)
{
    assert_int_equal(quota_cpus(100000, 100000), 1);
    assert_int_equal(quota_cpus(150000, 100000), 2);
    assert_int_equal(quota_cpus(200000, 100000), 2);
    assert_int_equal(quota_cpus(1000, 100000), 1);
    assert_int_equal(quota_cpus(-1, 100000), 0);
    assert_int_equal(quota_cpus(100000, 0), 0);
    assert_int_equal(quota_cpus(INT64_MAX, 1), WICK_MAX_THREADS);
}

static int numbers_of(const char *content, long long numbers[2])
{
    char path[] = "/tmp/wick-cpus-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), (ssize_t)strlen(content));
    close(fd);
    int n = read_numbers(path, numbers);
    unlink(path);
    return n;
}

static void files(void **state)
{
    long long numbers[2] = {0, 0};
    assert_int_equal(numbers_of("max 100000\n", numbers), 2);
    assert_true(numbers[0] == -1 && numbers[1] == 100000);
    assert_int_equal(numbers_of("250000 100000\n", numbers), 2);
    assert_true(numbers[0] == 250000);
    assert_int_equal(numbers_of("-1\n", numbers), 1);
    assert_true(numbers[0] == -1);
    assert_int_equal(numbers_of("", numbers), 0);
    assert_int_equal(numbers_of("nonsense 1", numbers), 0);
    assert_int_equal(read_numbers("/nonexistent/cpu.max", numbers), 0);
}

static void the_smaller_counts(void **state)
{
    assert_int_equal(smaller_limit(0, 0), 0);
    assert_int_equal(smaller_limit(0, 3), 3);
    assert_int_equal(smaller_limit(3, 0), 3);
    assert_int_equal(smaller_limit(2, 3), 2);
    assert_int_equal(v1_limit("/nonexistent"), 0);
    char deep[700];
    memset(deep, 'a', sizeof deep);
    deep[0] = '/';
    deep[sizeof deep - 1] = '\0';
    assert_int_equal(group_limit("/sys/fs/cgroup", deep, v2_limit), 0);
}

static char asked[8][64];
static unsigned n_asked;

static unsigned note_folder(const char *folder)
{
    snprintf(asked[n_asked++ % 8], sizeof asked[0], "%s", folder);
    return strcmp(folder, "/root/a") == 0 ? 2 : strcmp(folder, "/root/a/b") == 0 ? 3 : 0;
}

/* The group's own limit and those above it, up to the root, whichever is smallest. */
static void groups_above_count(void **state)
{
    n_asked = 0;
    assert_int_equal(group_limit("/root", "/a/b", note_folder), 2);
    assert_int_equal(n_asked, 3);
    assert_string_equal(asked[0], "/root/a/b");
    assert_string_equal(asked[1], "/root/a");
    assert_string_equal(asked[2], "/root");
    n_asked = 0;
    assert_int_equal(group_limit("/root", "/", note_folder), 0);
    assert_int_equal(n_asked, 1);
    assert_string_equal(asked[0], "/root");
}

static void controllers(void **state)
{
    assert_true(has_cpu("cpu", 3));
    assert_true(has_cpu("cpu,cpuacct", 11));
    assert_true(has_cpu("cpuacct,cpu", 11));
    assert_false(has_cpu("cpuset", 6));
    assert_false(has_cpu("cpuacct", 7));
    assert_false(has_cpu("", 0));
    assert_int_equal(line_limit("nonsense"), 0);
    assert_int_equal(line_limit("1:cpu"), 0);
    assert_int_equal(line_limit("3:cpuset:/"), 0);
    assert_int_equal(line_limit("1:cpu:/no/such/group/of/this/name"), v1_limit("/sys/fs/cgroup/cpu"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotas),
        cmocka_unit_test(files),
        cmocka_unit_test(the_smaller_counts),
        cmocka_unit_test(groups_above_count),
        cmocka_unit_test(controllers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
int main(void)
{
    return 0; /* cgroups are Linux's */
}
#endif
