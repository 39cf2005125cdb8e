/* SPDX-License-Identifier: Apache-2.0
 * Tests of the log: levels from WICK_LOG and RUST_LOG, the caller's function, stderr. The level is read once a process, so each case that sets
 * the environment runs in a child of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

static char last[2048];
static int n_lines;

static void keep(void *user, wick_log_level level, const char *message)
{
    assert_ptr_equal(user, &n_lines);
    snprintf(last, sizeof last, "%d %s", (int)level, message);
    n_lines++;
}

static void to_the_caller(void **state)
{
    wick_log_set(keep, &n_lines);
    wick_log_set_level(WICK_LOG_INFO);
    n_lines = 0;
    wick_log(WICK_LOG_DEBUG, "not this");
    assert_int_equal(n_lines, 0);
    wick_log(WICK_LOG_INFO, "%s %d", "answer", 42);
    assert_int_equal(n_lines, 1);
    assert_string_equal(last, "2 answer 42");
    wick_log_set_level(WICK_LOG_OFF);
    wick_log(WICK_LOG_ERROR, "not this either");
    assert_int_equal(n_lines, 1);
    wick_log_set_level(WICK_LOG_DEBUG);
    wick_log(WICK_LOG_OFF, "nor a level that is none");
    assert_int_equal(n_lines, 1);
    wick_log(WICK_LOG_DEBUG, "%4000s", "long");
    assert_int_equal(n_lines, 2);
    assert_true(strlen(last) > 1000);
    wick_log_set(NULL, NULL);
}

/* The highest level that is on under these variables (NULL: unset), found out by a child; -1: none. */
static int level_under(const char *wick_log_text, const char *rust_log_text)
{
    fflush(NULL); /* the child must not write what the parent has yet to */
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        unsetenv("WICK_LOG");
        unsetenv("RUST_LOG");
        if (wick_log_text)
            setenv("WICK_LOG", wick_log_text, 1);
        if (rust_log_text)
            setenv("RUST_LOG", rust_log_text, 1);
        int n = 0;
        for (int level = WICK_LOG_ERROR; level <= WICK_LOG_DEBUG; level++)
            n += wick_log_enabled((wick_log_level)level);
        exit(n);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status) - 1;
}

static void levels_from_the_environment(void **state)
{
    static const struct {
        const char *wick, *rust;
        int level;
    } cases[] = {
        {NULL, NULL, WICK_LOG_WARN},
        {"debug", NULL, WICK_LOG_DEBUG},
        {"INFO", NULL, WICK_LOG_INFO},
        {"error", NULL, WICK_LOG_ERROR},
        {"off", NULL, WICK_LOG_OFF},
        {"trace", NULL, WICK_LOG_DEBUG},
        {"warning", NULL, WICK_LOG_WARN},
        {NULL, "info", WICK_LOG_INFO},
        {"error", "debug", WICK_LOG_ERROR},
        {"nonsense", "info", WICK_LOG_INFO},
        {"nonsense", NULL, WICK_LOG_WARN},
        {"", NULL, WICK_LOG_WARN},
        {NULL, "warn,wick=debug", WICK_LOG_DEBUG},
        {NULL, "wick=error,debug", WICK_LOG_ERROR},
        {NULL, "hyper=debug", WICK_LOG_WARN},
        {NULL, "hyper=debug,info", WICK_LOG_INFO},
        {NULL, "wicked=debug", WICK_LOG_WARN},
        {NULL, ",,=,wick=", WICK_LOG_WARN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int level = level_under(cases[i].wick, cases[i].rust);
        if (level != cases[i].level)
            fail_msg("WICK_LOG=%s RUST_LOG=%s gives %d, not %d", cases[i].wick ? cases[i].wick : "(unset)",
                     cases[i].rust ? cases[i].rust : "(unset)", level, cases[i].level);
    }
}

static void to_stderr(void **state)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    int before = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    wick_log_set_level(WICK_LOG_WARN);
    wick_log(WICK_LOG_WARN, "no GPU %s", "here");
    wick_log(WICK_LOG_INFO, "not this");
    dup2(before, STDERR_FILENO);
    close(before);
    close(ends[1]);
    char text[256] = "";
    assert_true(read(ends[0], text, sizeof text - 1) > 0);
    close(ends[0]);
    assert_string_equal(text, "wick: warn: no GPU here\n");
}

/* A level that is none is told once, by whichever line comes first. */
static void a_level_that_is_none(void **state)
{
    static const struct {
        const char *wick, *rust, *said;
    } cases[] = {{"foo", NULL, "wick: warn: WICK_LOG names no level: foo; it is off, error, warn, info or debug\n"},
                 {"foo", "error", ""},
                 {"", NULL, ""},
                 {NULL, "foo", ""},
                 {"wick=info", NULL, ""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        const pid_t child = fork();
        if (child == 0) {
            dup2(ends[1], STDERR_FILENO);
            unsetenv("WICK_LOG");
            unsetenv("RUST_LOG");
            if (cases[i].wick)
                setenv("WICK_LOG", cases[i].wick, 1);
            if (cases[i].rust)
                setenv("RUST_LOG", cases[i].rust, 1);
            for (int k = 0; k < 3; k++)
                wick_log(WICK_LOG_DEBUG, "not this");
            _exit(0);
        }
        close(ends[1]);
        char text[256] = "";
        size_t n = 0;
        for (ssize_t more; (more = read(ends[0], text + n, sizeof text - 1 - n)) > 0;)
            n += (size_t)more;
        close(ends[0]);
        assert_int_equal(waitpid(child, NULL, 0), child);
        assert_string_equal(text, cases[i].said);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_from_the_environment), /* first: the level of this process is still unset */
        cmocka_unit_test(a_level_that_is_none),
        cmocka_unit_test(to_the_caller),
        cmocka_unit_test(to_stderr),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
