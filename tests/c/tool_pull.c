/* SPDX-License-Identifier: Apache-2.0
 * tool_pull.c: pulls models for tests/hub: tool_pull [--refresh] [--stop-at BYTES] [--when-there COMMAND] NAME; the command is run by sh when all files are there and their names not yet. Prints JSON: what wick_model_pull gave, and what its progress told. Exit status 1 with the error on stderr. */
#include "provider/pull.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct told {
    size_t n_calls, n_waits, n_files, n_done;
    _Atomic uint64_t all_have_bytes; /* should_stop looks at it from other threads */
    uint64_t all_size_bytes, stop_at_bytes;
    bool went_back, went_over;
    const char *when_there;
} told;

static void on_progress(void *user, const wick_hub_progress *progress)
{
    told *t = user;
    t->n_calls++;
    t->n_waits += progress->waits;
    t->went_back |= progress->all_have_bytes < t->all_have_bytes || progress->n_done < t->n_done;
    t->went_over |= progress->all_have_bytes > progress->all_size_bytes ||
                    progress->have_bytes > progress->size_bytes || progress->n_done > progress->n_files;
    t->all_have_bytes = progress->all_have_bytes;
    t->all_size_bytes = progress->all_size_bytes;
    t->n_files = progress->n_files;
    t->n_done = progress->n_done;
    if (t->when_there && t->n_done == t->n_files) {
        const char *command = t->when_there;
        t->when_there = NULL;
        if (system(command) != 0)
            fprintf(stderr, "the command failed\n");
    }
}

static bool should_stop(void *user)
{
    const told *t = user;
    return t->stop_at_bytes > 0 && t->all_have_bytes >= t->stop_at_bytes;
}

int main(int argc, char **argv)
{
    told t = {0};
    wick_hub_pull_options options = {.progress = on_progress, .should_stop = should_stop, .user = &t};
    options.timing = &(wick_hub_timing){.first_pause_ms = 10, .stall_ms = 3000};
    wick_hub_pulled pulled;
    wick_error error = {0};
    const char *name = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--refresh") == 0)
            options.refresh = true;
        else if (strcmp(argv[i], "--stop-at") == 0 && i + 1 < argc)
            t.stop_at_bytes = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--when-there") == 0 && i + 1 < argc)
            t.when_there = argv[++i];
        else
            name = argv[i];
    }
    if (wick_model_pull(name, &options, &pulled, &error) != WICK_OK) {
        fprintf(stderr, "%d %s (%s); %s%s\n", error.code, error.message, error.where, error.mend,
                error.retriable ? " retriable" : "");
        wick_hub_pulled_clear(&pulled);
        return 1;
    }
    printf("{\"folder\": \"%s\", \"commit\": \"%s\", \"downloaded\": %" PRIu64
           ", \"from_cache\": %s, \"calls\": %zu, \"waits\": %zu, "
           "\"files\": %zu, \"done\": %zu, \"have\": %" PRIu64 ", \"size\": %" PRIu64
           ", \"went_back\": %s, \"went_over\": %s}\n",
           pulled.folder, pulled.commit, pulled.downloaded_bytes, pulled.from_cache ? "true" : "false", t.n_calls,
           t.n_waits, t.n_files, t.n_done, (uint64_t)t.all_have_bytes, t.all_size_bytes, t.went_back ? "true" : "false",
           t.went_over ? "true" : "false");
    wick_hub_pulled_clear(&pulled);
    return 0;
}
