/* SPDX-License-Identifier: Apache-2.0
 * test_server_faults.c: the whole server in this process, over raw sockets, with a provider that sticks, fails and lies (support_lane.h) in place of the
 * mock one: health, deadlines, overload, breaker, vectors that are not finite, clients that leave, an end with work that is stuck. */
#include "server/server.h"
#include "support_http.h"
#include "support_lane.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static support_fake fake;
static wick_server *server;
static pthread_t loop;
static int run_result, null_fd;

/* The library's mock provider is not linked: this one has its name. */
static int open_fake(const char *model, const wick_model_options *options, void **state, wick_error *error)
{
    *state = &fake;
    return WICK_OK;
}

static int embed_fake(void *state, const wick_embed_request *request, float *out, wick_usage *usage, wick_error *error)
{
    return fake.provider.ops->embed(fake.provider.state, request, out, usage, error);
}

static int info_fake(const void *state, wick_model_info *info, wick_error *error)
{
    info->model = "fake";
    info->dimension = SUPPORT_DIMENSION;
    info->max_tokens = info->max_seq_length = 512;
    return WICK_OK;
}

static void close_fake(void *state)
{
}

const wick_provider_ops wick_provider_mock = {"mock", open_fake, embed_fake, info_fake, close_fake, NULL};

static void *run(void *arg)
{
    run_result = wick_server_run(server);
    return NULL;
}

static void begin(unsigned request_timeout_ms, size_t queue_tokens)
{
    wick_server_options options;
    wick_error error = {0};
    wick_server_options_init(&options);
    null_fd = open("/dev/null", O_WRONLY);
    options.port = 0;
    options.log_fd = null_fd;
    options.request_timeout_ms = request_timeout_ms;
    options.drain_ms = 1000;
    options.models.provider.provider = "mock";
    options.models.lane.queue_tokens = queue_tokens;
    options.models.lane.n_retries = 0;
    options.models.lane.breaker_failures = 3;
    options.models.lane.breaker_open_ms = 300;
    support_fake_init(&fake);
    if (wick_server_open(&options, &server, &error) != WICK_OK ||
        wick_models_load(wick_server_models(server), "fake", NULL, 0, &error) != WICK_OK)
        fail_msg("%s (%s)", error.message, error.where);
    pthread_create(&loop, NULL, run, NULL);
}

static void end(void)
{
    wick_server_stop(server);
    pthread_join(loop, NULL);
    assert_int_equal(run_result, 0);
    wick_server_close(server);
    support_fake_clear(&fake);
    close(null_fd);
}

/* Sends a request for vectors of one text; the connection. */
static int ask(const char *path, const char *body)
{
    char request[1024];
    const int fd = support_http_connect(wick_server_port(server));
    snprintf(request, sizeof request,
             "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: "
             "close\r\nContent-Length: %zu\r\n\r\n%s",
             path, strlen(body), body);
    support_http_send(fd, request);
    return fd;
}

static int get(const char *path)
{
    char request[256];
    const int fd = support_http_connect(wick_server_port(server));
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
    support_http_send(fd, request);
    return fd;
}

/* The reply that comes on fd begins with this status and holds what. */
static void expect(int fd, const char *status, const char *what)
{
    char *reply = support_http_read_all(fd);
    if (strncmp(reply, "HTTP/1.1 ", 9) || strncmp(reply + 9, status, 3) || !strstr(reply, what))
        fail_msg("not %s, %s: %s", status, what, reply);
    free(reply);
}

#define EMBED(text) ask("/api/v1/embed", "{\"inputs\":\"" text "\"}")

static void a_stuck_engine_shows_within_5_s(void **state)
{
    begin(1000, 10000);
    expect(get("/health"), "200", "\"ok\"");
    support_fake_hold(&fake);
    const unsigned n_calls = fake.n_calls;
    const double start = support_http_now();
    const int stuck = EMBED("one");
    support_fake_wait_calls(&fake, n_calls + 1);
    usleep(1100000); /* the answer above is no longer fresh */
    const double asked = support_http_now();
    const int health = get("/health");
    expect(get("/health/live"), "200", "\"ok\"");
    expect(stuck, "503", "did not answer in time");
    assert_true(support_http_now() - start < 2500);
    expect(health, "503", "does not answer");
    assert_true(support_http_now() - asked < 5000);
    /* From now on at once, however often. */
    const double again = support_http_now();
    for (int i = 0; i < 20; i++)
        expect(get("/health"), "503", "does not answer");
    expect(get("/health/ready"), "503", "does not answer");
    assert_true(support_http_now() - again < 1000);
    support_fake_release(&fake);
    for (int i = 0; i < 50; i++) {
        char *reply = support_http_read_all(get("/health"));
        const int is_well = strstr(reply, "200 OK") != NULL;
        free(reply);
        if (is_well)
            break;
        usleep(100000);
    }
    expect(get("/health"), "200", "\"ok\"");
    expect(get("/health/ready"), "200", "\"ok\"");
    expect(EMBED("two"), "200", "embeddings");
    end();
}

/* Until so many jobs are in the only model's lane. */
static void wait_for_jobs(size_t n_jobs)
{
    wick_served *served;
    wick_error error;
    assert_int_equal(wick_models_borrow(wick_server_models(server), NULL, &served, &error), WICK_OK);
    for (int i = 0; i < 20000 && wick_lane_get_state(served->lane).n_jobs < n_jobs; i++)
        usleep(1000);
    assert_int_equal(wick_lane_get_state(served->lane).n_jobs, n_jobs);
    wick_models_return(wick_server_models(server), served);
}

/* The loop takes events in the order of their coming, at most some dozens before it looks for more: what came before this was called has been seen when it returns. */
static void let_the_loop_see(void)
{
    for (int i = 0; i < 5; i++)
        expect(get("/health/live"), "200", "\"ok\"");
}

static void a_full_queue_answers_at_once_without_reading(void **state)
{
    begin(30000, 100);
    support_fake_hold(&fake);
    const int stuck = EMBED("one");
    support_fake_wait_calls(&fake, 1);
    int queued[64];
    for (int i = 0; i < 64; i++)
        queued[i] = EMBED("three times four is twelve");
    wait_for_jobs(10); /* what one client may have waiting; the others are refused */
    let_the_loop_see();
    expect(ask("/api/v1/embed", "no JSON"), "429", "\"overloaded\"");
    const double start = support_http_now();
    int n_overloaded = 0;
    for (int i = 0; i < 10; i++) {
        char *reply = support_http_read_all(EMBED("more"));
        n_overloaded +=
            !strncmp(reply, "HTTP/1.1 429", 12) && strstr(reply, "Retry-After: ") && strstr(reply, "\"overloaded\"");
        free(reply);
    }
    assert_int_equal(n_overloaded, 10);
    assert_true(support_http_now() - start < 500);
    support_fake_release(&fake);
    expect(stuck, "200", "embeddings");
    for (int i = 0; i < 64; i++) {
        char *reply = support_http_read_all(queued[i]);
        assert_true(!strncmp(reply, "HTTP/1.1 200", 12) || !strncmp(reply, "HTTP/1.1 429", 12));
        free(reply);
    }
    expect(EMBED("again"), "200", "embeddings");
    end();
}

static void vectors_that_are_not_finite_are_500(void **state)
{
    begin(30000, 10000);
    expect(EMBED("nan"), "500", "\"internal\"");
    expect(ask("/embed", "{\"inputs\":\"nan\"}"), "424", "\"Backend\"");
    expect(ask("/embed", "{\"inputs\":[\"fine\",\"nan\"]}"), "424",
           "texts[1]: the model gave a value that is not finite; ");
    expect(EMBED("fine"), "200", "embeddings");
    char *metrics = support_http_read_all(get("/metrics"));
    const char *counter = strstr(metrics, "\nwick_nonfinite_total ");
    assert_non_null(counter);
    assert_int_equal(atoi(counter + strlen("\nwick_nonfinite_total ")), 3);
    assert_null(strstr(metrics, "nan\""));
    free(metrics);
    end();
}

static void a_failing_engine_rests_and_comes_back(void **state)
{
    begin(30000, 10000);
    fake.failure_code = WICK_E_INTERNAL;
    fake.n_failures = 1000;
    for (int i = 0; i < 3; i++)
        expect(EMBED("any"), "500", "\"internal\"");
    const unsigned n_calls = fake.n_calls;
    expect(EMBED("any"), "503", "Retry-After: ");
    expect(get("/health/ready"), "503", "rests");
    assert_int_equal(fake.n_calls, n_calls);
    fake.n_failures = 0;
    for (int i = 0; i < 40; i++) {
        char *reply = support_http_read_all(EMBED("any"));
        const int is_well = !strncmp(reply, "HTTP/1.1 200", 12);
        free(reply);
        if (is_well)
            break;
        usleep(100000);
    }
    expect(EMBED("any"), "200", "embeddings");
    end();
}

static void work_for_clients_that_left_is_skipped(void **state)
{
    begin(30000, 10000);
    support_fake_hold(&fake);
    const int stuck = EMBED("one");
    support_fake_wait_calls(&fake, 1);
    for (size_t i = 0; i < 20; i++) {
        const int leaving = EMBED("gone");
        wait_for_jobs(i + 2);
        close(leaving);
    }
    let_the_loop_see();
    support_fake_release(&fake);
    expect(stuck, "200", "embeddings");
    expect(EMBED("two"), "200", "embeddings");
    assert_int_equal(fake.n_gone, 0);
    end();
}

static void a_late_request_is_answered_once(void **state)
{
    begin(300, 10000);
    support_fake_hold(&fake);
    const int stuck = EMBED("one"), behind = EMBED("two");
    expect(stuck, "503", "in time");
    expect(behind, "503", "time");
    support_fake_release(&fake);
    for (int i = 0; i < 20; i++)
        expect(EMBED("three"), "200", "embeddings");
    end();
}

/* 0: not known, or of no meaning, for sanitizers keep what was freed. */
static size_t resident_bytes(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return 0;
#endif
    char line[256];
    size_t kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, "VmRSS:", 6))
            kib = strtoul(line + 6, NULL, 10);
    if (file)
        fclose(file);
    return kib << 10;
}

/* A number in JSON is two bytes of body and some 40 of memory. */
static void bodies_full_of_something_else_do_not_stay(void **state)
{
    enum { N = 40, N_NUMBERS = 100000 };
    int fds[N];
    begin(30000, 10000);
    support_fake_hold(&fake);
    const int stuck = EMBED("one");
    support_fake_wait_calls(&fake, 1);
    char *request = malloc(2 * N_NUMBERS + 512);
    int n = sprintf(request,
                    "POST /embed HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n"
                    "Content-Length: %d\r\n\r\n{\"inputs\":\"a\",\"other\":[1",
                    26 + 2 * N_NUMBERS);
    for (int i = 0; i < N_NUMBERS; i++)
        n += sprintf(request + n, ",1");
    strcpy(request + n, "]}");
    const size_t before = resident_bytes();
    for (int i = 0; i < N; i++) {
        fds[i] = support_http_connect(wick_server_port(server));
        support_http_send(fds[i], request);
    }
    wait_for_jobs(N + 1);
    const size_t after = resident_bytes();
    if (before && after > before + ((size_t)80 << 20)) /* kept, they would be 150 MB */
        fail_msg("%zu MB more", (after - before) >> 20);
    support_fake_release(&fake);
    expect(stuck, "200", "embeddings");
    for (int i = 0; i < N; i++)
        expect(fds[i], "200", "[[");
    free(request);
    end();
}

static void while_models_are_loaded(void **state)
{
    static const char other[] = "{\"inputs\":\"a\",\"model\":\"other\"}";
    begin(30000, 10000);
    wick_server_set_loading(server, true);
    expect(get("/health/live"), "200", "\"ok\"");
    expect(get("/health/ready"), "503", "being loaded");
    expect(ask("/api/v1/embed", other), "503", "Retry-After: 1\r\n");
    expect(EMBED("what is there answers"), "200", "embeddings");
    wick_server_set_loading(server, false);
    expect(get("/health/ready"), "200", "\"ok\"");
    expect(ask("/api/v1/embed", other), "404", "model_not_found");
    end();
}

/* The last test: its server cannot be closed. */
static void an_end_with_stuck_work_is_told(void **state)
{
    begin(30000, 10000);
    support_fake_hold(&fake);
    const int stuck = EMBED("one");
    support_fake_wait_calls(&fake, 1);
    const double start = support_http_now();
    wick_server_stop(server);
    pthread_join(loop, NULL);
    assert_int_equal(run_result, 1);
    assert_true(support_http_now() - start < 3000);
    close(stuck);
    support_fake_release(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stuck_engine_shows_within_5_s),
        cmocka_unit_test(a_full_queue_answers_at_once_without_reading),
        cmocka_unit_test(vectors_that_are_not_finite_are_500),
        cmocka_unit_test(a_failing_engine_rests_and_comes_back),
        cmocka_unit_test(work_for_clients_that_left_is_skipped),
        cmocka_unit_test(a_late_request_is_answered_once),
        cmocka_unit_test(bodies_full_of_something_else_do_not_stay),
        cmocka_unit_test(while_models_are_loaded),
        cmocka_unit_test(an_end_with_stuck_work_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
