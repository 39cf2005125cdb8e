/* SPDX-License-Identifier: Apache-2.0
 * test_hub_fetch.c: the parts of fetch.h that need no server: whose URL is whose (src/hub/fetch_url.c), replies' heads (fetch_head.c), the breaker (fetch_breaker.c), and what the environment says
 * (endpoint.c). The rest is tests/hub/test_fetch.py's. */
#include "hub/endpoint.h"
#include "hub/fetch_breaker.h"
#include "hub/fetch_head.h"
#include "support_files.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void origins(void **state)
{
    static const struct {
        const char *a, *b;
        bool same;
    } pairs[] = {
        {"https://hub.co", "HTTPS://HUB.co:443/x?y#z", true}, {"http://hub.co/a", "http://hub.co:80", true},
        {"http://[::1]:8/", "http://[::1]:8", true},          {"https://hub.co", "http://hub.co", false},
        {"https://hub.co", "http://hub.co:443", false},       {"https://hub.co", "https://hub.co:444", false},
        {"https://hub.co", "https://hub.co.evil", false},     {"https://hub.co", "https://evil.hub.co", false},
        {"https://hub.co", "https://hub.co.", false},         {"http://hub.co:8080", "http://hub.co:80801", false}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        wick_url a, b;
        const bool same =
            wick_url_parse(pairs[i].a, &a) && wick_url_parse(pairs[i].b, &b) && wick_url_same_origin(&a, &b);
        if (same != pairs[i].same)
            fail_msg("%s and %s", pairs[i].a, pairs[i].b);
    }
}

static void what_is_no_url(void **state)
{
    static const char *const texts[] = {"",
                                        "http",
                                        "http:",
                                        "http://",
                                        "http:///x",
                                        "ftp://a",
                                        "http://a@b",
                                        "http://a:b@c",
                                        "http://a:",
                                        "http://a:x",
                                        "http://a:65536",
                                        "http://a:0",
                                        "http://a b",
                                        "http://a\\b",
                                        "http://a/\n",
                                        "http://a/\x80",
                                        "http://%61",
                                        "http://[",
                                        "http://[]",
                                        "http://[::1",
                                        "http://[::1]x",
                                        "http://a*",
                                        "//a",
                                        "/a",
                                        "http://:80"};
    wick_url url;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (wick_url_parse(texts[i], &url))
            fail_msg("%s", texts[i]);
    assert_true(wick_url_parse("http://a_b-c.d:65535?x", &url));
    assert_int_equal(url.port, 65535);
    assert_string_equal(url.rest, "?x");
}

static void resolves(void **state)
{
    char out[WICK_URL_BYTES];
    assert_true(wick_url_resolve("https://a.b:8/c?d", "/e", out));
    assert_string_equal(out, "https://a.b:8/e");
    assert_true(wick_url_resolve("https://a.b:8/c", "//f/g", out));
    assert_string_equal(out, "https://f/g");
    assert_false(wick_url_resolve("https://a.b/c", "http://a.b/c", out));
    assert_true(wick_url_resolve("http://a.b/c", "https://a.b/c", out));
    assert_false(wick_url_resolve("http://a.b/c", "c", out));
    assert_false(wick_url_resolve("http://a.b/c", "", out));
}

static void pages_below(void **state)
{
    char out[32];
    assert_true(wick_url_below("https://m.co/hf", "https://m.co/hf/api/x?c=1", out, sizeof out));
    assert_string_equal(out, "/api/x?c=1");
    assert_true(wick_url_below("https://m.co/hf", "https://huggingface.co/api/x", out, sizeof out));
    assert_string_equal(out, "/api/x");
    assert_false(wick_url_below("https://m.co/hf", "https://m.co/api/x", out, sizeof out));
    assert_false(wick_url_below("https://m.co/hf", "https://m.co/hfx/api", out, sizeof out));
    assert_false(wick_url_below("https://m.co", "http://m.co/api", out, sizeof out));
    assert_false(wick_url_below("https://m.co", "https://n.co/api", out, sizeof out));
    assert_false(wick_url_below("https://m.co/hf", "/hf/../secret/../x", out, sizeof out));
    assert_false(wick_url_below("https://m.co", "/0123456789012345678901234567890", out, sizeof out));
}

static void add(wick_fetch_head *head, const char *line)
{
    assert_true(
        wick_head_add(head, line, strlen(line), 784111777)); /* RFC 9110's example: Sun, 06 Nov 1994 08:49:37 GMT */
}

static void heads(void **state)
{
    wick_fetch_head *head = malloc(sizeof *head);
    wick_head_init(head);
    add(head, "HTTP/1.1 100 Continue\r\n");
    add(head, "X-Repo-Commit: interim\r\n");
    add(head, "\r\n");
    add(head, "HTTP/2 206 \r\n");
    assert_string_equal(head->commit, "");
    add(head, "content-RANGE:bytes 5-9/10 \r\n");
    add(head, "ETag: W/\"abc\"\r\n");
    add(head, "x-linked-size: 77\r\n");
    add(head, "Content-Length: -5\r\n");
    add(head, "Retry-After: Sun, 06 Nov 1994 08:50:07 GMT\r\n");
    add(head, "X-Error-Code: a\tb\r\n");
    add(head, "no colon\r\n");
    add(head, "\r\n");
    add(head, "ETag: trailer\r\n");
    assert_int_equal(head->status, 206);
    assert_int_equal(head->range_start, 5);
    assert_int_equal(head->range_end, 9);
    assert_int_equal(head->range_size, 10);
    assert_string_equal(head->etag, "abc");
    assert_int_equal(head->linked_bytes, 77);
    assert_true(head->content_bytes == UINT64_MAX);
    assert_int_equal(head->retry_after_ms, 30000);
    assert_string_equal(head->error_code, "");
    assert_true(head->is_complete);
    free(head);
}

static void dates(void **state)
{
    static const struct {
        const char *text;
        uint64_t seconds;
    } cases[] = {{"Sun, 06 Nov 1994 08:49:38 GMT", 1},
                 {"Mon, 07 Nov 1994 08:49:37 GMT", 86400},
                 {"Thu, 29 Feb 1996 00:00:00 GMT", 86400},
                 {"Sun, 06 Nov 1994 08:49:36 GMT", 0},
                 {"Sunday, 06-Nov-94 08:49:37 GMT", 0},
                 {"Sun, 06 Nov 1994 08:49:37 CET", 0},
                 {"Sun, 06 anN 1995 08:49:37 GMT", 0},
                 {"Sun, -6 Nov 1995 08:49:37 GMT", 0},
                 {"Sun, 06 Nov 1995 99:49:37 GMT", 0},
                 {"120", 120},
                 {"999999999", 86400},
                 {"1 2", 0}};
    wick_fetch_head *head = malloc(sizeof *head);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char line[80];
        wick_head_init(head);
        snprintf(line, sizeof line, "Retry-After: %s", cases[i].text);
        add(head, line);
        if (head->retry_after_ms != cases[i].seconds * 1000)
            fail_msg("%s: %llu", cases[i].text, (unsigned long long)head->retry_after_ms);
    }
    free(head);
}

static void breaker(void **state)
{
    const char *hub = "https://a:443", *other = "https://b:443";
    uint64_t now_ms = 5;
    for (unsigned i = 0; i < WICK_BREAKER_FAILURES; i++) {
        assert_true(wick_hub_breaker_allows(hub, now_ms));
        wick_hub_breaker_note(hub, WICK_HUB_FAILED, now_ms);
    }
    assert_false(wick_hub_breaker_allows(hub, now_ms));
    assert_true(wick_hub_breaker_allows(other, now_ms));
    assert_false(wick_hub_breaker_allows(hub, now_ms += WICK_BREAKER_OPEN_MS - 1));
    assert_true(wick_hub_breaker_allows(hub, ++now_ms)); /* the trial */
    assert_false(wick_hub_breaker_allows(hub, now_ms));  /* others wait */
    wick_hub_breaker_note(hub, WICK_HUB_FAILED, now_ms);
    assert_false(wick_hub_breaker_allows(hub, now_ms + 1));
    assert_true(wick_hub_breaker_allows(hub, now_ms += WICK_BREAKER_OPEN_MS));
    wick_hub_breaker_note(hub, WICK_HUB_ABANDONED, now_ms); /* says nothing: the next is a trial again */
    assert_true(wick_hub_breaker_allows(hub, now_ms));
    wick_hub_breaker_note(hub, WICK_HUB_ANSWERED, now_ms);
    assert_true(wick_hub_breaker_allows(hub, now_ms) && wick_hub_breaker_allows(hub, now_ms));
    wick_hub_breaker_note(hub, WICK_HUB_FAILED, now_ms); /* counts from the start */
    assert_true(wick_hub_breaker_allows(hub, now_ms));
}

static char root[SUPPORT_PATH_BYTES];

static int set_up(void **state)
{
    static const char *const names[] = {"HF_ENDPOINT",
                                        "HF_TOKEN",
                                        "HUGGING_FACE_HUB_TOKEN",
                                        "HF_TOKEN_PATH",
                                        "HF_HOME",
                                        "XDG_CACHE_HOME",
                                        "HF_HUB_OFFLINE",
                                        "TRANSFORMERS_OFFLINE",
                                        "HF_HUB_DISABLE_IMPLICIT_TOKEN"};
    support_folder_make(root);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        support_env(names[i], NULL);
    support_env("HOME", root);
    return 0;
}

static int tear_down(void **state)
{
    support_folder_remove(root);
    return 0;
}

static void reads(const char *url, const char *token, bool offline)
{
    wick_hub_endpoint endpoint;
    wick_error error = {0};
    if (wick_hub_endpoint_read(&endpoint, &error) != WICK_OK)
        fail_msg("%s", error.message);
    assert_string_equal(endpoint.url, url);
    assert_int_equal(endpoint.offline, offline);
    if (token)
        assert_string_equal(endpoint.token, token);
    else
        assert_null(endpoint.token);
    wick_hub_endpoint_clear(&endpoint);
    assert_null(endpoint.url);
}

static void refuses(const char *variable, const char *value)
{
    wick_hub_endpoint endpoint;
    wick_error error = {0};
    support_env(variable, value);
    if (wick_hub_endpoint_read(&endpoint, &error) != WICK_E_INVALID_INPUT)
        fail_msg("%s=%s", variable, value);
    assert_null(endpoint.url);
    assert_null(endpoint.token);
    assert_non_null(strstr(error.where, variable));
    assert_true(error.mend[0] != '\0');
    assert_null(strstr(error.message, "secret"));
    support_env(variable, NULL);
}

static void endpoint_url(void **state)
{
    reads("https://huggingface.co", NULL, false);
    support_env("HF_ENDPOINT", "");
    reads("https://huggingface.co", NULL, false);
    support_env("HF_ENDPOINT", "http://mirror:8080/hf//");
    reads("http://mirror:8080/hf", NULL, false);
    static const char *const wrong[] = {"mirror",     "ftp://mirror", "http://",        "http://a@b", "http://a?b",
                                        "http://a#b", "http://a b",   "http://a\nX: y", "file:///etc"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        refuses("HF_ENDPOINT", wrong[i]);
}

static void endpoint_token(void **state)
{
    char path[SUPPORT_PATH_BYTES + 32];
    support_file_write(root, ".cache/huggingface/token", "hf_file\n");
    reads("https://huggingface.co", "hf_file", false);
    support_env("HUGGING_FACE_HUB_TOKEN", "hf_old");
    reads("https://huggingface.co", "hf_old", false);
    support_env("HF_TOKEN", " hf_new\r\n");
    reads("https://huggingface.co", "hf_new", false);
    support_env("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1");
    reads("https://huggingface.co", NULL, false);
    support_env("HF_HUB_DISABLE_IMPLICIT_TOKEN", NULL);
    support_env("HUGGING_FACE_HUB_TOKEN", NULL);
    support_env("HF_TOKEN", " \n");
    support_file_write(root, "other/token", "hf_other");
    snprintf(path, sizeof path, "%s/other", root);
    support_env("HF_HOME", path);
    reads("https://huggingface.co", "hf_other", false);
    snprintf(path, sizeof path, "%s/none", root);
    support_env("HF_TOKEN_PATH", path);
    reads("https://huggingface.co", NULL, false);
    refuses("HF_TOKEN", "secret token");
    refuses("HF_TOKEN", "secret\nX-Header: y");
    refuses("HF_TOKEN", "secret\x80");
    char *big = malloc(5001);
    memset(big, 'a', 5000);
    big[5000] = '\0';
    refuses("HF_TOKEN", big);
    free(big);
}

static void endpoint_offline(void **state)
{
    support_env("TRANSFORMERS_OFFLINE", "1");
    reads("https://huggingface.co", NULL, true);
    support_env("HF_HUB_OFFLINE", "0");
    reads("https://huggingface.co", NULL, false);
    support_env("HF_HUB_OFFLINE", "yes");
    reads("https://huggingface.co", NULL, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(origins),
        cmocka_unit_test(what_is_no_url),
        cmocka_unit_test(resolves),
        cmocka_unit_test(pages_below),
        cmocka_unit_test(heads),
        cmocka_unit_test(dates),
        cmocka_unit_test(breaker),
        cmocka_unit_test_setup_teardown(endpoint_url, set_up, tear_down),
        cmocka_unit_test_setup_teardown(endpoint_token, set_up, tear_down),
        cmocka_unit_test_setup_teardown(endpoint_offline, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
