/* SPDX-License-Identifier: Apache-2.0
 * access_log.c: lines of "key=value" or of JSON (access_log.h). Requests are kept and written some at a time; the library's lines go out at once. A reader
 * that has stopped (a pipe that is full) costs lines, which are counted, and never the server's time. */
#include "server/access_log.h"
#include "base/log.h"
#include "base/number.h"
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* POSIX promises that a pipe which poll calls writable takes PIPE_BUF bytes at once: Linux's, and never less than 512. */
#define BUFFER_BYTES 4096
#define LINE_BYTES 1600

struct wick_access_log {
    int fd;
    bool is_json;
    size_t n_kept;
    char kept[BUFFER_BYTES];
    atomic_size_t n_dropped; /* lines */
};

typedef struct log_line {
    char text[LINE_BYTES];
    size_t n;
    bool is_json;
} log_line;

static void put(log_line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(log_line *line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int n = vsnprintf(line->text + line->n, sizeof line->text - line->n - 4, format, arguments);
    va_end(arguments);
    const size_t room = sizeof line->text - line->n - 5;
    line->n += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room;
}

static void put_bytes(log_line *line, const char *bytes, size_t n)
{
    const size_t room = sizeof line->text - line->n - 5;
    n = n < room ? n : room;
    memcpy(line->text + line->n, bytes, n);
    line->n += n;
}

/* As it stands: most of a line is that, and formatting it would take longer than all the rest. */
static void put_plain(log_line *line, const char *text)
{
    put_bytes(line, text, strlen(text));
}

static void put_number(log_line *line, uint64_t value, size_t n_least)
{
    char digits[WICK_WHOLE_TEXT_BYTES];
    put_bytes(line, digits, wick_whole_to_text(value, n_least, digits));
}

/* In quotes, escaped as JSON wants it, which logfmt's readers understand too. */
static void put_quoted(log_line *line, const char *text)
{
    put_bytes(line, "\"", 1);
    for (; *text && line->n < LINE_BYTES - 64; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            put(line, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            put(line, "\\u%04x", c);
        else
            line->text[line->n++] = (char)c;
    }
    put_bytes(line, "\"", 1);
}

static bool is_plain_word(const char *text)
{
    if (!*text)
        return false;
    for (; *text; text++)
        if (*text <= 0x20 || *text >= 0x7f || *text == '"' || *text == '=' || *text == '\\')
            return false;
    return true;
}

static void put_key(log_line *line, const char *key)
{
    if (line->n > 1)
        put_bytes(line, line->is_json ? "," : " ", 1);
    put_plain(line, line->is_json ? "\"" : "");
    put_plain(line, key);
    put_plain(line, line->is_json ? "\":" : "=");
}

static void put_text(log_line *line, const char *key, const char *text)
{
    put_key(line, key);
    if (!line->is_json && is_plain_word(text))
        put_plain(line, text);
    else
        put_quoted(line, text);
}

/* "2026-11-26T08:49:37.042Z" */
static void put_time(log_line *line)
{
    struct timespec now;
    struct tm t;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &t);
    const struct {
        int value, n_digits;
        char behind;
    } parts[] = {{t.tm_year + 1900, 4, '-'},
                 {t.tm_mon + 1, 2, '-'},
                 {t.tm_mday, 2, 'T'},
                 {t.tm_hour, 2, ':'},
                 {t.tm_min, 2, ':'},
                 {t.tm_sec, 2, '.'},
                 {(int)(now.tv_nsec / 1000000), 3, 'Z'}};
    put_key(line, "time");
    put_plain(line, line->is_json ? "\"" : "");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        put_number(line, parts[i].value > 0 ? (unsigned)parts[i].value : 0, (size_t)parts[i].n_digits);
        put_bytes(line, &parts[i].behind, 1);
    }
    put_plain(line, line->is_json ? "\"" : "");
}

static void begin_line(log_line *line, bool is_json, const char *level, const char *message)
{
    line->n = 0;
    line->is_json = is_json;
    if (is_json)
        put_bytes(line, "{", 1);
    put_time(line);
    put_text(line, "level", level);
    put_text(line, "msg", message);
}

static void end_line(log_line *line)
{
    if (line->is_json)
        line->text[line->n++] = '}';
    line->text[line->n++] = '\n';
}

/* n is at most BUFFER_BYTES. */
static void write_out(wick_access_log *log, const char *bytes, size_t n)
{
    struct pollfd poller = {.fd = log->fd, .events = POLLOUT};
    size_t n_lines = 0;
    if (poll(&poller, 1, 0) > 0 && (poller.revents & POLLOUT)) {
        while (n) {
            const ssize_t written = write(log->fd, bytes, n);
            if (written < 0 && errno == EINTR)
                continue;
            if (written <= 0)
                break;
            bytes += written;
            n -= (size_t)written;
        }
    }
    for (size_t i = 0; i < n; i++)
        n_lines += bytes[i] == '\n';
    if (n_lines)
        atomic_fetch_add(&log->n_dropped, n_lines);
}

static void write_library_line(void *user, wick_log_level level, const char *message)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    wick_access_log *log = user;
    log_line line;
    begin_line(&line, log->is_json, names[level], message);
    end_line(&line);
    write_out(log, line.text, line.n);
}

wick_access_log *wick_access_log_open(int fd, bool is_json)
{
    wick_access_log *log = calloc(1, sizeof *log);
    if (!log)
        return NULL;
    log->fd = fd;
    log->is_json = is_json;
    wick_log_set(write_library_line, log);
    return log;
}

void wick_access_log_close(wick_access_log *log)
{
    if (!log)
        return;
    wick_access_log_flush(log);
    wick_log_set(NULL, NULL);
    free(log);
}

void wick_access_log_flush(wick_access_log *log)
{
    if (log->n_kept)
        write_out(log, log->kept, log->n_kept);
    log->n_kept = 0;
    const size_t n_dropped = atomic_exchange(&log->n_dropped, 0);
    if (!n_dropped)
        return;
    log_line line;
    begin_line(&line, log->is_json, "warn", "log lines were dropped, for nobody took them");
    put_key(&line, "lines");
    put_number(&line, n_dropped, 1);
    end_line(&line);
    write_out(log, line.text, line.n);
}

void wick_access_log_request(wick_access_log *log, const wick_access *access)
{
    log_line line;
    if (!wick_log_enabled(WICK_LOG_INFO))
        return;
    begin_line(&line, log->is_json, "info", "request");
    put_text(&line, "id", access->id);
    put_text(&line, "method", access->method);
    put_text(&line, "route", access->route);
    put_key(&line, "status");
    put_number(&line, access->status > 0 ? (unsigned)access->status : 0, 1);
    put_key(&line, "ms");
    const unsigned long hundredths = access->ms > 0 ? (unsigned long)(access->ms * 100 + 0.5) : 0;
    put_number(&line, hundredths / 100, 1);
    put_plain(&line, ".");
    put_number(&line, hundredths % 100, 2);
    if (access->n_texts) {
        put_key(&line, "texts");
        put_number(&line, access->n_texts, 1);
        put_key(&line, "tokens");
        put_number(&line, access->n_tokens, 1);
    }
    if (access->model)
        put_text(&line, "model", access->model);
    put_text(&line, "peer", access->peer);
    end_line(&line);
    if (log->n_kept + line.n > sizeof log->kept)
        wick_access_log_flush(log);
    memcpy(log->kept + log->n_kept, line.text, line.n);
    log->n_kept += line.n;
}

bool wick_log_level_set_by_name(const char *name)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    for (int i = 0; i < 4; i++)
        if (!strcmp(name, names[i])) {
            wick_log_set_level((wick_log_level)i);
            return true;
        }
    if (strcmp(name, "off") != 0)
        return false;
    wick_log_set_level(WICK_LOG_OFF);
    return true;
}
