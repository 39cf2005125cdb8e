/* SPDX-License-Identifier: Apache-2.0
 * progress.h: a bar on stderr while a long input is worked off: share done, texts, texts a second, time left. */
#ifndef WICK_CLI_PROGRESS_H
#define WICK_CLI_PROGRESS_H
#include <stdbool.h>
#include <stdint.h>

typedef struct wick_progress {
    bool enabled;
    double started, drawn; /* seconds */
} wick_progress;

/* wanted: false (--quiet, results on the same terminal) keeps it silent; so does a stderr that is no terminal. */
void wick_progress_begin(wick_progress *progress, bool wanted);
/* total_bytes 0: not known. Draws at most ten times a second, and only once it is clear that this takes a while. */
void wick_progress_update(wick_progress *progress, uint64_t n_texts, uint64_t done_bytes, uint64_t total_bytes);
/* Clears the line. */
void wick_progress_end(wick_progress *progress);

#endif
