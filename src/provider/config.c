/* SPDX-License-Identifier: Apache-2.0
 * config.c: config.toml -> wick_config (wick.h). In: a path, or the places where the file is searched. Out: every setting, checked,
 * with defaults filled in. The environment beats the file. Called by the command, the server and AkiDB. */
#include "base/arena.h"
#include "base/edit_distance.h"
#include "base/error.h"
#include "base/mapped.h"
#include "base/path.h"
#include "base/toml.h"
#include "provider/embedded.h"
#include "provider/fallback.h"
#include "provider/settings.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_PORT 8080

typedef struct config_box {
    wick_config config; /* first: what the caller holds */
    wick_arena strings;
} config_box;

typedef struct setting {
    const char *key;
    wick_toml_type type;
    const char *what;           /* in errors: "Unknown provider: x" */
    const char *const *choices; /* NULL: any text */
    size_t offset;              /* of the member of wick_config */
    const char *otherwise;      /* the default of a string */
    size_t max;                 /* of an integer */
    bool may_be_zero;           /* else it is at least 1 */
} setting;

static const char *const log_formats[] = {"logfmt", "json", NULL};
static const char *const log_levels[] = {"error", "warn", "info", "debug", "off", NULL};

#define MOST_MS 86400000 /* a day */
#define SERVER(key, type)                                                                                              \
    {                                                                                                                  \
        "server." #key, WICK_TOML_##type, #key, NULL, offsetof(wick_config, server.key)                                \
    }
#define SERVER_COUNT(key, max)                                                                                         \
    {                                                                                                                  \
        "server." #key, WICK_TOML_INTEGER, #key, NULL, offsetof(wick_config, server.key), NULL, max                    \
    }

static const setting settings[] = {
    {"embedding.provider", WICK_TOML_STRING, "provider", wick_provider_names, offsetof(wick_config, provider),
     WICK_DEFAULT_PROVIDER},
    {"embedding.model", WICK_TOML_STRING, "model", NULL, offsetof(wick_config, model), NULL},
    {"embedding.device", WICK_TOML_STRING, "device", wick_device_names, offsetof(wick_config, device), "auto"},
    {"embedding.dtype", WICK_TOML_STRING, "dtype", wick_dtype_names, offsetof(wick_config, dtype), NULL},
    {"embedding.cache_dir", WICK_TOML_STRING, "cache_dir", NULL, offsetof(wick_config, cache_dir), NULL},
    {"embedding.fallback", WICK_TOML_STRING, "provider", wick_provider_names, offsetof(wick_config, fallback), NULL},
    {"embedding.retries", WICK_TOML_INTEGER, "retries", NULL, offsetof(wick_config, retries), NULL, WICK_MAX_RETRIES,
     true},
    {"server.host", WICK_TOML_STRING, "host", NULL, offsetof(wick_config, host), "127.0.0.1"},
    {"server.port", WICK_TOML_INTEGER, "port", NULL, offsetof(wick_config, port), NULL, UINT16_MAX},
    SERVER(models, STRINGS),
    SERVER(served_model_names, STRINGS),
    SERVER(api_keys, STRINGS),
    SERVER(cors_origins, STRINGS),
    SERVER(allowed_hosts, STRINGS),
    SERVER(api_key_file, STRING),
    {"server.log_format", WICK_TOML_STRING, "log_format", log_formats, offsetof(wick_config, server.log_format)},
    {"server.log_level", WICK_TOML_STRING, "log_level", log_levels, offsetof(wick_config, server.log_level)},
    SERVER(allow_public, BOOL),
    SERVER(public_metrics, BOOL),
    SERVER(allow_load, BOOL),
    SERVER_COUNT(batch_tokens, 1 << 24),
    SERVER_COUNT(queue_tokens, 1 << 30),
    SERVER_COUNT(max_body_bytes, 1 << 30),
    SERVER_COUNT(max_texts, 1 << 20),
    SERVER_COUNT(max_connections, 1 << 20),
    SERVER_COUNT(max_models, 64),
    SERVER_COUNT(workers, 64),
    SERVER_COUNT(read_timeout_ms, MOST_MS),
    SERVER_COUNT(idle_timeout_ms, MOST_MS),
    SERVER_COUNT(request_timeout_ms, MOST_MS),
};
#define N_SETTINGS (sizeof settings / sizeof settings[0])

static const char *const sections[] = {"embedding", "server"};

static void *member(wick_config *config, const setting *one)
{
    return (char *)config + one->offset;
}

static const char **string_member(wick_config *config, const setting *one)
{
    return member(config, one);
}

static size_t distance(const char *a, const char *b)
{
    return wick_edit_distance(a, strlen(a), b, strlen(b), 0);
}

/* The last part of a dotted key. */
static const char *leaf(const char *key)
{
    const char *dot = strrchr(key, '.');
    return dot ? dot + 1 : key;
}

/* One of the two begins with the other: "cache" means cache_dir, "hostname" host. */
static bool is_beginning(const char *a, const char *b)
{
    const size_t n_a = strlen(a), n_b = strlen(b);
    return strncmp(a, b, n_a < n_b ? n_a : n_b) == 0;
}

/* Near enough for a slip: some letters, fewer than either name has. */
static bool is_slip(const char *a, const char *b)
{
    const size_t n_a = strlen(a), n_b = strlen(b), shorter = n_a < n_b ? n_a : n_b, d = distance(a, b);
    return d <= 1 + n_b / 4 && d < shorter;
}

/* Whether the setting may have been meant by key at all. */
static bool may_be_meant(const char *key, const char *known)
{
    enum { LEAST_BEGINNING = 3 }; /* fewer letters say nothing */
    const char *given = leaf(key), *own = leaf(known);
    const size_t n = strlen(known);
    return !strcmp(given, own) || is_slip(given, own) || (strncmp(key, known, n) == 0 && key[n] == '.') ||
           (strlen(given) >= LEAST_BEGINNING && is_beginning(given, own));
}

/* The key that was most likely meant: its own name counts first ("model" at the top level is embedding.model), then the whole. NULL: none is near. */
static const char *nearest_key(const char *key)
{
    size_t best = N_SETTINGS, best_score = SIZE_MAX;
    for (size_t i = 0; i < N_SETTINGS; i++) {
        const char *own = leaf(settings[i].key);
        if (!may_be_meant(key, settings[i].key))
            continue;
        const size_t own_score = !strcmp(leaf(key), own)        ? 0
                                 : is_beginning(leaf(key), own) ? 2
                                                                : 4 * distance(leaf(key), own);
        const size_t score = own_score + distance(key, settings[i].key);
        if (score < best_score) {
            best_score = score;
            best = i;
        }
    }
    return best < N_SETTINGS ? settings[best].key : NULL;
}

/* The section that was most likely meant by a key at the top level; NULL: none. */
static const char *nearest_section(const char *key)
{
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++)
        if (is_slip(key, sections[i]))
            return sections[i];
    return NULL;
}

/* place: "config.toml:3" */
static int unknown_key(const wick_toml_entry *entry, const char *place, wick_error *error)
{
    char mend[128] = "";
    const char *section = nearest_section(entry->key), *near = section ? NULL : nearest_key(entry->key);
    if (section || near)
        snprintf(mend, sizeof mend, section ? "did you mean [%s]? " : "did you mean %s? ", section ? section : near);
    const size_t n = strlen(mend);
    snprintf(mend + n, sizeof mend - n, "config.example.toml explains every key");
    return wick_fail(error, WICK_E_INVALID_INPUT, place, mend, "line %u: unknown key: %.200s", entry->line, entry->key);
}

static int take_string(const setting *one, const wick_toml_entry *entry, const char *place, config_box *box,
                       wick_error *error)
{
    if (entry->string[0] == '\0')
        return wick_fail(error, WICK_E_INVALID_INPUT, place, "give it a value, or leave the key out",
                         "line %u: %s is empty", entry->line, one->key);
    if (one->choices) {
        const int rc = wick_choice_check(one->what, entry->string, one->choices, place, error);
        if (rc != WICK_OK)
            return rc;
    }
    const char *kept = wick_arena_copy_text(&box->strings, entry->string, strlen(entry->string));
    if (!kept)
        return wick_fail_memory(error, "the configuration");
    *string_member(&box->config, one) = kept;
    return WICK_OK;
}

static int take_strings(const setting *one, const wick_toml_entry *entry, const char *place, config_box *box,
                        wick_error *error)
{
    const char **items = wick_arena_take(&box->strings, entry->n_strings, sizeof *items);
    if (!items)
        return wick_fail_memory(error, "the configuration");
    for (size_t i = 0; i < entry->n_strings; i++) {
        const char *item = entry->strings[i];
        if (item[0] == '\0')
            return wick_fail(error, WICK_E_INVALID_INPUT, place, "leave it out", "line %u: %s holds an empty string",
                             entry->line, one->key);
        items[i] = wick_arena_copy_text(&box->strings, item, strlen(item));
        if (!items[i])
            return wick_fail_memory(error, "the configuration");
    }
    *(wick_config_list *)member(&box->config, one) = (wick_config_list){items, entry->n_strings};
    return WICK_OK;
}

static int take_integer(const setting *one, const wick_toml_entry *entry, const char *place, config_box *box,
                        wick_error *error)
{
    const bool is_port = one->offset == offsetof(wick_config, port);
    const int least = one->may_be_zero ? 0 : 1;
    char mend[64];
    snprintf(mend, sizeof mend, is_port ? "a port is %d to %zu" : "%d to %zu", least, one->max);
    if (entry->integer < least || entry->integer > (int64_t)one->max)
        return wick_fail(error, WICK_E_INVALID_INPUT, place, mend, "line %u: %s is out of range: %lld", entry->line,
                         one->key, (long long)entry->integer);
    if (is_port)
        box->config.port = (uint16_t)entry->integer;
    else
        *(size_t *)member(&box->config, one) = (size_t)entry->integer;
    return WICK_OK;
}

static int take_entry(const wick_toml_entry *entry, const char *path, config_box *box, wick_error *error)
{
    char place[sizeof error->where];
    snprintf(place, sizeof place, "%s:%u", path, entry->line);
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++)
        if (strcmp(entry->key, sections[i]) == 0) {
            if (entry->type == WICK_TOML_TABLE)
                return WICK_OK; /* [embedding] with nothing in it */
            return wick_fail(error, WICK_E_INVALID_INPUT, place, "write it as a [section]",
                             "line %u: %s must be a table, not %s", entry->line, entry->key,
                             wick_toml_type_name(entry->type));
        }
    const setting *one = NULL;
    for (size_t i = 0; i < N_SETTINGS && !one; i++)
        if (strcmp(entry->key, settings[i].key) == 0)
            one = &settings[i];
    if (!one)
        return unknown_key(entry, place, error);
    if (entry->type != one->type)
        return wick_fail(error, WICK_E_INVALID_INPUT, place, "config.example.toml shows the form",
                         "line %u: %s must be %s, not %s", entry->line, one->key, wick_toml_type_name(one->type),
                         wick_toml_type_name(entry->type));
    if (one->type == WICK_TOML_STRING)
        return take_string(one, entry, place, box, error);
    if (one->type == WICK_TOML_STRINGS)
        return take_strings(one, entry, place, box, error);
    if (one->type == WICK_TOML_BOOL) {
        *(bool *)member(&box->config, one) = entry->boolean;
        return WICK_OK;
    }
    return take_integer(one, entry, place, box, error);
}

static int read_file(const char *path, config_box *box, wick_error *error)
{
    char *text = NULL;
    size_t n = 0;
    wick_toml *toml = NULL;
    int rc = wick_file_read(path, WICK_MAX_TOML_BYTES, &text, &n, error);
    if (rc == WICK_OK)
        rc = wick_toml_parse(text, n, path, &toml, error);
    for (size_t i = 0; rc == WICK_OK && i < wick_toml_count(toml); i++)
        rc = take_entry(wick_toml_at(toml, i), path, box, error);
    wick_toml_free(toml);
    free(text);
    if (rc == WICK_OK && !(box->config.path = wick_arena_copy_text(&box->strings, path, strlen(path))))
        rc = wick_fail_memory(error, "the configuration");
    return rc;
}

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value && value[0] ? value : NULL;
}

/* The first file that is there: *path is malloc'ed, or NULL where there is none. */
static int search(char **path, wick_error *error)
{
    *path = NULL;
    const char *base = environment("XDG_CONFIG_HOME"), *named = environment("WICK_CONFIG");
    if (named) {
        /* Named, so it must be there; reading it says so if not. */
        *path = wick_path_expand(named);
        return *path ? WICK_OK : wick_fail_memory(error, "the configuration's path");
    }
    if (access("config.toml", F_OK) == 0) {
        *path = strdup("config.toml");
        return *path ? WICK_OK : wick_fail_memory(error, "the configuration's path");
    }
    if (!base && !environment("HOME"))
        return WICK_OK;
    char *folder = wick_path_expand(base ? base : "~/.config");
    *path = folder ? wick_path_join(folder, "wick/config.toml") : NULL;
    free(folder);
    if (!*path)
        return wick_fail_memory(error, "the configuration's path");
    if (access(*path, F_OK) != 0) {
        free(*path);
        *path = NULL;
    }
    return WICK_OK;
}

/* What the environment says beats the file: the device, and the hub's own variables where the cache is concerned. */
static int apply_environment(config_box *box, wick_error *error)
{
    const char *device = NULL;
    int rc = wick_device_from_environment(&device, error);
    if (rc != WICK_OK)
        return rc;
    if (device && !(box->config.device = wick_arena_copy_text(&box->strings, device, strlen(device))))
        return wick_fail_memory(error, "the configuration");
    if (environment("HF_HUB_CACHE") || environment("HUGGINGFACE_HUB_CACHE") || environment("HF_HOME"))
        box->config.cache_dir = NULL;
    return WICK_OK;
}

static int check_fallback(const wick_config *config, wick_error *error)
{
    if (!config->fallback)
        return WICK_OK;
    if (wick_provider_is_same(config->provider, config->fallback))
        return wick_fail(error, WICK_E_INVALID_INPUT, config->path, "name another provider, or leave fallback out",
                         "embedding.fallback is the provider itself: %s", config->fallback);
    return wick_fallback_check(config->provider, config->fallback, config->path, error);
}

/* "~/models" -> "/home/me/models". key: whose value it is. */
static int expand_path(config_box *box, const char *key, const char **path, wick_error *error)
{
    if (!*path)
        return WICK_OK;
    if (!wick_path_can_expand(*path))
        return wick_fail(error, WICK_E_INVALID_INPUT, box->config.path, WICK_MEND_TILDE,
                         "%s: nobody's home is known: %s", key, *path);
    char *expanded = wick_path_expand(*path);
    *path = expanded ? wick_arena_copy_text(&box->strings, expanded, strlen(expanded)) : NULL;
    free(expanded);
    return *path ? WICK_OK : wick_fail_memory(error, "the configuration");
}

int wick_config_load(const char *path, wick_config **out, wick_error *error)
{
    if (!out)
        return wick_fail_null(error, "out");
    *out = NULL;
    config_box *box = calloc(1, sizeof *box);
    if (!box)
        return wick_fail_memory(error, "the configuration");
    for (size_t i = 0; i < N_SETTINGS; i++)
        if (settings[i].type == WICK_TOML_STRING)
            *string_member(&box->config, &settings[i]) = settings[i].otherwise;
    box->config.port = DEFAULT_PORT;
    box->config.retries = WICK_DEFAULT_RETRIES;
    box->config.model = wick_default_model();

    char *found = NULL;
    int rc = WICK_OK;
    if (!path) {
        rc = search(&found, error);
        path = found;
    }
    if (rc == WICK_OK && path)
        rc = read_file(path, box, error);
    free(found);
    if (rc == WICK_OK)
        rc = check_fallback(&box->config, error);
    if (rc == WICK_OK)
        rc = apply_environment(box, error);
    if (rc == WICK_OK)
        rc = expand_path(box, "embedding.cache_dir", &box->config.cache_dir, error);
    if (rc == WICK_OK)
        rc = expand_path(box, "server.api_key_file", &box->config.server.api_key_file, error);
    if (rc != WICK_OK) {
        wick_config_free(&box->config);
        return rc;
    }
    *out = &box->config;
    return WICK_OK;
}

void wick_config_free(wick_config *config)
{
    if (!config)
        return;
    config_box *box = (config_box *)config; /* the config is its first member */
    wick_arena_clear(&box->strings);
    free(box);
}
