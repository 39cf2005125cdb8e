/* SPDX-License-Identifier: Apache-2.0
 * support_http.c: a client of raw sockets for tests of the server (support_http.h). */
#include "support_http.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 10000

int support_http_connect(uint16_t port)
{
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        perror("connect");
        abort();
    }
    return fd;
}

/* Sends what the socket takes; false: the other side is gone. */
static int send_some(int fd, const char **from, size_t *n)
{
    const ssize_t sent = send(fd, *from, *n, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0)
        return errno == EAGAIN || errno == EINTR;
    *from += sent;
    *n -= (size_t)sent;
    return 1;
}

/* Reads until the end, sends request[0..n) meanwhile. */
static char *exchange(int fd, const char *request, size_t n)
{
    size_t n_read = 0, capacity = 65536;
    char *reply = malloc(capacity);
    for (;;) {
        struct pollfd poller = {.fd = fd, .events = (short)(POLLIN | (n ? POLLOUT : 0))};
        if (!reply || poll(&poller, 1, PATIENCE_MS) <= 0)
            break;
        if (n && (poller.revents & POLLOUT) && !send_some(fd, &request, &n))
            n = 0;
        if (!(poller.revents & (POLLIN | POLLHUP | POLLERR)))
            continue;
        if (n_read + 1 == capacity) {
            capacity *= 2;
            reply = realloc(reply, capacity);
            if (!reply)
                break;
        }
        const ssize_t got = recv(fd, reply + n_read, capacity - n_read - 1, 0);
        if (got <= 0)
            break;
        n_read += (size_t)got;
    }
    close(fd);
    if (!reply)
        abort();
    reply[n_read] = 0;
    return reply;
}

void support_http_send(int fd, const char *text)
{
    if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET) {
        perror("send");
        abort();
    }
}

char *support_http_read_all(int fd)
{
    return exchange(fd, NULL, 0);
}

char *support_http_talk(uint16_t port, const char *request, size_t n)
{
    return exchange(support_http_connect(port), request, n);
}

double support_http_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}
