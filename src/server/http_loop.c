/* SPDX-License-Identifier: Apache-2.0
 * http_loop.c: libevent's event loop: listening, accepting, tasks from other threads, timers, signals, stopping. In: wick_http_options. Out: one
 * connection (http_connection.c) for each client. Called by server.c. */
#include "server/http_internal.h"
#include "base/error.h"
#include "base/slices.h"
#include "provider/vectors.h"
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/filter.h>
#include <sys/eventfd.h>
#endif

/* After wick_http_stop new connections are taken for so long: clients that have not heard yet. */
#define STOP_LISTENING_MS 500
/* From then on the kernel lets nobody new knock; who has begun to gets so long to come in. */
#define SHUT_DOOR_MS 50
/* How many connections one event accepts before others have their turn. */
#define ACCEPT_AT_ONCE 64

/* While requests are refused, the loop looks for events so often. */
#define GATHER_MS 1.0

struct timer {
    struct timer *next;
    wick_http *http;
    struct event *event;
    void (*fn)(void *arg);
    void *arg;
};

struct signal_hook {
    struct signal_hook *next;
    struct event *event;
    void (*fn)(void *arg);
    void *arg;
};

double wick_http_now(void)
{
    return wick_now_ms();
}

/* ---- listening ---------------------------------------------------------------------------------------------------- */

static bool set_flags(int fd)
{
    return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

static int listen_at(const struct addrinfo *address)
{
    const int fd = socket(address->ai_family, SOCK_STREAM, 0);
    if (fd < 0)
        return -1;
    const int one = 1, zero = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (address->ai_family == AF_INET6) /* "::" means every interface, of both kinds */
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
    if (!set_flags(fd) || bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, 4096) != 0) {
        const int kept = errno;
        close(fd);
        errno = kept;
        return -1;
    }
    return fd;
}

static int bind_address(wick_http *http, wick_error *error)
{
    char port[8], where[300];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found = NULL;
    const char *host = http->options.host;
    snprintf(port, sizeof port, "%u", http->options.port);
    snprintf(where, sizeof where, strchr(host, ':') ? "[%.255s]:%s" : "%.255s:%s", host, port);
    const int rc = getaddrinfo(host, port, &hints, &found);
    if (rc != 0)
        return wick_fail(error, WICK_E_IO, where, "give an address of this machine: 127.0.0.1, ::1, 0.0.0.0",
                         "cannot listen: %s", gai_strerror(rc));
    /* A name may have addresses of both kinds (localhost): everybody who asks by name tries the older one too. */
    for (int older = 1; older >= 0 && http->listen_fd < 0; older--)
        for (const struct addrinfo *a = found; a && http->listen_fd < 0; a = a->ai_next)
            if ((a->ai_family == AF_INET) == older)
                http->listen_fd = listen_at(a);
    const int kept = errno;
    freeaddrinfo(found);
    errno = kept;
    if (http->listen_fd < 0) {
        const char *mend = errno == EADDRINUSE      ? "another process listens there: stop it, or choose another port"
                           : errno == EADDRNOTAVAIL ? "give an address of this machine: 127.0.0.1, ::1, 0.0.0.0"
                           : errno == EACCES        ? "ports below 1024 need privileges: choose a higher one"
                                                    : NULL;
        return wick_fail_errno(error, WICK_E_IO, where, mend, "cannot listen");
    }
    struct sockaddr_storage bound;
    socklen_t n = sizeof bound;
    char service[NI_MAXSERV] = "";
    if (getsockname(http->listen_fd, (struct sockaddr *)&bound, &n) != 0 ||
        getnameinfo((struct sockaddr *)&bound, n, NULL, 0, service, sizeof service, NI_NUMERICSERV) != 0)
        return wick_fail_errno(error, WICK_E_IO, where, NULL, "cannot ask for the port");
    http->port = (uint16_t)atoi(service);
    return WICK_OK;
}

/* Too many: a short answer, as far as the socket's buffer takes it, instead of silence. */
static void turn_away(int fd)
{
    static const char answer[] =
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    if (send(fd, answer, sizeof answer - 1, MSG_DONTWAIT | WICK_NO_SIGNAL) < 0)
        errno = 0; /* it does without */
    close(fd);
}

static void resume_listening(void *arg)
{
    wick_http *http = arg;
    if (http->is_listening)
        event_add(http->listen_event, NULL);
}

static void accept_some(wick_http *http, unsigned n_most)
{
    for (unsigned i = 0; i < n_most; i++) {
        struct sockaddr_storage from;
        socklen_t n = sizeof from;
        const int fd = accept(http->listen_fd, (struct sockaddr *)&from, &n);
        if (fd < 0) {
            /* Out of descriptors: the connection stays in the backlog; looking again at once would spin. */
            if ((errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) && http->is_listening) {
                event_del(http->listen_event);
                if (!wick_http_after(http, LISTEN_PAUSE_MS, resume_listening, http))
                    event_add(http->listen_event, NULL);
            }
            if (errno == ECONNABORTED || errno == EINTR)
                continue;
            return;
        }
        char peer[NI_MAXHOST] = "?";
        const int one = 1;
        getnameinfo((struct sockaddr *)&from, n, peer, sizeof peer, NULL, 0, NI_NUMERICHOST);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
#ifdef SO_NOSIGPIPE
        setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &one, sizeof one);
#endif
        if (atomic_load(&http->n_connections) >= http->options.max_connections || !set_flags(fd))
            turn_away(fd);
        else
            wick_connection_open(http, fd, peer);
    }
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
    wick_http *http = arg;
    accept_some(http, ACCEPT_AT_ONCE);
    wick_connections_reap(http);
}

/* ---- tasks -------------------------------------------------------------------------------------------------------- */

static void run_posted(wick_http *http)
{
    pthread_mutex_lock(&http->posted_lock);
    wick_http_task *task = http->posted;
    http->posted = NULL;
    http->posted_end = &http->posted;
    http->is_awake = false;
    pthread_mutex_unlock(&http->posted_lock);
    while (task) {
        wick_http_task *next = task->next; /* fn may free the task */
        task->fn(task->arg);
        task = next;
    }
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    wick_http *http = arg;
    char drained[64];
    if (read(http->wake_fds[0], drained, sizeof drained) < 0 && errno != EAGAIN && errno != EINTR)
        return;
    run_posted(http);
    wick_connections_reap(http);
}

void wick_http_post_task(wick_http *http, wick_http_task *task)
{
    task->next = NULL;
    pthread_mutex_lock(&http->posted_lock);
    *http->posted_end = task;
    http->posted_end = &task->next;
    const bool must_wake = !http->is_awake;
    http->is_awake = true;
    pthread_mutex_unlock(&http->posted_lock);
    const uint64_t one = 1;
    while (must_wake && write(http->wake_fds[1], &one, sizeof one) < 0 && errno == EINTR)
        ;
}

typedef struct heap_task {
    wick_http_task task; /* first: freed as such */
    void (*fn)(void *arg);
    void *arg;
} heap_task;

static void run_heap_task(void *arg)
{
    heap_task own = *(heap_task *)arg;
    free(arg);
    own.fn(own.arg);
}

bool wick_http_post(wick_http *http, void (*fn)(void *arg), void *arg)
{
    heap_task *own = malloc(sizeof *own);
    if (!own)
        return false;
    *own = (heap_task){.task = {.fn = run_heap_task, .arg = own}, .fn = fn, .arg = arg};
    wick_http_post_task(http, &own->task);
    return true;
}

/* ---- timers and signals ------------------------------------------------------------------------------------------- */

static void timer_free(struct timer *timer)
{
    for (struct timer **at = &timer->http->timers; *at; at = &(*at)->next)
        if (*at == timer) {
            *at = timer->next;
            break;
        }
    event_free(timer->event);
    free(timer);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct timer *timer = arg, own = *timer;
    timer_free(timer);
    own.fn(own.arg);
    wick_connections_reap(own.http);
}

bool wick_http_after(wick_http *http, unsigned ms, void (*fn)(void *arg), void *arg)
{
    struct timer *timer = malloc(sizeof *timer);
    if (!timer)
        return false;
    *timer = (struct timer){.next = http->timers, .http = http, .fn = fn, .arg = arg};
    const struct timeval when = {ms / 1000, (ms % 1000) * 1000};
    timer->event = event_new(http->base, -1, 0, on_timer, timer);
    if (!timer->event || event_add(timer->event, &when) != 0) {
        if (timer->event)
            event_free(timer->event);
        free(timer);
        return false;
    }
    http->timers = timer;
    return true;
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
    struct signal_hook *hook = arg;
    hook->fn(hook->arg);
}

bool wick_http_on_signal(wick_http *http, int signal_number, void (*fn)(void *arg), void *arg)
{
    struct signal_hook *hook = malloc(sizeof *hook);
    if (!hook)
        return false;
    *hook = (struct signal_hook){.next = http->signals, .fn = fn, .arg = arg};
    hook->event = evsignal_new(http->base, signal_number, on_signal, hook);
    if (!hook->event || event_add(hook->event, NULL) != 0) {
        if (hook->event)
            event_free(hook->event);
        free(hook);
        return false;
    }
    http->signals = hook;
    return true;
}

/* ---- running and stopping ----------------------------------------------------------------------------------------- */

/* A socket that is closed resets the connections which the kernel has made since the last accept, and their requests with them. Linux can be told to pass
 * over the first packet of new ones, as if it were lost on the way (the sender repeats it after a second, and is refused by then), while the
 * listening socket is emptied. False: no such thing here. */
static bool shut_door(const wick_http *http)
{
#ifdef SO_ATTACH_FILTER
    enum { FLAGS_AT = 13, SYN = 0x02 }; /* of the TCP header, which the filter's bytes begin with */
    struct sock_filter no_syn[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, FLAGS_AT),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, SYN, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    const struct sock_fprog program = {sizeof no_syn / sizeof no_syn[0], no_syn};
    return setsockopt(http->listen_fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
#else
    return false;
#endif
}

static void stop_listening(wick_http *http, double now)
{
    if (!http->is_listening)
        return;
    if (http->shut_ms == 0) {
        http->shut_ms = now;
        if (shut_door(http))
            return;
    } else if (now - http->shut_ms < SHUT_DOOR_MS) {
        return;
    }
    accept_some(http, UINT32_MAX); /* who stands in the backlog has been accepted by the kernel: answer them */
    http->is_listening = false;
    event_del(http->listen_event);
    close(http->listen_fd);
    http->listen_fd = -1;
}

/* Ends the loop once nobody waits for an answer, or the time is up. */
static void drain(wick_http *http, double now)
{
    const bool is_alone = http->n_busy == 0 && !http->connections;
    const double since = now - http->stop_ms;
    if (is_alone || http->shut_ms > 0 || since >= STOP_LISTENING_MS)
        stop_listening(http, now); /* may bring new ones */
    bool is_waiting = http->n_busy > 0 || http->is_listening;
    for (const wick_exchange *c = http->connections; c && !is_waiting; c = c->next)
        is_waiting = c->state != IDLE;
    if (is_waiting)
        http->was_quiet = false;
    else if (!http->was_quiet)
        http->was_quiet = true; /* what came while we looked is read before the next tick */
    else
        event_base_loopbreak(http->base);
    if (since >= http->drain_ms)
        event_base_loopbreak(http->base);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    wick_http *http = arg;
    const double now = wick_http_now();
    wick_connections_tick(http, now);
    wick_connections_reap(http);
    if (http->is_stopping)
        drain(http, now);
}

void wick_http_stop(wick_http *http)
{
    if (http->is_stopping)
        return;
    http->is_stopping = true;
    http->stop_ms = wick_http_now();
    const struct timeval soon = {0, 10000};
    event_add(http->tick_event, &soon); /* from now on it ticks fast */
}

/* Where requests are refused the engine has work for seconds, and each that comes would take its core away by itself, thousands of times a second: so they gather for a moment. */
static void gather(const wick_http *http, double round_ms)
{
    const double now = wick_http_now(), left_ms = round_ms + GATHER_MS - now;
    if (now >= http->refusing_until_ms || left_ms <= 0)
        return;
    const struct timespec pause = {0, (long)(left_ms * 1e6)};
    nanosleep(&pause, NULL);
}

int wick_http_run(wick_http *http, unsigned drain_ms)
{
    http->drain_ms = drain_ms;
    http->loop_thread = pthread_self();
    wick_thread_shorten_slices(); /* under load the engine's threads have the cores: a 429 or a reply must not wait for their slices to end */
    do {
        const double round_ms = wick_http_now();
        if (event_base_loop(http->base, EVLOOP_ONCE) != 0)
            break;
        gather(http, round_ms);
    } while (!event_base_got_break(http->base));
    return http->n_busy ? 1 : 0;
}

/* ---- opening and closing ------------------------------------------------------------------------------------------ */

static bool make_wake_fds(wick_http *http)
{
#ifdef __linux__
    http->wake_fds[0] = http->wake_fds[1] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return http->wake_fds[0] >= 0;
#else
    return pipe(http->wake_fds) == 0 && set_flags(http->wake_fds[0]) && set_flags(http->wake_fds[1]);
#endif
}

static bool make_events(wick_http *http)
{
    const unsigned shortest = http->options.read_timeout_ms < http->options.idle_timeout_ms
                                  ? http->options.read_timeout_ms
                                  : http->options.idle_timeout_ms;
    const unsigned tick_ms = shortest / 8 > 250 ? 250 : shortest / 8 < 10 ? 10 : shortest / 8;
    const struct timeval tick = {0, tick_ms * 1000};
    http->base = event_base_new();
    if (!http->base || !make_wake_fds(http))
        return false;
    http->listen_event = event_new(http->base, http->listen_fd, EV_READ | EV_PERSIST, on_acceptable, http);
    http->wake_event = event_new(http->base, http->wake_fds[0], EV_READ | EV_PERSIST, on_wake, http);
    http->tick_event = event_new(http->base, -1, EV_PERSIST, on_tick, http);
    return http->listen_event && http->wake_event && http->tick_event && event_add(http->listen_event, NULL) == 0 &&
           event_add(http->wake_event, NULL) == 0 && event_add(http->tick_event, &tick) == 0;
}

int wick_http_open(const wick_http_options *options, wick_http **out, wick_error *error)
{
    *out = NULL;
    wick_http *http = calloc(1, sizeof *http);
    if (!http)
        return wick_fail_memory(error, "the HTTP server");
    http->options = *options;
    if (http->options.max_head_bytes > WICK_HTTP_MAX_HEAD_BYTES)
        http->options.max_head_bytes = WICK_HTTP_MAX_HEAD_BYTES;
    http->listen_fd = http->wake_fds[0] = http->wake_fds[1] = -1;
    http->posted_end = &http->posted;
    http->is_listening = true;
    pthread_mutex_init(&http->posted_lock, NULL);
    int rc = bind_address(http, error);
    if (rc == WICK_OK && !make_events(http))
        rc = wick_fail_errno(error, WICK_E_IO, "the event loop", NULL, "cannot start");
    if (rc != WICK_OK) {
        wick_http_close(http);
        return rc;
    }
    *out = http;
    return WICK_OK;
}

static void free_event(struct event *event)
{
    if (event)
        event_free(event);
}

void wick_http_close(wick_http *http)
{
    if (!http)
        return;
    while (http->posted)
        run_posted(http);
    for (wick_exchange *c = http->connections, *next; c; c = next) {
        next = c->next;
        wick_connection_free(c);
    }
    http->connections = NULL;
    wick_connections_reap(http);
    for (struct timer *timer = http->timers, *next; timer; timer = next) {
        next = timer->next;
        event_free(timer->event);
        free(timer);
    }
    for (struct signal_hook *hook = http->signals, *next; hook; hook = next) {
        next = hook->next;
        event_free(hook->event);
        free(hook);
    }
    free_event(http->listen_event);
    free_event(http->wake_event);
    free_event(http->tick_event);
    if (http->listen_fd >= 0)
        close(http->listen_fd);
    if (http->wake_fds[0] >= 0)
        close(http->wake_fds[0]);
    if (http->wake_fds[1] >= 0 && http->wake_fds[1] != http->wake_fds[0])
        close(http->wake_fds[1]);
    if (http->base)
        event_base_free(http->base);
    pthread_mutex_destroy(&http->posted_lock);
    free(http);
}

uint16_t wick_http_port(const wick_http *http)
{
    return http->port;
}

size_t wick_http_n_connections(const wick_http *http)
{
    return atomic_load_explicit(&http->n_connections, memory_order_relaxed);
}
