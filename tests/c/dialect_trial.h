/* SPDX-License-Identifier: Apache-2.0
 * dialect_trial.h: one request through a dialect's reading, binding and writing, without HTTP, queue or engine. For the programs test_dialect*.c, each of which is linked with
 * dialect_trial.c: it stands in for the server's models (one, "org/tiny", also "alias", with the tokenizer of the tiny BERT). */
#ifndef WICK_TESTS_DIALECT_TRIAL_H
#define WICK_TESTS_DIALECT_TRIAL_H
#include "server/call.h"

extern wick_served trial_served;
extern wick_service trial_service;
extern int trial_n_loaded;              /* by request */
extern const char *trial_exchange_path; /* of the request under way */

#define TRIAL_N_DIALECTS 4
extern const wick_route *const trial_dialects[TRIAL_N_DIALECTS];

typedef struct trial {
    wick_call call;
    wick_arena arena;
    wick_api_error error;
    wick_buffer out;
    int status;      /* 0 while read and bind are fine */
    char text[4096]; /* of out */
} trial;

/* Reads and binds, as calls.c would. body NULL: none. */
void trial_begin(trial *t, wick_method method, const char *path, const char *body);
/* Reads, gives text i the vector {1, -0.5, 0, 0.25} + i as far as the dimension goes, and writes. */
void trial_begin_reply(trial *t, const char *path, const char *body);
/* What was written so far, into t->text. */
void trial_take_out(trial *t);
void trial_end(trial *t);

/* The whole of it; part: what the refusal's text must hold. Nothing of "SECRET" in the request may stand in it. */
void trial_refused(wick_method method, const char *path, const char *body, int status, const char *part);
void trial_answers(wick_method method, const char *path, const char *body, const char *expected);
void trial_replies(const char *path, const char *body, const char *expected);

/* For cmocka_run_group_tests: the tokenizer of trial_served. */
int trial_open_tokenizer(void **state);
int trial_close_tokenizer(void **state);

#endif
