/* SPDX-License-Identifier: Apache-2.0
 * log.h: log lines to stderr or the caller's function (wick.h). Never a user's text, never a key. */
#ifndef WICK_BASE_LOG_H
#define WICK_BASE_LOG_H
#include <wick.h>

bool wick_log_enabled(wick_log_level level);
void wick_log(wick_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
