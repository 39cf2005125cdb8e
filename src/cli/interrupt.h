/* SPDX-License-Identifier: Apache-2.0
 * interrupt.h: ending early without leaving a mess: SIGINT, SIGTERM, SIGHUP and SIGQUIT remove the unfinished output
 * file, clear the progress bar and then end the process as the signal would have (130 for SIGINT, as shells count).
 * */
#ifndef WICK_CLI_INTERRUPT_H
#define WICK_CLI_INTERRUPT_H
#include <signal.h>
#include <stdbool.h>

/* To be called once, before any thread is started. Signals that the parent had ignored (nohup) stay ignored. */
void wick_interrupt_setup(void);
/* The file to remove when a signal comes; NULL: none. False: the path is too long to be guarded. */
bool wick_interrupt_guard(const char *path);
/* Whether a progress bar stands on stderr. */
void wick_interrupt_bar(bool shown);
/* What to write on stderr when a signal ends the process: a literal with its line end; NULL: nothing. */
void wick_interrupt_say(const char *literal);
/* Cleans up and ends the process by the signal, as the handler does; for SIGPIPE, when a write says EPIPE. */
_Noreturn void wick_interrupt_die(int signal_number);

#endif
