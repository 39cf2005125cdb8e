/* SPDX-License-Identifier: Apache-2.0
 * progress.h: a bar on stderr while a long input is worked off, or a model comes: share done, texts or bytes, how many a second, time left. */
#ifndef WICK_CLI_PROGRESS_H
#define WICK_CLI_PROGRESS_H
#include <stdbool.h>
#include <stdint.h>

typedef struct wick_progress {
    bool enabled;
    double started, drawn; /* seconds */
    bool has_first, is_noted;
    uint64_t first_bytes; /* what was there when a download began */
} wick_progress;

/* wanted: false (--quiet, results on the same terminal) keeps it silent; so does a stderr that is no terminal. */
void wick_progress_begin(wick_progress *progress, bool wanted);
/* total_bytes 0: not known. Draws at most ten times a second, and only once it is clear that this takes a while. */
void wick_progress_update(wick_progress *progress, uint64_t n_texts, uint64_t done_bytes, uint64_t total_bytes);
/* The same for a download, in bytes, with the name of what is coming. */
void wick_progress_bytes(wick_progress *progress, uint64_t have_bytes, uint64_t total_bytes, const char *name);
/* A word in the bar's place, at once. */
void wick_progress_note(wick_progress *progress, const char *text);
/* 90868376 -> "90.9 MB". */
void wick_bytes_text(uint64_t n, char out[16]);
/* Takes the line away for a message; the next update draws it again. */
void wick_progress_clear(wick_progress *progress);
/* Clears the line, for good. */
void wick_progress_end(wick_progress *progress);

#endif
