/* SPDX-License-Identifier: Apache-2.0
 * fuzz_reply_head.c: whatever a server says in a reply's head, what is read of it is within bounds and printable, ranges are ranges, and a redirect or a next page leads to a URL whose origin is beyond
 * doubt. The input is the head, line by line. */
#include "hub/fetch_head.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define ENDPOINT "https://mirror.example:8443/hf"

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_text(const char *text, size_t room)
{
    require(memchr(text, '\0', room) != NULL);
    for (; *text; text++)
        require(*text >= 0x20 && *text < 0x7F);
}

static void check_numbers(const wick_fetch_head *head)
{
    require(head->status == 0 || (head->status >= 100 && head->status <= 999));
    require(head->retry_after_ms <= 86400000 && head->n_bytes <= WICK_HEAD_MAX_BYTES);
    require((head->range_start == UINT64_MAX) == (head->range_end == UINT64_MAX));
    if (head->range_start == UINT64_MAX)
        return;
    require(head->range_end >= head->range_start);
    require(head->range_size == UINT64_MAX || head->range_end < head->range_size);
}

static void check_urls(const wick_fetch_head *head)
{
    static char url[WICK_URL_BYTES], path[1024];
    wick_url parsed, endpoint;
    require(wick_url_parse(ENDPOINT, &endpoint));
    if (wick_url_resolve(ENDPOINT, head->location, url)) {
        require(wick_url_parse(url, &parsed) && parsed.is_https && !memchr(parsed.host, '@', parsed.n_host));
        require(head->location[0] != '/' || head->location[1] == '/' || wick_url_same_origin(&parsed, &endpoint));
    }
    if (!wick_url_below(ENDPOINT, head->link_next, path, sizeof path))
        return;
    check_text(path, sizeof path);
    require(path[0] == '/');
    strcpy(url, ENDPOINT);
    strcat(url, path);
    require(wick_url_parse(url, &parsed) && wick_url_same_origin(&parsed, &endpoint));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    wick_fetch_head *head = malloc(sizeof *head);
    const char *text = (const char *)data;
    if (!head)
        return 0;
    wick_head_init(head);
    for (size_t at = 0; at < n;) {
        const char *end = memchr(text + at, '\n', n - at);
        const size_t n_line = end ? (size_t)(end - text) + 1 - at : n - at;
        char *line = malloc(n_line); /* its own piece, so that reading beyond it shows */
        if (!line)
            break;
        memcpy(line, text + at, n_line);
        const bool taken = wick_head_add(head, line, n_line, 1700000000);
        free(line);
        if (!taken)
            break;
        at += n_line;
    }
    check_text(head->location, sizeof head->location);
    check_text(head->link_next, sizeof head->link_next);
    check_text(head->etag, sizeof head->etag);
    check_text(head->linked_etag, sizeof head->linked_etag);
    check_text(head->commit, sizeof head->commit);
    check_text(head->error_code, sizeof head->error_code);
    check_text(head->error_message, sizeof head->error_message);
    check_numbers(head);
    check_urls(head);
    free(head);
    return 0;
}
