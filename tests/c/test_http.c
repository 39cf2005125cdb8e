/* SPDX-License-Identifier: Apache-2.0
 * test_http.c: the HTTP seam (src/server/http_*.c) over raw sockets against a server in this process: framing, limits, deadlines, pipelining, clients that
 * hang up, replies from other threads. The handler echoes, or does what the path says. */
#include "server/http.h"
#include "support_http.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static wick_http *http;
static pthread_t loop, replier;
static int run_result;
static atomic_int n_refused, last_refused, n_handled, seen_gone;
static atomic_bool may_reply, has_held;
static wick_exchange *held;

static void answer(wick_exchange *exchange, int status, const char *text)
{
    wick_exchange_reply(exchange, status, "text/plain", strdup(text), strlen(text));
}

/* Replies from another thread, once it may. */
static void *reply_later(void *arg)
{
    while (!atomic_load(&may_reply))
        usleep(1000);
    atomic_store(&seen_gone, wick_exchange_is_gone(held));
    answer(held, 200, "late");
    return NULL;
}

static void on_request(void *user, wick_exchange *exchange)
{
    const char *path = wick_exchange_path(exchange);
    atomic_fetch_add(&n_handled, 1);
    if (!strcmp(path, "/later")) {
        held = exchange;
        atomic_store(&has_held, true);
        pthread_create(&replier, NULL, reply_later, NULL);
        return;
    }
    if (!strcmp(path, "/big")) {
        const size_t n = (size_t)8 << 20;
        char *body = malloc(n);
        memset(body, 'b', n);
        wick_exchange_reply(exchange, 200, "text/plain", body, n);
        return;
    }
    if (!strcmp(path, "/full")) {
        answer(exchange, 429, "full");
        return;
    }
    size_t n;
    char value[32];
    const char *body = wick_exchange_body(exchange, &n);
    const char *header = wick_exchange_header(exchange, "x-ECHO"), *host = wick_exchange_header(exchange, "Host");
    const char *query = wick_exchange_query(exchange, "q", value, sizeof value);
    assert_int_equal(body[n], 0);
    char *text = malloc(n + 512);
    int head =
        snprintf(text, 512, "%d %.100s q=%s x=%.100s host=%.100s from=%s body=", wick_exchange_method(exchange), path,
                 query ? query : "-", header ? header : "-", host ? host : "-", wick_exchange_peer(exchange));
    memcpy(text + head, body, n);
    assert_true(wick_exchange_set_header(exchange, "X-Seen", "yes"));
    assert_false(wick_exchange_set_header(exchange, "X-Bad", "a\r\nSet-Cookie: b"));
    wick_exchange_reply(exchange, 200, "text/plain", text, (size_t)head + n);
}

static void on_head(void *user, wick_exchange *exchange)
{
    if (!strcmp(wick_exchange_path(exchange), "/unwanted"))
        answer(exchange, 401, "no");
}

static void on_refused(void *user, wick_exchange *exchange, int status, const char *message)
{
    size_t n;
    wick_exchange_body(exchange, &n);
    assert_int_equal(n, 0);
    atomic_fetch_add(&n_refused, 1);
    atomic_store(&last_refused, status);
    answer(exchange, status, message);
}

static void *run(void *arg)
{
    run_result = wick_http_run(http, 3000);
    return NULL;
}

static void stop(void *arg)
{
    wick_http_stop(http);
}

static int set_up(void **state)
{
    const wick_http_options options = {
        .host = "127.0.0.1",
        .max_head_bytes = 4096,
        .max_body_bytes = 200000,
        .max_connections = 20,
        .max_buffered_bytes = (size_t)4 << 20,
        .read_timeout_ms = 400,
        .idle_timeout_ms = 2000,
        .on_request = on_request,
        .on_head = on_head,
        .on_refused = on_refused,
    };
    wick_error error;
    n_refused = last_refused = n_handled = seen_gone = 0;
    may_reply = has_held = false;
    assert_int_equal(wick_http_open(&options, &http, &error), WICK_OK);
    assert_int_not_equal(wick_http_port(http), 0);
    pthread_create(&loop, NULL, run, NULL);
    return 0;
}

static int tear_down(void **state)
{
    assert_true(wick_http_post(http, stop, NULL));
    pthread_join(loop, NULL);
    assert_int_equal(run_result, 0);
    assert_int_equal(wick_http_n_connections(http) > 20, 0);
    wick_http_close(http);
    return 0;
}

/* Sends all of it, then reads until the server closes or n_replies have come whole. */
static char *talk(const char *request)
{
    return support_http_talk(wick_http_port(http), request, strlen(request));
}

static void expect(const char *request, const char *status, const char *what)
{
    char *reply = talk(request);
    if (strncmp(reply, status, strlen(status)) || (what && !strstr(reply, what)))
        fail_msg("%s\n  gave\n%s\n  not %s, %s", request, reply, status, what ? what : "");
    free(reply);
}

#define CLOSE "Connection: close\r\n"

static void well_formed_requests(void **state)
{
    expect("GET /a%20b?x=1&q=two HTTP/1.1\r\nHost: h\r\nx-echo:  v \r\n" CLOSE "\r\n", "HTTP/1.1 200 OK\r\n",
           "0 /a b q=two x=v host=h from=127.0.0.1 body=");
    expect("POST / HTTP/1.1\r\nHost: h\r\ncontent-length: 5\r\n" CLOSE "\r\nhello", "HTTP/1.1 200", "body=hello");
    expect("\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n" CLOSE "\r\n", "HTTP/1.1 200", "X-Seen: yes\r\n");
    expect("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n" CLOSE
           "\r\n5;e=1\r\nhello\r\n6\r\n world\r\n0\r\nT: x\r\n\r\n",
           "HTTP/1.1 200", "body=hello world");
    expect("GET http://other:80/abs?q=1 HTTP/1.1\r\nHost: h\r\n" CLOSE "\r\n", "HTTP/1.1 200",
           "/abs q=1 x=- host=other:80");
    expect("GET http://other?q=1 HTTP/1.1\r\nHost: h\r\n" CLOSE "\r\n", "HTTP/1.1 200", "0 / q=1 x=- host=other ");
    expect("OPTIONS * HTTP/1.1\r\nHost: h\r\n" CLOSE "\r\n", "HTTP/1.1 200", "3 * ");
    expect("BREW / HTTP/1.1\r\nHost: h\r\n" CLOSE "\r\n", "HTTP/1.1 200", "4 / ");
    expect("GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 200", "Connection: close\r\n");
    assert_int_equal(n_refused, 0);
}

static void head_has_no_body(void **state)
{
    char *reply = talk("HEAD / HTTP/1.1\r\nHost: h\r\n" CLOSE "\r\n");
    assert_non_null(strstr(reply, "Content-Length: 39\r\n"));
    assert_string_equal(strstr(reply, "\r\n\r\n"), "\r\n\r\n");
    free(reply);
}

static void malformed_requests_are_refused(void **state)
{
    static const struct {
        const char *request, *status;
    } cases[] = {
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "400"},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5, 5\r\n\r\nhello", "400"},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", "400"},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         "400"},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501"},
        {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +5\r\n\r\nhello", "400"},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\nhello", "400"},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x5\r\n\r\nhello", "400"},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: \r\n\r\nhello", "400"},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551616\r\n\r\nhello", "400"},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551615\r\n\r\nhello", "413"},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 200001\r\n\r\nhello", "413"},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\ng\r\n", "400"},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", "400"},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", "400"},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n", "400"},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n", "400"},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\nhello", "400"},
        {"GET / HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n", "400"},
        {"GET / HTTP/1.1\r\n\r\n", "400"},
        {"GET / HTTP/1.1\nHost: h\n\n", "400"},
        {"GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n folded\r\n\r\n", "400"},
        {"GET / HTTP/1.1\r\nHost: h\r\nA : b\r\n\r\n", "400"},
        {"GET / HTTP/1.1\r\nHost: h\r\n: b\r\n\r\n", "400"},
        {"GET / HTTP/1.1\r\nHost: h\r\nA: b\rc\r\n\r\n", "400"},
        {"GET / HTTP/1.1\r\nHost: h\r\nA: \001\r\n\r\n", "400"},
        {"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
        {"GET / HTTP/1.1 \r\nHost: h\r\n\r\n", "400"},
        {"GET /\tx HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
        {"GET /%00 HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
        {"GET /%4 HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
        {"GET relative HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
        {"GET http:///x HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
        {"CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
        {"nonsense\r\n\r\n", "400"},
        {" GET / HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"},
        {"POST / HTTP/1.1\r\nHost: h\r\nExpect: miracles\r\nContent-Length: 1\r\n\r\nx", "417"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *reply = talk(cases[i].request);
        if (strncmp(reply, "HTTP/1.1 ", 9) || strncmp(reply + 9, cases[i].status, 3) || !strstr(reply, CLOSE))
            fail_msg("%s\n  gave\n%s\n  not %s", cases[i].request, reply, cases[i].status);
        if (strstr(reply + 9, "\nHTTP/1.1 ")) /* one answer, whatever stood behind it */
            fail_msg("%s\n  gave more than one answer:\n%s", cases[i].request, reply);
        free(reply);
    }
    assert_int_equal(n_handled, 0);
    assert_int_equal(n_refused, sizeof cases / sizeof cases[0]);
}

static void a_head_that_is_too_long(void **state)
{
    char *request = malloc(300000);
    int n = sprintf(request, "GET / HTTP/1.1\r\nHost: h\r\nA: ");
    memset(request + n, 'a', 5000);
    strcpy(request + n + 5000, "\r\n\r\n");
    expect(request, "HTTP/1.1 431", NULL);
    n = sprintf(request, "GET /");
    memset(request + n, 'a', 250000);
    strcpy(request + n + 250000, " HTTP/1.1\r\nHost: h\r\n\r\n");
    expect(request, "HTTP/1.1 414", NULL);
    n = sprintf(request, "GET / HTTP/1.1\r\nHost: h\r\n");
    for (int i = 0; i < 150; i++)
        n += sprintf(request + n, "A: b\r\n");
    strcpy(request + n, "\r\n");
    expect(request, "HTTP/1.1 431", NULL);
    free(request);
}

static void a_chunked_body_that_is_too_large(void **state)
{
    char *request = malloc(400000);
    int n = sprintf(request, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 260; i++) {
        n += sprintf(request + n, "3e8\r\n");
        memset(request + n, 'x', 1000);
        n += 1000;
        n += sprintf(request + n, "\r\n");
    }
    strcpy(request + n, "0\r\n\r\n");
    expect(request, "HTTP/1.1 413", NULL);
    free(request);
}

static void bodies_of_many_sizes_arrive_whole(void **state)
{
    char *request = malloc(300000);
    for (size_t n_body = 0; n_body <= 200000; n_body = n_body * 3 + 1) {
        int n = sprintf(request, "POST / HTTP/1.1\r\nHost: h\r\n" CLOSE "Content-Length: %zu\r\n\r\n", n_body);
        for (size_t i = 0; i < n_body; i++)
            request[n + (int)i] = (char)('a' + i % 23);
        request[n + (int)n_body] = 0;
        char *reply = talk(request);
        const char *body = strstr(reply, "body=");
        assert_non_null(body);
        assert_string_equal(body + 5, request + n);
        free(reply);
    }
    free(request);
}

static void pipelined_requests_are_answered_in_turn(void **state)
{
    enum { N = 2000 };
    char *request = malloc(N * 80), name[32];
    int n = 0;
    for (int i = 0; i < N; i++)
        n += i % 2 ? sprintf(request + n, "GET /n%d HTTP/1.1\r\nHost: h\r\n%s\r\n", i, i == N - 1 ? CLOSE : "")
                   : sprintf(request + n, "POST /n%d HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", i);
    char *reply = talk(request);
    const char *at = reply;
    for (int i = 0; i < N; i++) {
        sprintf(name, " /n%d q=", i);
        at = strstr(at, name);
        assert_non_null(at);
    }
    assert_int_equal(n_handled, N);
    free(reply);
    free(request);
}

static void what_follows_a_held_request_waits(void **state)
{
    const int fd = support_http_connect(wick_http_port(http));
    support_http_send(fd, "GET /later HTTP/1.1\r\nHost: h\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n" CLOSE "\r\n");
    while (!has_held)
        usleep(1000);
    usleep(30000);
    assert_int_equal(n_handled, 1);
    may_reply = true;
    char *reply = support_http_read_all(fd);
    assert_non_null(strstr(reply, "late"));
    assert_non_null(strstr(strstr(reply, "late"), "/next"));
    assert_int_equal(seen_gone, 0);
    pthread_join(replier, NULL);
    free(reply);
}

static void a_client_that_hangs_up_is_noticed(void **state)
{
    const int fd = support_http_connect(wick_http_port(http));
    support_http_send(fd, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    while (!has_held)
        usleep(1000);
    close(fd);
    for (int i = 0; i < 2000 && !wick_exchange_is_gone(held); i++)
        usleep(1000);
    may_reply = true;
    pthread_join(replier, NULL);
    assert_int_equal(seen_gone, 1);
    expect("GET / HTTP/1.1\r\nHost: h\r\n" CLOSE "\r\n", "HTTP/1.1 200", NULL);
}

static void clients_that_hang_up_at_any_byte(void **state)
{
    static const char request[] = "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello";
    for (size_t n = 0; n < sizeof request; n++) {
        const int fd = support_http_connect(wick_http_port(http));
        assert_int_equal(send(fd, request, n, 0), n);
        if (n % 2) { /* a reset instead of an end */
            const struct linger now = {1, 0};
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        }
        close(fd);
        for (int i = 0; i < 1000 && wick_http_n_connections(http) > 10; i++)
            usleep(1000);
    }
    for (int i = 0; i < 3000 && wick_http_n_connections(http); i++)
        usleep(1000);
    assert_int_equal(wick_http_n_connections(http), 0);
}

static void a_big_reply_to_a_slow_reader(void **state)
{
    const int fd = support_http_connect(wick_http_port(http));
    support_http_send(fd, "GET /big HTTP/1.1\r\nHost: h\r\n" CLOSE "\r\n");
    usleep(200000);
    char *reply = support_http_read_all(fd);
    assert_int_equal(strlen(strstr(reply, "\r\n\r\n") + 4), (size_t)8 << 20);
    free(reply);
}

static void replies_that_nobody_takes_make_way(void **state)
{
    int fds[4];
    for (int i = 0; i < 4; i++) {
        fds[i] = support_http_connect(wick_http_port(http));
        support_http_send(fds[i], "GET /big HTTP/1.1\r\nHost: h\r\n" CLOSE "\r\n");
        while (n_handled <= i)
            usleep(1000);
    }
    /* Each is larger than all may be together: only the last is whole. */
    for (int i = 0; i < 4; i++) {
        char *reply = support_http_read_all(fds[i]);
        const size_t n = strlen(strstr(reply, "\r\n\r\n") + 4);
        assert_int_equal(n == (size_t)8 << 20, i == 3);
        free(reply);
    }
    expect("GET / HTTP/1.1\r\nHost: h\r\n" CLOSE "\r\n", "HTTP/1.1 200", NULL);
}

static void a_byte_at_a_time_meets_the_deadline(void **state)
{
    static const char request[] =
        "GET / HTTP/1.1\r\nHost: h\r\nA: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n";
    const int fd = support_http_connect(wick_http_port(http));
    const double begin = support_http_now();
    size_t n = 0;
    while (n < sizeof request - 1 && !n_refused && support_http_now() - begin < 3000) {
        assert_int_equal(send(fd, request + n++, 1, MSG_NOSIGNAL), 1);
        usleep(20000);
    }
    char *reply = support_http_read_all(fd);
    assert_true(strncmp(reply, "HTTP/1.1 408", 12) == 0);
    assert_true(support_http_now() - begin < 1500);
    free(reply);
}

static void a_silent_connection_is_closed(void **state)
{
    const double begin = support_http_now();
    expect("", "", NULL);
    assert_true(support_http_now() - begin > 300 && support_http_now() - begin < 1500);
}

static void a_slow_request_within_the_deadline(void **state)
{
    const int fd = support_http_connect(wick_http_port(http));
    support_http_send(fd, "POST / HTTP/1.1\r\nHost: h\r\n" CLOSE);
    usleep(100000);
    support_http_send(fd, "Content-Length: 4\r\n\r\nab");
    usleep(100000);
    support_http_send(fd, "cd");
    char *reply = support_http_read_all(fd);
    assert_non_null(strstr(reply, "body=abcd"));
    free(reply);
}

static void expect_100_continue(void **state)
{
    const int fd = support_http_connect(wick_http_port(http));
    support_http_send(fd, "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n" CLOSE "\r\n");
    char line[26] = "";
    assert_int_equal(recv(fd, line, 25, MSG_WAITALL), 25);
    assert_string_equal(line, "HTTP/1.1 100 Continue\r\n\r\n");
    support_http_send(fd, "ab");
    char *reply = support_http_read_all(fd);
    assert_non_null(strstr(reply, "body=ab"));
    free(reply);
    /* Too large is said instead. */
    expect("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 999999\r\n\r\n", "HTTP/1.1 413",
           NULL);
}

static void an_unwanted_body_is_not_read(void **state)
{
    expect("POST /unwanted HTTP/1.1\r\nHost: h\r\nContent-Length: 150000\r\n\r\n", "HTTP/1.1 401", CLOSE);
    assert_int_equal(n_handled, 0);
}

static void http_1_0_keeps_alive_on_request(void **state)
{
    char *reply = talk("GET /a HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\nGET /b HTTP/1.0\r\n\r\n");
    assert_non_null(strstr(reply, "Connection: keep-alive\r\n"));
    assert_non_null(strstr(reply, "/b q="));
    free(reply);
}

static void more_connections_than_allowed(void **state)
{
    int fds[25];
    for (int i = 0; i < 25; i++)
        fds[i] = support_http_connect(wick_http_port(http));
    int n_turned_away = 0;
    for (int i = 0; i < 25; i++) {
        support_http_send(fds[i], "GET / HTTP/1.1\r\nHost: h\r\n" CLOSE "\r\n");
        char *reply = support_http_read_all(fds[i]);
        /* One that was turned away may lose its answer, for it went on talking. */
        n_turned_away += strncmp(reply, "HTTP/1.1 200", 12) != 0;
        free(reply);
    }
    assert_int_equal(n_turned_away, 5);
    expect("GET / HTTP/1.1\r\nHost: h\r\n" CLOSE "\r\n", "HTTP/1.1 200", NULL);
}

static void stopping_answers_what_was_accepted(void **state)
{
    const int fd = support_http_connect(wick_http_port(http)), idle = support_http_connect(wick_http_port(http));
    support_http_send(fd, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    while (!has_held)
        usleep(1000);
    wick_http_post(http, stop, NULL);
    usleep(50000);
    support_http_send(idle, "GET /idle HTTP/1.1\r\nHost: h\r\n\r\n"); /* kept alive: answered, then closed */
    char *reply = support_http_read_all(idle);
    assert_non_null(strstr(reply, "/idle"));
    assert_non_null(strstr(reply, CLOSE));
    free(reply);
    may_reply = true;
    reply = support_http_read_all(fd);
    assert_non_null(strstr(reply, "late"));
    assert_non_null(strstr(reply, CLOSE));
    pthread_join(replier, NULL);
    free(reply);
}

/* One reply whose body is text, on a connection that stays. */
static void ask(int fd, const char *path, const char *text)
{
    char reply[1024];
    size_t n = 0;
    snprintf(reply, sizeof reply, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
    support_http_send(fd, reply);
    do {
        const ssize_t got = recv(fd, reply + n, sizeof reply - 1 - n, 0);
        assert_true(got > 0);
        n += (size_t)got;
        reply[n] = 0;
    } while (!strstr(reply, "\r\n\r\n") || !strstr(strstr(reply, "\r\n\r\n"), text));
}

/* One at a time they take a round of the loop each; the last may come at its end. */
static void requests_gather_while_some_are_refused(void **state)
{
    const int fd = support_http_connect(wick_http_port(http)), other = support_http_connect(wick_http_port(http));
    ask(fd, "/full", "full");
    const double start = support_http_now();
    for (int i = 0; i < 50; i++)
        ask(fd, "/full", "full");
    ask(other, "/", "body=");
    assert_true(support_http_now() - start > 45);
    close(fd);
    close(other);
}

static atomic_int n_ran, is_in_order = 1;

static void count(void *arg)
{
    if ((int)(intptr_t)arg != n_ran)
        is_in_order = 0;
    n_ran++;
}

static void posted_tasks_run_in_order(void **state)
{
    for (int i = 0; i < 20000; i++)
        assert_true(wick_http_post(http, count, (void *)(intptr_t)i));
    for (int i = 0; i < 5000 && n_ran < 20000; i++)
        usleep(1000);
    assert_int_equal(n_ran, 20000);
    assert_int_equal(is_in_order, 1);
}

static void a_port_that_is_taken(void **state)
{
    const wick_http_options options = {.host = "127.0.0.1",
                                       .port = wick_http_port(http),
                                       .max_connections = 1,
                                       .read_timeout_ms = 1,
                                       .idle_timeout_ms = 1};
    wick_http *other = NULL;
    wick_error error = {0};
    assert_int_equal(wick_http_open(&options, &other, &error), WICK_E_IO);
    assert_null(other);
    assert_non_null(strstr(error.message, "cannot listen"));
    assert_non_null(strstr(error.mend, "another process listens there"));
    const wick_http_options foreign = {
        .host = "192.0.2.1", .max_connections = 1, .read_timeout_ms = 1, .idle_timeout_ms = 1};
    assert_int_equal(wick_http_open(&foreign, &other, &error), WICK_E_IO);
    assert_non_null(strstr(error.mend, "address of this machine"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(well_formed_requests),
        CASE(head_has_no_body),
        CASE(malformed_requests_are_refused),
        CASE(a_head_that_is_too_long),
        CASE(a_chunked_body_that_is_too_large),
        CASE(bodies_of_many_sizes_arrive_whole),
        CASE(pipelined_requests_are_answered_in_turn),
        CASE(what_follows_a_held_request_waits),
        CASE(a_client_that_hangs_up_is_noticed),
        CASE(clients_that_hang_up_at_any_byte),
        CASE(a_big_reply_to_a_slow_reader),
        CASE(replies_that_nobody_takes_make_way),
        CASE(a_byte_at_a_time_meets_the_deadline),
        CASE(a_silent_connection_is_closed),
        CASE(a_slow_request_within_the_deadline),
        CASE(expect_100_continue),
        CASE(an_unwanted_body_is_not_read),
        CASE(http_1_0_keeps_alive_on_request),
        CASE(more_connections_than_allowed),
        CASE(stopping_answers_what_was_accepted),
        CASE(requests_gather_while_some_are_refused),
        CASE(posted_tasks_run_in_order),
        CASE(a_port_that_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
