/* SPDX-License-Identifier: Apache-2.0
 * paced.c: an open-loop load generator: requests leave at their own times (Poisson arrivals of a given rate, a fixed seed), whether or not earlier ones
 * have been answered, as users do; wrk's connections wait for each other. In: the server's port, a file of texts, one a line, of which every request
 * carries the next. Out: one JSON object: answers by status, their latencies from the time at which each was due and from the time at which it was sent; and the
 * latencies of those that fell into times in which the host kept its clock (host_clock.h). Called by generators.py.
 *
 *   paced PORT PATH FIELD TEXTS RATE SECONDS CONNECTIONS
 *
 * All connections are opened beforehand, and accepted: a storm of them is not what is measured. A request that finds none free waits here, and its latency counts from when it was due. */
#include <event2/event.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/slices.h"
#include "host_clock.h"

#define HEAD_BYTES 2048
#define MAX_STATUSES 16
#define GRACE_SECONDS 10 /* for the last answers */
/* Before a request that counts as calm: in this time an ideal server at 80 % of its capacity has worked off what piled up in 0.2 s of no clock at all. */
#define CALM_MS 1100

typedef struct samples {
    int status;
    size_t n, capacity, n_retry_after;
    float *due_ms, *sent_ms; /* [n] */
    double *due_at_ms;       /* [n] */
} samples;

typedef struct connection {
    struct generator *generator;
    struct connection *next_free;
    struct event *event;
    int fd;
    double due_ms, sent_ms;
    size_t n_head, body_left;
    int status;
    bool is_out, has_head, must_close, has_retry_after;
    char head[HEAD_BYTES];
} connection;

typedef struct generator {
    struct event_base *base;
    struct event *timer;
    struct sockaddr_in address;
    const char *path, *field;
    char **requests; /* [n_requests] */
    size_t *request_bytes, n_requests, next_request;
    double rate, begin_ms, end_ms, next_due_ms;
    uint64_t random;
    connection *connections, *free;
    double *waiting; /* due times of requests that found no connection: a ring */
    size_t waiting_first, n_waiting, waiting_capacity, most_waiting;
    size_t n_due, n_sent, n_out, n_answered, n_failed;
    samples by_status[MAX_STATUSES];
} generator;

static void fail(const char *what)
{
    fprintf(stderr, "paced: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void *take(void *old, size_t n_bytes)
{
    void *memory = realloc(old, n_bytes);
    if (!memory)
        fail("memory");
    return memory;
}

/* xorshift64*; (0, 1] */
static double uniform(generator *own)
{
    own->random ^= own->random >> 12;
    own->random ^= own->random << 25;
    own->random ^= own->random >> 27;
    return ((double)((own->random * 0x2545F4914F6CDD1Du) >> 11) + 1) / 9007199254740992.0;
}

/* ---- texts -------------------------------------------------------------------------------------------------------- */

static char *make_request(const generator *own, const char *text, size_t n, size_t *n_bytes)
{
    char *body = take(NULL, n * 6 + 64), *end = body + sprintf(body, "{\"%s\":\"", own->field);
    for (size_t i = 0; i < n; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == '"' || c == '\\')
            end += sprintf(end, "\\u%04x", c);
        else
            *end++ = (char)c;
    }
    end += sprintf(end, "\"}");
    char *request = take(NULL, (size_t)(end - body) + strlen(own->path) + 160);
    *n_bytes = (size_t)sprintf(request,
                               "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: "
                               "%zu\r\n\r\n%s",
                               own->path, (size_t)(end - body), body);
    free(body);
    return request;
}

static void read_texts(generator *own, const char *path)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t capacity = 0;
    ssize_t n;
    if (!file)
        fail(path);
    while ((n = getline(&line, &capacity, file)) > 0) {
        n -= line[n - 1] == '\n';
        own->requests = take(own->requests, (own->n_requests + 1) * sizeof *own->requests);
        own->request_bytes = take(own->request_bytes, (own->n_requests + 1) * sizeof *own->request_bytes);
        own->requests[own->n_requests] = make_request(own, line, (size_t)n, &own->request_bytes[own->n_requests]);
        own->n_requests++;
    }
    free(line);
    fclose(file);
    if (!own->n_requests) {
        errno = EINVAL;
        fail(path);
    }
}

/* ---- connections -------------------------------------------------------------------------------------------------- */

static void on_readable(evutil_socket_t fd, short what, void *arg);

static void open_connection(connection *one)
{
    generator *own = one->generator;
    const int yes = 1;
    one->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (one->fd < 0 || connect(one->fd, (struct sockaddr *)&own->address, sizeof own->address) != 0)
        fail("connect");
    setsockopt(one->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    fcntl(one->fd, F_SETFL, fcntl(one->fd, F_GETFL) | O_NONBLOCK);
    one->event = event_new(own->base, one->fd, EV_READ | EV_PERSIST, on_readable, one);
    event_add(one->event, NULL);
}

static void close_connection(connection *one)
{
    event_free(one->event);
    close(one->fd);
}

static void send_request(connection *one, double due_ms)
{
    generator *own = one->generator;
    const size_t i = own->next_request++ % own->n_requests;
    one->due_ms = due_ms;
    one->sent_ms = wick_now_ms();
    one->n_head = one->body_left = 0;
    one->has_head = one->must_close = one->has_retry_after = false;
    one->is_out = true;
    own->n_sent++;
    own->n_out++;
    if (send(one->fd, own->requests[i], own->request_bytes[i], MSG_NOSIGNAL) == (ssize_t)own->request_bytes[i])
        return;
    own->n_failed++; /* a request always fits into an empty socket buffer: the server has closed the connection */
    own->n_out--;
    one->is_out = false;
    close_connection(one);
    open_connection(one);
    one->next_free = own->free;
    own->free = one;
}

static void is_due(generator *own, double due_ms)
{
    connection *one = own->free;
    own->n_due++;
    if (one) {
        own->free = one->next_free;
        send_request(one, due_ms);
        return;
    }
    if (own->n_waiting == own->waiting_capacity) { /* straighten the ring out and double it */
        const size_t n = own->waiting_capacity;
        double *more = take(NULL, 2 * (n + 512) * sizeof *more);
        for (size_t i = 0; i < n; i++)
            more[i] = own->waiting[(own->waiting_first + i) % n];
        free(own->waiting);
        own->waiting = more;
        own->waiting_first = 0;
        own->waiting_capacity = 2 * (n + 512);
    }
    own->waiting[(own->waiting_first + own->n_waiting++) % own->waiting_capacity] = due_ms;
    if (own->n_waiting > own->most_waiting)
        own->most_waiting = own->n_waiting;
}

static void becomes_free(connection *one)
{
    generator *own = one->generator;
    if (one->must_close) {
        close_connection(one);
        open_connection(one);
    }
    if (own->n_waiting && wick_now_ms() < own->end_ms) {
        const double due_ms = own->waiting[own->waiting_first];
        own->waiting_first = (own->waiting_first + 1) % own->waiting_capacity;
        own->n_waiting--;
        send_request(one, due_ms);
        return;
    }
    one->next_free = own->free;
    own->free = one;
}

/* ---- answers ------------------------------------------------------------------------------------------------------ */

static void record(connection *one)
{
    generator *own = one->generator;
    const double now = wick_now_ms();
    samples *list = own->by_status;
    while (list < own->by_status + MAX_STATUSES - 1 && list->n && list->status != one->status)
        list++;
    if (list->n == list->capacity) {
        list->capacity = list->capacity * 2 + 1024;
        list->due_ms = take(list->due_ms, list->capacity * sizeof *list->due_ms);
        list->sent_ms = take(list->sent_ms, list->capacity * sizeof *list->sent_ms);
        list->due_at_ms = take(list->due_at_ms, list->capacity * sizeof *list->due_at_ms);
    }
    list->status = one->status;
    list->due_ms[list->n] = (float)(now - one->due_ms);
    list->sent_ms[list->n] = (float)(now - one->sent_ms);
    list->due_at_ms[list->n] = one->due_ms;
    list->n++;
    list->n_retry_after += one->has_retry_after;
    own->n_out--;
    own->n_answered++;
    one->is_out = false;
    becomes_free(one);
}

static void read_head(connection *one, size_t head_bytes)
{
    one->head[head_bytes - 1] = 0;
    one->status = atoi(one->head + 9);
    one->has_head = true;
    size_t length = 0;
    for (char *line = strstr(one->head, "\r\n"); line && line[2]; line = strstr(line + 2, "\r\n")) {
        if (!strncasecmp(line + 2, "content-length:", 15))
            length = strtoul(line + 17, NULL, 10);
        else if (!strncasecmp(line + 2, "connection: close", 17))
            one->must_close = true;
        else if (!strncasecmp(line + 2, "retry-after:", 12))
            one->has_retry_after = true;
    }
    const size_t n_behind = one->n_head - head_bytes;
    one->body_left = length > n_behind ? length - n_behind : 0;
}

/* The server has closed the connection. */
static void lose(connection *one)
{
    generator *own = one->generator;
    if (!one->is_out) { /* it stays in the list of free ones */
        close_connection(one);
        open_connection(one);
        return;
    }
    one->is_out = false;
    own->n_failed++;
    own->n_out--;
    one->must_close = true;
    becomes_free(one);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    connection *one = arg;
    char scrap[16384];
    char *to = one->has_head ? scrap : one->head + one->n_head;
    const size_t room = one->has_head ? sizeof scrap : HEAD_BYTES - one->n_head - 1;
    const ssize_t n = recv(fd, to, room, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 || room == 0) {
        lose(one);
        return;
    }
    if (one->has_head) {
        one->body_left -= (size_t)n < one->body_left ? (size_t)n : one->body_left;
    } else {
        one->n_head += (size_t)n;
        one->head[one->n_head] = 0;
        const char *end = strstr(one->head, "\r\n\r\n");
        if (!end)
            return;
        read_head(one, (size_t)(end - one->head) + 4);
    }
    if (one->body_left == 0)
        record(one);
}

/* ---- the clock ---------------------------------------------------------------------------------------------------- */

static void set_timer(generator *own, double ms)
{
    ms = ms > 0.01 ? ms : 0.01;
    const struct timeval when = {(time_t)(ms / 1e3), (suseconds_t)((long)(ms * 1e3) % 1000000)};
    event_add(own->timer, &when);
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
    generator *own = arg;
    const double now = wick_now_ms();
    while (own->next_due_ms <= now && own->next_due_ms < own->end_ms) {
        is_due(own, own->next_due_ms);
        own->next_due_ms += -log(uniform(own)) * 1e3 / own->rate;
    }
    if (own->next_due_ms < own->end_ms) {
        set_timer(own, own->next_due_ms - wick_now_ms());
    } else if (own->n_out == 0 || now > own->end_ms + GRACE_SECONDS * 1e3) {
        event_base_loopbreak(own->base);
    } else {
        set_timer(own, 5);
    }
}

/* ---- results ------------------------------------------------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

static void print_times(const char *name, float *ms, size_t n)
{
    if (n == 0) {
        printf("\"%s\":null", name);
        return;
    }
    qsort(ms, n, sizeof *ms, compare);
    printf("\"%s\":{\"p50\":%.3f,\"p95\":%.3f,\"p99\":%.3f,\"max\":%.3f}", name, ms[n / 2], ms[n * 95 / 100], ms[n * 99 / 100],
           ms[n - 1]);
}

/* The latencies of requests before which, and while which, the host kept its clock; returns their number. Taken of the list before it is sorted. */
static size_t pick_calm(const host_clock *clock, const samples *list, float *calm_ms)
{
    size_t n = 0;
    for (size_t i = 0; i < list->n; i++)
        if (host_clock_was_kept(clock, list->due_at_ms[i] - CALM_MS, list->due_at_ms[i] + list->due_ms[i]))
            calm_ms[n++] = list->due_ms[i];
    return n;
}

static void print_status(const host_clock *clock, samples *list)
{
    float *calm_ms = take(NULL, list->n * sizeof *calm_ms);
    const size_t n_calm = pick_calm(clock, list, calm_ms);
    printf("\"%d\":{\"n\":%zu,\"retry_after\":%zu,\"n_calm\":%zu,", list->status, list->n, list->n_retry_after, n_calm);
    print_times("calm_from_due_ms", calm_ms, n_calm);
    printf(",");
    print_times("from_due_ms", list->due_ms, list->n);
    printf(",");
    print_times("from_sent_ms", list->sent_ms, list->n);
    printf("}");
    free(calm_ms);
}

static void print_results(generator *own, const host_clock *clock)
{
    printf("{\"due\":%zu,\"sent\":%zu,\"answered\":%zu,\"failed\":%zu,\"unanswered\":%zu,\"never_sent\":%zu,\"most_waiting\":%zu,"
           "\"seconds\":%.3f,\"host_slow_share\":%.4f,\"statuses\":{",
           own->n_due, own->n_sent, own->n_answered, own->n_failed, own->n_out, own->n_waiting, own->most_waiting,
           (own->end_ms - own->begin_ms) / 1e3, host_clock_slow_share(clock, own->begin_ms, own->end_ms));
    for (samples *list = own->by_status; list < own->by_status + MAX_STATUSES && list->n; list++) {
        printf("%s", list == own->by_status ? "" : ",");
        print_status(clock, list);
    }
    printf("}}\n");
}

int main(int argc, char **argv)
{
    static generator own = {.random = 0x9E3779B97F4A7C15u};
    host_clock clock;
    if (argc != 8) {
        fprintf(stderr, "usage: paced PORT PATH FIELD TEXTS RATE SECONDS CONNECTIONS\n");
        return 2;
    }
    own.address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};
    own.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    own.path = argv[2];
    own.field = argv[3];
    read_texts(&own, argv[4]);
    own.rate = atof(argv[5]);
    const size_t n_connections = strtoul(argv[7], NULL, 10);
    wick_thread_shorten_slices(); /* its own waits for a core are not to be taken for the server's */
    struct event_config *config = event_config_new();
    event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
    own.base = event_base_new_with_config(config);
    event_config_free(config);
    own.connections = calloc(n_connections, sizeof *own.connections);
    if (!own.base || !own.connections || !n_connections || own.rate <= 0)
        fail("start");
    for (size_t i = 0; i < n_connections; i++) {
        own.connections[i].generator = &own;
        open_connection(&own.connections[i]);
        own.connections[i].next_free = own.free;
        own.free = &own.connections[i];
    }
    own.timer = event_new(own.base, -1, 0, on_time, &own);
    if (!host_clock_start(&clock))
        fail("thread");
    /* connect() returns before the server accepts: what is measured begins when it has had the time to, in an idle moment. */
    usleep((useconds_t)(CALM_MS * 1000 + 100 * n_connections));
    own.begin_ms = own.next_due_ms = wick_now_ms();
    own.end_ms = own.begin_ms + atof(argv[6]) * 1e3;
    set_timer(&own, 0.01);
    event_base_dispatch(own.base);
    host_clock_stop(&clock);
    print_results(&own, &clock);
    host_clock_free(&clock);
    return 0;
}
