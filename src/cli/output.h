/* SPDX-License-Identifier: Apache-2.0
 * output.h: a buffered stream of results to standard output or to a file. A file is written under a temporary name in
 * its own folder and gets its final name only when complete; until then whatever stood under that name stays. */
#ifndef WICK_CLI_OUTPUT_H
#define WICK_CLI_OUTPUT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wick.h>

typedef struct wick_output wick_output;

/* path: NULL or "-" for standard output. Devices, pipes and sockets are written directly. WICK_E_IO,
 * WICK_E_NO_MEMORY. */
int wick_output_open(const char *path, wick_output **out, wick_error *error);
/* An unnamed file in $TMPDIR, for what must be read again. */
int wick_output_open_spool(wick_output **out, wick_error *error);

/* Writing. The first failure is kept and everything behind it dropped: flush or finish report it. A closed pipe ends
 * the process quietly, as SIGPIPE does. */
void wick_output_write(wick_output *output, const void *data, size_t n);
void wick_output_text(wick_output *output, const char *text);
void wick_output_format(wick_output *output, const char *format, ...) __attribute__((format(printf, 2, 3)));
void wick_output_float(wick_output *output, float value);
/* text[0..n), valid UTF-8, as a JSON string with its quotes. */
void wick_output_json_string(wick_output *output, const char *text, size_t n);
int wick_output_flush(wick_output *output, wick_error *error);

bool wick_output_is_terminal(const wick_output *output);
/* Whether wick_output_patch works: a regular file that is not only appended to. */
bool wick_output_can_patch(const wick_output *output);
/* Overwrites n bytes at the offset, counted from where the stream began. */
int wick_output_patch(wick_output *output, uint64_t offset, const void *data, size_t n, wick_error *error);
/* Reads n bytes back from the offset; what was written before must have been flushed. */
int wick_output_read(wick_output *output, uint64_t offset, void *data, size_t n, wick_error *error);
/* Appends everything that was written to spool. */
int wick_output_copy(wick_output *output, wick_output *spool, wick_error *error);

/* Flushes, syncs and puts the file under its final name. Only after this has returned 0 is there a result. */
int wick_output_finish(wick_output *output, wick_error *error);
/* Frees; an output that was not finished leaves nothing behind. */
void wick_output_close(wick_output *output);

#endif
