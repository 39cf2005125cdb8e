/* SPDX-License-Identifier: Apache-2.0
 * http_parse.c: one request head (RFC 9112, sections 2 to 6): request line, fields, and what they say of the body's framing. In: bytes that end with
 * the blank line. Out: wick_http_head, or a status and the reason. Called by http_connection.c and the fuzzer. */
#include "server/http_parse.h"
#include <string.h>
#include <strings.h>

long wick_http_find_head_end(const char *bytes, size_t n, size_t *scanned)
{
    while (*scanned < n) {
        const char *lf = memchr(bytes + *scanned, '\n', n - *scanned);
        if (!lf) {
            *scanned = n;
            return 0;
        }
        const size_t at = (size_t)(lf - bytes);
        if (at == 0 || bytes[at - 1] != '\r')
            return -1;
        *scanned = at + 1;
        if (at >= 3 && bytes[at - 2] == '\n')
            return (long)at + 1;
    }
    return 0;
}

/* RFC 9110, section 5.6.2. */
static bool is_token_char(unsigned char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
        return true;
    return c && strchr("!#$%&'*+-.^_`|~", c);
}

static int refuse(int status, const char *why, const char **message)
{
    *message = why;
    return status;
}

static wick_method method_of(const char *name, size_t n)
{
    static const struct {
        const char *name;
        wick_method method;
    } methods[] = {{"GET", WICK_GET}, {"HEAD", WICK_HEAD}, {"POST", WICK_POST}, {"OPTIONS", WICK_OPTIONS}};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (strlen(methods[i].name) == n && !memcmp(methods[i].name, name, n))
            return methods[i].method;
    return WICK_OTHER_METHOD;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes %XX in place up to end and puts a 0 there. False: a malformed or a zero byte. */
static bool decode_path(char *path, char *end)
{
    char *to = path;
    for (char *from = path; from < end; from++) {
        char c = *from;
        if (c == '%') {
            const int high = end - from < 3 ? -1 : hex_digit(from[1]), low = high < 0 ? -1 : hex_digit(from[2]);
            if (low < 0)
                return false;
            c = (char)(high * 16 + low);
            from += 2;
            if (!c)
                return false;
        }
        *to++ = c;
    }
    *to = 0;
    return true;
}

/* The target between the two blanks: "/path?query", "http://host/path?query" or "*". bytes[end] may be overwritten. */
static int parse_target(char *bytes, size_t begin, size_t end, wick_http_head *head, const char **message)
{
    for (size_t i = begin; i < end; i++)
        if ((unsigned char)bytes[i] <= 0x20 || (unsigned char)bytes[i] >= 0x7f)
            return refuse(400, "the request target holds a byte that must be percent-encoded", message);
    char *path = bytes + begin, *stop = bytes + end;
    *stop = 0;
    if (!strncasecmp(path, "http://", 7)) { /* absolute form: its authority is the host */
        char *authority = path + 7;
        const size_t n = strcspn(authority, "/?");
        if (n == 0 || memchr(authority, '@', n))
            return refuse(400, "the request target names no host", message);
        memmove(authority - 1, authority, n);
        authority[n - 1] = 0;
        head->host = (uint16_t)(authority - 1 - bytes);
        path = authority + n;
        if (*path !=
            '/') { /* "http://host" and "http://host?query" mean the root; a byte for its slash is free in front */
            *--path = '/';
            memmove(authority - 2, authority - 1, n);
            authority[n - 2] = 0;
            head->host--;
        }
    } else if (path[0] != '/' && !(head->method == WICK_OPTIONS && !strcmp(path, "*"))) {
        return refuse(400, "the request target must begin with a slash", message);
    }
    char *query = strchr(path, '?');
    if (query)
        *query = 0;
    head->query = query ? (uint16_t)(query + 1 - bytes) : 0;
    head->path = (uint16_t)(path - bytes);
    if (!decode_path(path, query ? query : stop))
        return refuse(400, "the path is not percent-encoded well", message);
    return 0;
}

/* bytes[0..n): the first line without its CRLF. */
static int parse_request_line(char *bytes, size_t n, wick_http_head *head, const char **message)
{
    size_t method_end = 0;
    while (method_end < n && is_token_char((unsigned char)bytes[method_end]))
        method_end++;
    const char *blank = n > method_end + 1 ? memchr(bytes + method_end + 1, ' ', n - method_end - 1) : NULL;
    if (method_end == 0 || !blank || bytes[method_end] != ' ')
        return refuse(400, "malformed request line", message);
    const size_t target_end = (size_t)(blank - bytes);
    const char *version = blank + 1;
    if (n - target_end - 1 != 8 || memcmp(version, "HTTP/", 5) != 0 || version[6] != '.' || version[5] < '0' ||
        version[5] > '9' || version[7] < '0' || version[7] > '9')
        return refuse(400, "malformed request line", message);
    if (version[5] != '1')
        return refuse(505, "only HTTP/1.1 and 1.0 are spoken here", message);
    head->is_http_1_0 = version[7] == '0';
    head->method = method_of(bytes, method_end);
    return parse_target(bytes, method_end + 1, target_end, head, message);
}

/* One line of bytes[begin..end), without its CRLF: "name: value". */
static int parse_field(char *bytes, size_t begin, size_t end, wick_http_head *head, const char **message)
{
    size_t colon = begin;
    while (colon < end && is_token_char((unsigned char)bytes[colon]))
        colon++;
    if (colon == begin || colon == end || bytes[colon] != ':')
        return refuse(400, "malformed header line", message);
    size_t value = colon + 1;
    while (value < end && (bytes[value] == ' ' || bytes[value] == '\t'))
        value++;
    while (end > value && (bytes[end - 1] == ' ' || bytes[end - 1] == '\t'))
        end--;
    for (size_t i = value; i < end; i++)
        if (((unsigned char)bytes[i] < 0x20 && bytes[i] != '\t') || bytes[i] == 0x7f)
            return refuse(400, "a header holds a control character", message);
    if (head->n_fields == WICK_HTTP_MAX_FIELDS)
        return refuse(431, "too many header lines", message);
    bytes[colon] = 0;
    bytes[end] = 0; /* a blank or the CR */
    head->fields[head->n_fields++] = (wick_http_field){(uint16_t)begin, (uint16_t)value};
    return 0;
}

/* Digits alone, and no overflow. */
static bool read_length(const char *text, uint64_t *out)
{
    uint64_t length = 0;
    if (!*text)
        return false;
    for (; *text; text++)
        if (*text < '0' || *text > '9' || __builtin_mul_overflow(length, (uint64_t)10, &length) ||
            __builtin_add_overflow(length, (uint64_t)(*text - '0'), &length))
            return false;
    *out = length;
    return true;
}

/* Is word among the comma-separated tokens of list? */
static bool has_token(const char *list, const char *word)
{
    const size_t n = strlen(word);
    while (*list) {
        list += strspn(list, " \t,");
        size_t length = strcspn(list, ",");
        size_t bare = length;
        while (bare && (list[bare - 1] == ' ' || list[bare - 1] == '\t'))
            bare--;
        if (bare == n && !strncasecmp(list, word, n))
            return true;
        list += length;
    }
    return false;
}

/* What one field means for the framing. */
static int take_field(const char *bytes, const wick_http_field *field, wick_http_head *head, const char **message)
{
    const char *name = bytes + field->name, *value = bytes + field->value;
    switch (*name | 0x20) { /* most fields end here */
    case 'c':
        if (!strcasecmp(name, "content-length")) {
            if (head->has_length)
                return refuse(400, "two Content-Length headers", message);
            if (!read_length(value, &head->content_length))
                return refuse(400, "Content-Length is not a number", message);
            head->has_length = true;
        } else if (!strcasecmp(name, "connection")) {
            if (has_token(value, "close"))
                head->keep_alive = false;
            else if (head->is_http_1_0 && has_token(value, "keep-alive"))
                head->keep_alive = true;
        }
        break;
    case 't':
        if (!strcasecmp(name, "transfer-encoding")) {
            if (head->is_chunked || head->is_http_1_0)
                return refuse(400, "Transfer-Encoding twice, or in HTTP/1.0", message);
            if (strcasecmp(value, "chunked") != 0)
                return refuse(501, "no Transfer-Encoding but chunked", message);
            head->is_chunked = true;
        }
        break;
    case 'e':
        if (!strcasecmp(name, "expect")) {
            if (strcasecmp(value, "100-continue") != 0)
                return refuse(417, "no Expect but 100-continue", message);
            head->expects_continue = !head->is_http_1_0;
        }
        break;
    default:
        break;
    }
    return 0;
}

/* The Host header: exactly one in HTTP/1.1, at most one in 1.0; the absolute form's authority wins. */
static int take_host(const char *bytes, wick_http_head *head, const char **message)
{
    unsigned n = 0;
    uint16_t host = 0;
    for (unsigned i = 0; i < head->n_fields; i++)
        if (!strcasecmp(bytes + head->fields[i].name, "host")) {
            host = head->fields[i].value;
            n++;
        }
    if (n > 1 || (n == 0 && !head->is_http_1_0))
        return refuse(400, n ? "two Host headers" : "no Host header", message);
    if (!head->host)
        head->host = host;
    return 0;
}

int wick_http_parse_head(char *bytes, size_t n, wick_http_head *head, const char **message)
{
    *head = (wick_http_head){.method = WICK_OTHER_METHOD};
    if (n > WICK_HTTP_MAX_HEAD_BYTES || n < 4)
        return refuse(n < 4 ? 400 : 431, "the head's length", message);
    if (memchr(bytes, 0, n))
        return refuse(400, "a zero byte in the head", message);
    size_t begin = 0;
    int status = 0;
    while (status == 0) {
        const char *lf = memchr(bytes + begin, '\n', n - begin);
        if (!lf || lf == bytes || lf[-1] != '\r')
            return refuse(400, "a line that does not end with CR LF", message);
        const size_t end = (size_t)(lf - bytes) - 1;
        if (end == begin)
            break; /* the blank line */
        if (begin == 0) {
            status = parse_request_line(bytes, end, head, message);
            head->keep_alive = !head->is_http_1_0;
        } else {
            status = parse_field(bytes, begin, end, head, message);
            if (status == 0)
                status = take_field(bytes, &head->fields[head->n_fields - 1], head, message);
        }
        begin = end + 2;
    }
    if (status == 0 && begin == 0)
        status = refuse(400, "malformed request line", message);
    if (status == 0)
        status = take_host(bytes, head, message);
    if (status == 0 && head->is_chunked && head->has_length)
        status = refuse(400, "Content-Length beside Transfer-Encoding", message);
    return status;
}
