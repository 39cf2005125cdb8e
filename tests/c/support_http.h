/* SPDX-License-Identifier: Apache-2.0
 * support_http.h: a client of raw sockets for tests of the server. */
#ifndef SUPPORT_HTTP_H
#define SUPPORT_HTTP_H
#include <stddef.h>
#include <stdint.h>

/* A connection to 127.0.0.1; ends the program where it fails. */
int support_http_connect(uint16_t port);
/* Sends all of text, as far as the other side takes it. */
void support_http_send(int fd, const char *text);
/* Reads until the other side closes (at most 10 s), closes; malloc'ed, terminated. */
char *support_http_read_all(int fd);
/* Connects, sends n bytes while it reads, and reads to the end. */
char *support_http_talk(uint16_t port, const char *request, size_t n);
double support_http_now(void); /* milliseconds */

#endif
