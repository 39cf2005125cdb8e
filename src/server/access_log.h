/* SPDX-License-Identifier: Apache-2.0
 * access_log.h: what the server writes: a line for each request, and the library's own log lines in the same form, logfmt or JSON. In: facts about requests,
 * never texts, keys or paths that users make up. Out: lines on a descriptor, dropped rather than waited for. Called by server.c and calls.c. */
#ifndef WICK_SERVER_ACCESS_LOG_H
#define WICK_SERVER_ACCESS_LOG_H
#include <wick.h>

typedef struct wick_access_log wick_access_log;

/* One request; all strings are terminated and may come from the client (they are escaped). */
typedef struct wick_access {
    const char *id, *method, *route, *peer, *model; /* model: NULL where none was found */
    int status;
    double ms;
    size_t n_texts;
    uint64_t n_tokens;
} wick_access;

/* fd stays the caller's. NULL: out of memory. From now on until _close, wick_log's lines take the same form and place. */
wick_access_log *wick_access_log_open(int fd, bool is_json);
void wick_access_log_close(wick_access_log *log);

/* Loop thread. At level info; kept in a buffer until _flush or until that is full. */
void wick_access_log_request(wick_access_log *log, const wick_access *access);
/* Loop thread: writes what is kept. */
void wick_access_log_flush(wick_access_log *log);
/* "error", "warn", "info", "debug", "off": sets wick_log's level. False: none of them. */
bool wick_log_level_set_by_name(const char *name);

#endif
