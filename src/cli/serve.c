/* SPDX-License-Identifier: Apache-2.0
 * serve.c: `wick serve`: flags, environment and config file -> the server's options; loads the models and serves until a signal. Called by main.c; the work
 * is src/server's. */
#include "base/error.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/engine_options.h"
#include "server/server.h"
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct serve_values {
    wick_settings settings; /* its model: the first of models */
    wick_option_list models, served_names, cors_origins, allowed_hosts;
    const char *host, *port_file, *api_key_file, *log_format, *log_level;
    bool allow_public, public_metrics, allow_load;
    size_t port, batch_tokens, queue_tokens, max_body, max_texts, max_connections, max_models, workers;
    size_t read_timeout, idle_timeout, request_timeout;
} serve_values;

#define PORT_NOT_GIVEN ((size_t)1 << 16)
#define AT(member) offsetof(serve_values, member)
#define MOST_MS 86400000u

/* clang-format off */
static const wick_option options[] = {
    {NULL, WICK_OPTION_FLAG, NULL, 0, "Where it listens"},
    {"host", WICK_OPTION_TEXT, "ADDRESS", AT(host), "address or name (default: 127.0.0.1); others than\nthis machine reach it only with keys or --allow-public"},
    {"port", WICK_OPTION_COUNT, "N", AT(port), "port (default: 8080); 0: any free one", NULL, 65535},
    {"port-file", WICK_OPTION_TEXT, "FILE", AT(port_file), "write the port into FILE once the server is ready"},
    {NULL, WICK_OPTION_FLAG, NULL, 0, "Models"},
    {"model", WICK_OPTION_LIST, "M", AT(models), "hub name, or folder of Hugging Face files; may stand\nmany times (default: sentence-transformers/all-MiniLM-L6-v2)"},
    {"served-model-name", WICK_OPTION_LIST, "NAME", AT(served_names), "another name of the model; may stand many times.\nWith several models: NAME=M"},
    {"allow-load", WICK_OPTION_FLAG, NULL, AT(allow_load), "let requests load and unload models"},
    {"max-models", WICK_OPTION_COUNT, "N", AT(max_models), "loaded at once (default: 8)", NULL, 64, 1},
    WICK_OPTIONS_CONFIG(AT(settings)),
    WICK_OPTIONS_ENGINE(AT(settings)),
    {NULL, WICK_OPTION_FLAG, NULL, 0, "Who may ask"},
    {"api-key-file", WICK_OPTION_TEXT, "FILE", AT(api_key_file), "one key a line; $WICK_API_KEYS adds more, between\nblanks or commas. Read again on SIGHUP"},
    {"allow-public", WICK_OPTION_FLAG, NULL, AT(allow_public), "listen where others reach it without a key"},
    {"public-metrics", WICK_OPTION_FLAG, NULL, AT(public_metrics), "GET /metrics needs no key"},
    {"cors-origin", WICK_OPTION_LIST, "ORIGIN", AT(cors_origins), "let pages of https://app.example ask, or of all: '*';\nmay stand many times"},
    {"allowed-host", WICK_OPTION_LIST, "NAME", AT(allowed_hosts), "a name of this server in Host headers, beside the\nbound one; may stand many times"},
    {NULL, WICK_OPTION_FLAG, NULL, 0, "Limits"},
    {"batch-tokens", WICK_OPTION_COUNT, "N", AT(batch_tokens), "tokens embedded at once (default: 1024)", NULL, 1u << 24, 1},
    {"queue-tokens", WICK_OPTION_COUNT, "N", AT(queue_tokens), "tokens that may wait; beyond: 429 (default: 131072)", NULL, 1u << 30, 1},
    {"max-body", WICK_OPTION_COUNT, "BYTES", AT(max_body), "of a request (default: 8388608)", NULL, 1u << 30, 1},
    {"max-texts", WICK_OPTION_COUNT, "N", AT(max_texts), "of a request (default: 2048)", NULL, 1u << 20, 1},
    {"max-connections", WICK_OPTION_COUNT, "N", AT(max_connections), "at once; beyond: 503 (default: 16384)", NULL, 1u << 20, 1},
    {"workers", WICK_OPTION_COUNT, "N", AT(workers), "threads for large bodies and replies (default: 2)", NULL, 64, 1},
    {"read-timeout", WICK_OPTION_COUNT, "MS", AT(read_timeout), "for all bytes of a request (default: 30000)", NULL, MOST_MS, 1},
    {"idle-timeout", WICK_OPTION_COUNT, "MS", AT(idle_timeout), "of a connection without a request (default: 120000)", NULL, MOST_MS, 1},
    {"request-timeout", WICK_OPTION_COUNT, "MS", AT(request_timeout), "until a request is answered with 503 (default: 30000)", NULL, MOST_MS, 1},
    {NULL, WICK_OPTION_FLAG, NULL, 0, "Log"},
    {"log-format", WICK_OPTION_CHOICE, "F", AT(log_format), "logfmt (default) or json, on stderr", "logfmt|json"},
    {"log-level", WICK_OPTION_CHOICE, "L", AT(log_level), "error, warn, info (default), debug or off", "error|warn|info|debug|off"},
};
/* clang-format on */

/* ---- settings: flags before the config file before the server's defaults ---- */

static void take_count(size_t *to, size_t flag, size_t config)
{
    *to = flag ? flag : config ? config : *to;
}

static void take_ms(unsigned *to, size_t flag, size_t config)
{
    *to = flag ? (unsigned)flag : config ? (unsigned)config : *to;
}

static void take_text(const char **to, const char *flag, const char *config)
{
    *to = flag ? flag : config ? config : *to;
}

static void take_list(const char *const **to, size_t *n, const wick_option_list *flag, wick_config_list config)
{
    *to = flag->n ? flag->items : config.items;
    *n = flag->n ? flag->n : config.n;
}

/* All keys that the environment and the config file name, between blanks; malloc'ed. NULL: out of memory. */
static char *join_keys(wick_config_list keys)
{
    const char *environment = getenv("WICK_API_KEYS");
    size_t n = environment ? strlen(environment) + 2 : 1;
    for (size_t i = 0; i < keys.n; i++)
        n += strlen(keys.items[i]) + 1;
    char *joined = malloc(n);
    if (!joined)
        return NULL;
    char *end = stpcpy(joined, environment ? environment : "");
    for (size_t i = 0; i < keys.n; i++) {
        *end++ = ' ';
        end = stpcpy(end, keys.items[i]);
    }
    return joined;
}

/* Asked at the start and on SIGHUP: the flag stands; else the environment, which wick_log reads itself; else the config file as it is now. */
static const char *log_level(void *user)
{
    static char level[8];
    const serve_values *values = user;
    wick_config *config = NULL;
    wick_error error = {0};
    if (values->log_level)
        return values->log_level;
    const char *own_level = getenv("WICK_LOG"), *rust_level = getenv("RUST_LOG");
    if ((own_level && *own_level) || (rust_level && *rust_level))
        return NULL;
    if (wick_config_load(values->settings.config_path, &config, &error) != WICK_OK) {
        wick_log(WICK_LOG_ERROR, "the log level stays as it was: %s (%s)", error.message, error.where);
        return NULL;
    }
    snprintf(level, sizeof level, "%s", config->server.log_level ? config->server.log_level : "info");
    wick_config_free(config);
    return level;
}

static void fill_limits(const serve_values *values, const wick_server_config *config, wick_server_options *to)
{
    take_count(&to->models.lane.batch_tokens, values->batch_tokens, config->batch_tokens);
    take_count(&to->models.lane.queue_tokens, values->queue_tokens, config->queue_tokens);
    take_count(&to->models.max_models, values->max_models, config->max_models);
    take_count(&to->max_body_bytes, values->max_body, config->max_body_bytes);
    take_count(&to->max_texts, values->max_texts, config->max_texts);
    take_count(&to->max_connections, values->max_connections, config->max_connections);
    take_ms(&to->n_workers, values->workers, config->workers);
    take_ms(&to->read_timeout_ms, values->read_timeout, config->read_timeout_ms);
    take_ms(&to->idle_timeout_ms, values->idle_timeout, config->idle_timeout_ms);
    take_ms(&to->request_timeout_ms, values->request_timeout, config->request_timeout_ms);
}

/* keys: from join_keys, kept by the caller. */
static void fill_options(serve_values *values, const char *keys, wick_server_options *to)
{
    const wick_settings *settings = &values->settings;
    const wick_config *config = settings->config;
    const wick_server_config *server = &config->server;
    wick_server_options_init(to);
    take_text(&to->host, values->host, config->host);
    to->port = values->port == PORT_NOT_GIVEN ? config->port : (uint16_t)values->port;
    take_text(&to->api_key_file, values->api_key_file, server->api_key_file);
    take_text(&to->log_format, values->log_format, server->log_format);
    to->api_keys = keys;
    to->allow_public = values->allow_public || server->allow_public;
    to->public_metrics = values->public_metrics || server->public_metrics;
    to->models.allow_load = values->allow_load || server->allow_load;
    take_list(&to->cors_origins, &to->n_cors_origins, &values->cors_origins, server->cors_origins);
    take_list(&to->allowed_hosts, &to->n_allowed_hosts, &values->allowed_hosts, server->allowed_hosts);
    to->log_level = log_level;
    to->log_level_user = values;
    fill_limits(values, server, to);
    wick_settings_fill(settings, &to->models.provider);
    /* A failure is tried again in one place: by the provider, where another may stand in for it, else by the lane. */
    const unsigned n_retries = to->models.provider.n_retries;
    to->models.lane.n_retries = to->models.provider.fallback ? 0 : n_retries;
    to->models.provider.n_retries = to->models.provider.fallback ? n_retries : 0;
}

/* ---- models ---- */

/* Flags name all models; else [embedding] model and what [server] models adds. */
static size_t count_models(const serve_values *values)
{
    return values->models.n ? values->models.n : 1 + values->settings.config->server.models.n;
}

static const char *model_at(const serve_values *values, size_t i)
{
    const wick_config *config = values->settings.config;
    return values->models.n ? values->models.items[i] : i ? config->server.models.items[i - 1] : config->model;
}

/* "NAME=M" -> is M this model? */
static bool names_model(const char *name, const char *model)
{
    const char *equals = strchr(name, '=');
    return equals && !strcmp(equals + 1, model);
}

/* Every name must be some model's, so that a slip is an error and not a name that nobody answers to. Where flags name other models than the config file, its names of its own models rest. */
static int check_names(const serve_values *values, wick_error *error)
{
    const char *const *names;
    size_t n_names;
    take_list(&names, &n_names, &values->served_names, values->settings.config->server.served_model_names);
    const size_t n_models = count_models(values);
    const bool may_rest = values->models.n && !values->served_names.n;
    for (size_t i = 0; i < n_names; i++) {
        size_t model = 0;
        if (!strchr(names[i], '=')) {
            if (n_models > 1)
                return wick_fail(error, WICK_E_INVALID_INPUT, names[i], "write --served-model-name NAME=MODEL",
                                 "with several models a name must say whose it is");
            continue;
        }
        while (model < n_models && !names_model(names[i], model_at(values, model)))
            model++;
        if (model == n_models && !may_rest)
            return wick_fail(error, WICK_E_INVALID_INPUT, names[i],
                             "write NAME=MODEL with MODEL as --model or config.toml has it",
                             "the name is for a model that is not served");
    }
    return WICK_OK;
}

/* One model under the names that were given it. */
static int load_model(wick_server *server, const char *model, bool is_only, const char *const *names, size_t n_names,
                      wick_error *error)
{
    const char *own[WICK_OPTION_LIST_MAX];
    char copies[WICK_OPTION_LIST_MAX][256];
    size_t n = 0;
    for (size_t i = 0; i < n_names && n < WICK_OPTION_LIST_MAX; i++) {
        if (!names_model(names[i], model) && !(is_only && !strchr(names[i], '=')))
            continue;
        snprintf(copies[n], sizeof copies[n], "%.*s", (int)strcspn(names[i], "="), names[i]);
        own[n] = copies[n];
        n++;
    }
    return wick_models_load(wick_server_models(server), model, own, n, error);
}

static int load_models(wick_server *server, const serve_values *values, wick_error *error)
{
    const char *const *names;
    size_t n_names;
    take_list(&names, &n_names, &values->served_names, values->settings.config->server.served_model_names);
    const size_t n = count_models(values);
    int rc = WICK_OK;
    for (size_t i = 0; rc == WICK_OK && i < n; i++)
        rc = load_model(server, model_at(values, i), n == 1, names, n_names, error);
    return rc;
}

/* ---- the command ---- */

static int write_port(const char *path, unsigned port, wick_error *error)
{
    if (!path)
        return WICK_OK;
    FILE *file = fopen(path, "w");
    const bool is_written = file && fprintf(file, "%u\n", port) > 0;
    if ((file && fclose(file) != 0) || !is_written)
        return wick_fail_errno(error, WICK_E_IO, path, "--port-file names a file that can be written",
                               "cannot write the port");
    return WICK_OK;
}

/* Models are loaded beside the running loop, so that /health/live answers while a large one comes. */
typedef struct loader {
    wick_server *server;
    const serve_values *values;
    pthread_t thread;
    int status; /* of the load; valid once is_over */
    wick_error error;
    atomic_bool is_over;
} loader;

static void *load(void *arg)
{
    loader *own = arg;
    own->status = load_models(own->server, own->values, &own->error);
    wick_server_set_loading(own->server, false);
    if (own->status == WICK_OK)
        own->status = write_port(own->values->port_file, wick_server_port(own->server), &own->error);
    if (own->status == WICK_OK)
        wick_log(WICK_LOG_INFO, "ready");
    else
        wick_server_stop(own->server);
    atomic_store(&own->is_over, true);
    return NULL;
}

/* Signals belong to the loop's thread, whatever the loader starts. */
static int start_loading(loader *own, wick_error *error)
{
    sigset_t all, was;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &was);
    wick_server_set_loading(own->server, true);
    const int rc = pthread_create(&own->thread, NULL, load, own);
    pthread_sigmask(SIG_SETMASK, &was, NULL);
    return rc == 0 ? WICK_OK : wick_fail(error, WICK_E_INTERNAL, NULL, NULL, "cannot start a thread");
}

/* *is_stuck: threads still hold the server. */
static int serve(serve_values *values, const char *keys, wick_server **server, bool *is_stuck, wick_error *error)
{
    static loader loading; /* a load that is cut short outlives this call */
    wick_server_options server_options;
    fill_options(values, keys, &server_options);
    int rc = check_names(values, error);
    if (rc == WICK_OK)
        rc = wick_server_open(&server_options, server, error);
    loading.server = *server;
    loading.values = values;
    if (rc == WICK_OK)
        rc = start_loading(&loading, error);
    if (rc != WICK_OK)
        return rc;
    wick_log(WICK_LOG_INFO,
             strchr(server_options.host, ':') ? "listening on http://[%s]:%u" : "listening on http://%s:%u",
             server_options.host, wick_server_port(*server));
    const bool is_clean = wick_server_run(*server) == 0;
    if (!atomic_load(&loading.is_over)) /* a signal came while a model was being loaded, which cannot be hurried */
        _exit(is_clean ? WICK_EXIT_DONE : WICK_EXIT_FAILED);
    pthread_join(loading.thread, NULL);
    *is_stuck = !is_clean;
    if (loading.status != WICK_OK)
        *error = loading.error;
    return loading.status;
}

static int run(const wick_command *command, int argc, char **argv)
{
    serve_values values = {.port = PORT_NOT_GIVEN};
    wick_server *server = NULL;
    wick_error error = {0};
    size_t n_arguments;
    int exit_code;
    bool is_stuck = false;
    if (!wick_command_begin(command, argc, argv, &values, &n_arguments, &exit_code))
        return exit_code;
    if (n_arguments)
        return wick_usage_fail(command, "--model M names a model", "serve takes no text");
    int status = wick_settings_load(&values.settings, &error);
    char *keys = status ? NULL : join_keys(values.settings.config->server.api_keys);
    if (!status && !keys)
        status = wick_fail_memory(&error, "the API keys");
    if (!status)
        status = serve(&values, keys, &server, &is_stuck, &error);
    if (status)
        wick_error_print(&error);
    if (is_stuck) /* an engine that does not answer cannot be waited for */
        _exit(WICK_EXIT_FAILED);
    wick_server_close(server);
    free(keys);
    wick_settings_clear(&values.settings);
    return status ? WICK_EXIT_FAILED : WICK_EXIT_DONE;
}

const wick_command wick_command_serve = {
    .name = "serve",
    .arguments = "",
    .summary = "Serves vectors over HTTP: Wick's, OpenAI's, TEI's and Ollama's routes",
    .notes = "[server] of config.toml says the same; config.example.toml explains every key.\n"
             "SIGTERM answers what was accepted and ends; SIGHUP reads keys and log level again.\n",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .run = run,
};
