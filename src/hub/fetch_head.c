/* SPDX-License-Identifier: Apache-2.0
 * fetch_head.c: reads a reply's header lines; see fetch_head.h. A value that is too long, or not printable ASCII, counts as absent. Sources: RFC 9110 (Content-Range, Retry-After, dates), RFC 8288
 * (Link), the hub's X- fields as huggingface_hub reads them. */
#include "hub/fetch_head.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define MAX_RETRY_AFTER_S 86400

void wick_head_init(wick_fetch_head *head)
{
    memset(head, 0, sizeof *head);
    head->range_start = head->range_end = head->range_size = UINT64_MAX;
    head->content_bytes = head->linked_bytes = UINT64_MAX;
}

static void copy_field(char *out, size_t room, const char *value, size_t n)
{
    out[0] = '\0';
    if (n >= room)
        return;
    for (size_t i = 0; i < n; i++)
        if (value[i] < 0x20 || value[i] >= 0x7F)
            return;
    memcpy(out, value, n);
    out[n] = '\0';
}

/* Without W/ and quotes. */
static void copy_etag(char *out, size_t room, const char *value, size_t n)
{
    if (n >= 2 && memcmp(value, "W/", 2) == 0) {
        value += 2;
        n -= 2;
    }
    if (n >= 2 && value[0] == '"' && value[n - 1] == '"') {
        value++;
        n -= 2;
    }
    copy_field(out, room, value, n);
}

/* Digits at text[*at..n), at most 18 of them; *at moves behind them. */
static bool take_number(const char *text, size_t n, size_t *at, uint64_t *out)
{
    uint64_t number = 0;
    const size_t start = *at;
    while (*at < n && text[*at] >= '0' && text[*at] <= '9' && *at - start < 18)
        number = number * 10 + (uint64_t)(text[(*at)++] - '0');
    if (*at == start || (*at < n && text[*at] >= '0' && text[*at] <= '9'))
        return false;
    *out = number;
    return true;
}

static void read_number(const char *value, size_t n, uint64_t *out)
{
    size_t at = 0;
    uint64_t number;
    if (take_number(value, n, &at, &number) && at == n)
        *out = number;
}

/* "bytes 5-9/100", "bytes 5-9/\*" or "bytes *\/100" */
static void read_range(wick_fetch_head *head, const char *value, size_t n)
{
    uint64_t start = UINT64_MAX, end = UINT64_MAX, size = UINT64_MAX;
    size_t at = 6;
    head->range_start = head->range_end = head->range_size = UINT64_MAX;
    if (n < 9 || strncasecmp(value, "bytes ", 6) != 0)
        return;
    if (value[at] == '*')
        at++;
    else if (!take_number(value, n, &at, &start) || at >= n || value[at++] != '-' ||
             !take_number(value, n, &at, &end) || end < start)
        return;
    if (at >= n || value[at++] != '/' || at >= n)
        return;
    if (n - at == 1 && value[at] == '*')
        at++;
    else if (!take_number(value, n, &at, &size) || (end != UINT64_MAX && end >= size))
        return;
    if (at != n)
        return;
    head->range_start = start;
    head->range_end = end;
    head->range_size = size;
}

/* Days from 1970-01-01 to a date of the Gregorian calendar, years counted from March. */
static int64_t days_since_1970(int year, int month, int day)
{
    const int64_t y = month <= 2 ? year - 1 : year;
    const int64_t month_from_march = month <= 2 ? month + 9 : month - 3;
    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * month_from_march + 2) / 5 + day - 1 - 719468;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT", the one form that RFC 9110 lets servers send. Seconds since 1970; -1: it is none. */
static int64_t read_date(const char *value, size_t n)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char text[32], name[4];
    int day, year, hour, minute, second, used = 0;
    if (n != 29)
        return -1;
    memcpy(text, value, n);
    text[n] = '\0';
    if (sscanf(text, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n", &day, name, &year, &hour, &minute, &second,
               &used) != 6 ||
        used != 29)
        return -1;
    const char *found = strstr(months, name);
    if (!found || (found - months) % 3 != 0 || strlen(name) != 3 || day < 1 || day > 31 || year < 1970 || hour < 0 ||
        hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
        return -1;
    return ((days_since_1970(year, (int)(found - months) / 3 + 1, day) * 24 + hour) * 60 + minute) * 60 + second;
}

static void read_retry_after(wick_fetch_head *head, const char *value, size_t n, int64_t now)
{
    uint64_t seconds = UINT64_MAX;
    read_number(value, n, &seconds);
    if (seconds == UINT64_MAX) {
        const int64_t date = read_date(value, n);
        if (date < 0)
            return;
        seconds = date > now ? (uint64_t)(date - now) : 0;
    }
    head->retry_after_ms = (seconds < MAX_RETRY_AFTER_S ? seconds : MAX_RETRY_AFTER_S) * 1000;
}

/* The hub's own form: "api";r=0;t=55: nothing left for 55 seconds. Retry-After goes before. */
static void read_rate_limit(wick_fetch_head *head, const char *value, size_t n)
{
    char text[128];
    copy_field(text, sizeof text, value, n);
    const char *left = strstr(text, ";r=0;"), *until = left ? strstr(left, ";t=") : NULL;
    uint64_t seconds = 0;
    size_t at = 0;
    if (until && head->retry_after_ms == 0 && take_number(until + 3, strlen(until + 3), &at, &seconds))
        head->retry_after_ms = (seconds < MAX_RETRY_AFTER_S ? seconds : MAX_RETRY_AFTER_S) * 1000;
}

/* Whether parameters, up to a comma outside quotes, hold rel=next or rel="... next ...". */
static bool says_next(const char *text)
{
    bool quoted = false;
    const char *end = text;
    for (; *end && (quoted || *end != ','); end++)
        quoted ^= *end == '"';
    for (const char *at = text; at + 4 < end; at++) {
        if (at[0] != ';')
            continue;
        const char *name = at + 1 + strspn(at + 1, " \t");
        if (strncasecmp(name, "rel", 3) != 0)
            continue;
        name += 3 + strspn(name + 3, " \t");
        if (*name++ != '=')
            continue;
        name += strspn(name, " \t");
        const bool in_quotes = *name == '"';
        name += in_quotes;
        const size_t n = strcspn(name, in_quotes ? "\"" : ";, \t");
        for (size_t i = 0; i + 4 <= n; i++)
            if (strncasecmp(name + i, "next", 4) == 0 && (i == 0 || name[i - 1] == ' ') &&
                (i + 4 == n || name[i + 4] == ' '))
                return true;
    }
    return false;
}

/* <URL>; rel="next", perhaps among others. */
static void read_link(wick_fetch_head *head, const char *value, size_t n)
{
    char text[sizeof head->link_next];
    copy_field(text, sizeof text, value, n);
    if (n > 0 && !text[0])
        head->link_is_bad = true; /* there is one, and it is unreadable: better an error than half a list */
    for (char *begin = strchr(text, '<'); begin; begin = strchr(begin, '<')) {
        char *end = strchr(++begin, '>');
        if (!end)
            return;
        if (says_next(end + 1)) {
            head->link_is_bad |= head->link_next[0] != '\0';
            copy_field(head->link_next, sizeof head->link_next, begin, (size_t)(end - begin));
            head->link_is_bad |= end == begin;
            return;
        }
        begin = end;
    }
}

static void read_field(wick_fetch_head *head, const char *name, size_t n_name, const char *value, size_t n)
{
    static const struct {
        const char *name;
        size_t offset, room;
    } texts[] = {{"Location", offsetof(wick_fetch_head, location), sizeof head->location},
                 {"X-Repo-Commit", offsetof(wick_fetch_head, commit), sizeof head->commit},
                 {"X-Error-Code", offsetof(wick_fetch_head, error_code), sizeof head->error_code},
                 {"X-Error-Message", offsetof(wick_fetch_head, error_message), sizeof head->error_message}};
#define IS(text) (n_name == sizeof text - 1 && strncasecmp(name, text, n_name) == 0)
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strlen(texts[i].name) == n_name && strncasecmp(name, texts[i].name, n_name) == 0)
            copy_field((char *)head + texts[i].offset, texts[i].room, value, n);
    if (IS("Content-Length"))
        read_number(value, n, &head->content_bytes);
    else if (IS("X-Linked-Size"))
        read_number(value, n, &head->linked_bytes);
    else if (IS("Content-Range"))
        read_range(head, value, n);
    else if (IS("ETag"))
        copy_etag(head->etag, sizeof head->etag, value, n);
    else if (IS("X-Linked-Etag"))
        copy_etag(head->linked_etag, sizeof head->linked_etag, value, n);
    else if (IS("Link"))
        read_link(head, value, n);
    else if (IS("RateLimit"))
        read_rate_limit(head, value, n);
    else if (IS("Content-Encoding") && !(n == 8 && strncasecmp(value, "identity", 8) == 0)) {
        head->n_encodings++;
        for (size_t i = 0; i < n; i++)
            head->n_encodings += value[i] == ',';
    }
#undef IS
}

/* "HTTP/1.1 200 OK": a reply's beginning, after interim ones perhaps. */
static void begin_reply(wick_fetch_head *head, const char *line, size_t n)
{
    const char *space = memchr(line, ' ', n);
    size_t at = space ? (size_t)(space - line) + 1 : n;
    uint64_t status = 0;
    const size_t n_bytes = head->n_bytes;
    wick_head_init(head);
    head->n_bytes = n_bytes;
    if (take_number(line, n, &at, &status) && status >= 100 && status <= 999)
        head->status = (long)status;
}

bool wick_head_add(wick_fetch_head *head, const char *line, size_t n, int64_t now)
{
    if (n > WICK_HEAD_MAX_BYTES - head->n_bytes)
        return false;
    head->n_bytes += n;
    if (head->is_complete && head->status >= 200)
        return true; /* trailers say nothing that counts */
    while (n > 0 && (line[n - 1] == '\r' || line[n - 1] == '\n'))
        n--;
    if (n == 0) {
        head->is_complete = true;
        return true;
    }
    if (n >= 9 && memcmp(line, "HTTP/", 5) == 0) {
        begin_reply(head, line, n);
        return true;
    }
    const char *colon = memchr(line, ':', n);
    if (!colon)
        return true;
    const size_t n_name = (size_t)(colon - line);
    size_t start = n_name + 1;
    while (start < n && (line[start] == ' ' || line[start] == '\t'))
        start++;
    while (n > start && (line[n - 1] == ' ' || line[n - 1] == '\t'))
        n--;
    if (n_name == 11 && strncasecmp(line, "Retry-After", 11) == 0)
        read_retry_after(head, line + start, n - start, now);
    else
        read_field(head, line, n_name, line + start, n - start);
    return true;
}
