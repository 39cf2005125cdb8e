/* SPDX-License-Identifier: Apache-2.0
 * tool_fetch.c: drives src/hub/fetch.h for tests/hub/test_fetch.py: one client, calls one after another, each a line of JSON on stdout.
 *
 *     tool_fetch [tries=N] [connect=MS] [stall=MS] [pause=MS] [stop=MS] CALL...
 *     CALL: get PATH MAX FILE | head PATH | download PATH FILE SIZE (what is in FILE counts as had) | sleep MS
 * stop: should_stop says yes so long after the start. */
#include "hub/fetch.h"
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static uint64_t begun_ms, stop_ms, told_bytes;

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool should_stop(void *user)
{
    return stop_ms > 0 && now_ms() - begun_ms >= stop_ms;
}

static void on_progress(void *user, uint64_t have_bytes)
{
    told_bytes = have_bytes;
}

static void put_text(json_t *line, const char *key, const char *text)
{
    json_object_set_new(line, key, json_string(text));
}

/* The peak of resident memory in KB; 0 where /proc does not say. getrusage would count what this process was forked from. */
static long peak_kb(void)
{
    char line[256];
    long kb = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        sscanf(line, "VmHWM: %ld", &kb);
    if (file)
        fclose(file);
    return kb;
}

static void tell(int rc, const wick_hub_reply *reply, const wick_error *error, uint64_t since_ms)
{
    json_t *line = json_object();
    json_object_set_new(line, "rc", json_integer(rc));
    json_object_set_new(line, "ms", json_integer((json_int_t)(now_ms() - since_ms)));
    json_object_set_new(line, "told", json_integer((json_int_t)told_bytes));
    json_object_set_new(line, "peak_kb", json_integer(peak_kb()));
    if (rc != WICK_OK) {
        put_text(line, "message", error->message);
        put_text(line, "where", error->where);
        put_text(line, "mend", error->mend);
        json_object_set_new(line, "retriable", json_boolean(error->retriable));
    }
    if (reply) {
        json_object_set_new(line, "status", json_integer(reply->status));
        put_text(line, "commit", reply->commit);
        put_text(line, "etag", reply->etag);
        put_text(line, "error_code", reply->error_code);
        put_text(line, "next", reply->next);
        json_object_set_new(
            line, "size", reply->size_bytes == UINT64_MAX ? json_null() : json_integer((json_int_t)reply->size_bytes));
    }
    json_dumpf(line, stdout, 0);
    puts("");
    fflush(stdout);
    json_decref(line);
}

static void get(wick_hub_client *client, char **words)
{
    const uint64_t since_ms = now_ms();
    char *text = NULL;
    size_t n = 0;
    wick_hub_reply reply = {0};
    wick_error error = {0};
    const int rc = wick_hub_get(client, words[0], strtoull(words[1], NULL, 10), &text, &n, &reply, &error);
    FILE *file = rc == WICK_OK ? fopen(words[2], "wb") : NULL;
    if (file) {
        fwrite(text, 1, n, file);
        fclose(file);
    }
    free(text);
    tell(rc, &reply, &error, since_ms);
}

static void head(wick_hub_client *client, char **words)
{
    const uint64_t since_ms = now_ms();
    wick_hub_reply reply = {0};
    wick_error error = {0};
    const int rc = wick_hub_head(client, words[0], &reply, &error);
    tell(rc, &reply, &error, since_ms);
}

static void download(wick_hub_client *client, char **words)
{
    const uint64_t since_ms = now_ms();
    const int fd = open(words[1], O_RDWR | O_CREAT, 0644);
    struct stat status;
    wick_error error = {0};
    if (fd < 0 || fstat(fd, &status) != 0) {
        perror(words[1]);
        exit(2);
    }
    const int rc = wick_hub_download(client, words[0], fd, (uint64_t)status.st_size, strtoull(words[2], NULL, 10),
                                     on_progress, NULL, &error);
    close(fd);
    tell(rc, NULL, &error, since_ms);
}

static bool take_setting(const char *word, const char *name, unsigned *out)
{
    const size_t n = strlen(name);
    if (strncmp(word, name, n) != 0 || word[n] != '=')
        return false;
    *out = (unsigned)strtoul(word + n + 1, NULL, 10);
    return true;
}

int main(int argc, char **argv)
{
    wick_hub_endpoint endpoint;
    wick_hub_timing timing = {0};
    wick_hub_client *client = NULL;
    wick_error error = {0};
    unsigned stop = 0;
    int i = 1, rc;
    while (i < argc &&
           (take_setting(argv[i], "tries", &timing.n_tries) || take_setting(argv[i], "connect", &timing.connect_ms) ||
            take_setting(argv[i], "stall", &timing.stall_ms) ||
            take_setting(argv[i], "pause", &timing.first_pause_ms) || take_setting(argv[i], "stop", &stop)))
        i++;
    begun_ms = now_ms();
    stop_ms = stop;
    rc = wick_hub_endpoint_read(&endpoint, &error);
    if (rc == WICK_OK)
        rc = wick_hub_client_open(&endpoint, &timing, should_stop, NULL, &client, &error);
    if (rc != WICK_OK)
        tell(rc, NULL, &error, begun_ms);
    while (rc == WICK_OK && i < argc) {
        if (strcmp(argv[i], "get") == 0 && i + 3 < argc) {
            get(client, argv + i + 1);
            i += 4;
        } else if (strcmp(argv[i], "head") == 0 && i + 1 < argc) {
            head(client, argv + i + 1);
            i += 2;
        } else if (strcmp(argv[i], "download") == 0 && i + 3 < argc) {
            download(client, argv + i + 1);
            i += 4;
        } else if (strcmp(argv[i], "sleep") == 0 && i + 1 < argc) {
            usleep((useconds_t)strtoul(argv[i + 1], NULL, 10) * 1000);
            i += 2;
        } else {
            fprintf(stderr, "tool_fetch: what is %s?\n", argv[i]);
            return 2;
        }
    }
    wick_hub_client_close(client);
    wick_hub_endpoint_clear(&endpoint);
    return 0;
}
