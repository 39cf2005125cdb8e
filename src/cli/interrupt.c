/* SPDX-License-Identifier: Apache-2.0
 * interrupt.c: the signal handler of the command. It does only what POSIX allows in a handler (unlink, write, raise,
 * _exit), at once, so that Ctrl-C need not wait for a batch. Called by main.c, output.c and progress.c. */
#include "cli/interrupt.h"
#include <limits.h>
#include <string.h>
#include <unistd.h>

static char guarded_path[PATH_MAX];
static volatile sig_atomic_t is_guarded, bar_shown;
static const char *volatile last_words; /* a literal */

bool wick_interrupt_guard(const char *path)
{
    is_guarded = 0;
    if (!path)
        return true;
    size_t size = strlen(path) + 1;
    if (size > sizeof guarded_path)
        return false;
    memcpy(guarded_path, path, size);
    is_guarded = 1;
    return true;
}

void wick_interrupt_bar(bool shown)
{
    bar_shown = shown;
}

void wick_interrupt_say(const char *literal)
{
    last_words = literal;
}

_Noreturn void wick_interrupt_die(int signal_number)
{
    static const char clear_line[] = "\r\033[K";
    if (is_guarded)
        unlink(guarded_path);
    if (bar_shown && write(STDERR_FILENO, clear_line, sizeof clear_line - 1) < 0)
        bar_shown = 0;
    const char *words = signal_number == SIGPIPE ? NULL : last_words;
    if (words && write(STDERR_FILENO, words, strlen(words)) < 0)
        last_words = NULL;
    signal(signal_number, SIG_DFL);
    sigset_t own;
    sigemptyset(&own);
    sigaddset(&own, signal_number);
    pthread_sigmask(SIG_UNBLOCK, &own, NULL);
    raise(signal_number);
    /* Process 1 of a container does not die of a signal's default action. */
    _exit(128 + signal_number);
}

static void handle(int signal_number)
{
    wick_interrupt_die(signal_number);
}

void wick_interrupt_setup(void)
{
    static const int fatal[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction action = {.sa_handler = handle};
    sigfillset(&action.sa_mask);
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) {
        struct sigaction inherited;
        if (!sigaction(fatal[i], NULL, &inherited) && inherited.sa_handler != SIG_IGN)
            sigaction(fatal[i], &action, NULL);
    }
    /* Writes then say EPIPE and EFBIG, which output.c answers. */
    signal(SIGPIPE, SIG_IGN);
#ifdef SIGXFSZ
    signal(SIGXFSZ, SIG_IGN);
#endif
}
