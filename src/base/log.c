/* SPDX-License-Identifier: Apache-2.0
 * log.c: the level comes from WICK_LOG, else RUST_LOG (its last word of the form level or target=level), else "warn". */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LEVEL_UNSET (-2)

static wick_log_fn log_fn;
static void *log_user;
static atomic_int log_level = LEVEL_UNSET;

static const struct {
    const char *name;
    wick_log_level level;
} level_names[] = {
    {"off", WICK_LOG_OFF},   {"error", WICK_LOG_ERROR}, {"warn", WICK_LOG_WARN},   {"warning", WICK_LOG_WARN},
    {"info", WICK_LOG_INFO}, {"debug", WICK_LOG_DEBUG}, {"trace", WICK_LOG_DEBUG},
};

static bool parse_level(const char *text, size_t n, int *out)
{
    for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++)
        if (strlen(level_names[i].name) == n && strncasecmp(level_names[i].name, text, n) == 0) {
            *out = level_names[i].level;
            return true;
        }
    return false;
}

/* RUST_LOG is a list: "info", "warn,wick=debug". The entry for wick wins over the bare level; other targets are not ours. */
static int level_from_list(const char *list)
{
    int bare = LEVEL_UNSET, own = LEVEL_UNSET;
    while (*list) {
        size_t n = strcspn(list, ",");
        const char *equals = memchr(list, '=', n);
        if (!equals)
            parse_level(list, n, &bare);
        else if (equals - list == 4 && strncmp(list, "wick", 4) == 0)
            parse_level(equals + 1, n - 5, &own);
        list += n + (list[n] == ',');
    }
    return own != LEVEL_UNSET ? own : bare;
}

/* What WICK_LOG says that is no level would go unnoticed. RUST_LOG is for other programs too. */
static void warn_of(const char *value)
{
    wick_log(WICK_LOG_WARN, "WICK_LOG names no level: %.64s; it is off, error, warn, info or debug", value);
}

static int level_in_force(void)
{
    int level = atomic_load_explicit(&log_level, memory_order_relaxed);
    if (level != LEVEL_UNSET)
        return level;
    static const char *const variables[] = {"WICK_LOG", "RUST_LOG"};
    for (size_t i = 0; i < 2 && level == LEVEL_UNSET; i++) {
        const char *value = getenv(variables[i]);
        level = value ? level_from_list(value) : LEVEL_UNSET;
    }
    level = level == LEVEL_UNSET ? WICK_LOG_WARN : level;
    int unset = LEVEL_UNSET;
    const char *value = getenv("WICK_LOG");
    if (atomic_compare_exchange_strong(&log_level, &unset, level) && value && value[0] &&
        level_from_list(value) == LEVEL_UNSET)
        warn_of(value);
    return atomic_load(&log_level);
}

bool wick_log_enabled(wick_log_level level)
{
    return (int)level <= level_in_force();
}

void wick_log(wick_log_level level, const char *format, ...)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    if (level < WICK_LOG_ERROR || level > WICK_LOG_DEBUG || !wick_log_enabled(level))
        return;
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (log_fn)
        log_fn(log_user, level, line);
    else
        fprintf(stderr, "wick: %s: %s\n", names[level], line);
}

void wick_log_set(wick_log_fn fn, void *user)
{
    log_fn = fn;
    log_user = user;
}

void wick_log_set_level(wick_log_level level)
{
    atomic_store(&log_level, (int)level);
}
