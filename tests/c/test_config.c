/* SPDX-License-Identifier: Apache-2.0
 * test_config.c: config.toml as AkiDB writes it, the search for it, and every way to get it wrong (src/provider/config.c). */
#include "base/mapped.h"
#include "support_files.h"
#include <wick.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char root[SUPPORT_PATH_BYTES], was[SUPPORT_PATH_BYTES];

static int set_up(void **state)
{
    static const char *const variables[] = {"WICK_CONFIG",  "XDG_CONFIG_HOME",       "WICK_DEVICE", "CANDLE_DEVICE",
                                            "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME"};
    support_folder_make(root);
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        support_env(variables[i], NULL);
    support_env("HOME", root);
    assert_non_null(getcwd(was, sizeof was));
    assert_int_equal(chdir(root), 0);
    return 0;
}

static int tear_down(void **state)
{
    assert_int_equal(chdir(was), 0);
    support_folder_remove(root);
    return 0;
}

static wick_config *load(const char *path)
{
    wick_config *config = NULL;
    wick_error error = {0};
    if (wick_config_load(path, &config, &error) != WICK_OK)
        fail_msg("%s (%s; %s)", error.message, error.where, error.mend);
    return config;
}

static wick_config *load_text(const char *text)
{
    support_file_write(root, "given.toml", text);
    return load("given.toml");
}

static void refused(const char *text, const char *where, const char *message, const char *mend)
{
    wick_config *config = (wick_config *)1;
    wick_error error = {0};
    support_file_write(root, "given.toml", text);
    if (wick_config_load("given.toml", &config, &error) != WICK_E_INVALID_INPUT)
        fail_msg("not refused: %s", text);
    assert_null(config);
    assert_string_equal(error.where, where);
    if (!strstr(error.message, message))
        fail_msg("\"%s\" is not in \"%s\"", message, error.message);
    if (!strstr(error.mend, mend))
        fail_msg("\"%s\" is not in \"%s\"", mend, error.mend);
}

static void defaults_where_there_is_no_file(void **state)
{
    wick_config *config = load(NULL);
    assert_null(config->path);
    assert_string_equal(config->provider, "candle");
    assert_string_equal(config->model, "sentence-transformers/all-MiniLM-L6-v2");
    assert_string_equal(config->device, "auto");
    assert_null(config->fallback);
    assert_int_equal(config->retries, 2);
    assert_null(config->dtype); /* what the model is in, else f32 */
    assert_null(config->cache_dir);
    assert_string_equal(config->host, "127.0.0.1");
    assert_int_equal(config->port, 8080);
    wick_config_free(config);
    wick_config_free(NULL);
}

static void reads_every_key(void **state)
{
    wick_config *config =
        load_text("[embedding]\nprovider = \"mock\"\nmodel = \"BAAI/bge-small-en-v1.5\"\ndevice = \"cpu\"\n"
                  "dtype = \"bf16\"\ncache_dir = \"~/models\"\n[server]\nhost = \"::1\"\nport = 65535\n");
    char cache[SUPPORT_PATH_BYTES];
    support_path(root, "models", cache);
    assert_string_equal(config->path, "given.toml");
    assert_string_equal(config->provider, "mock");
    assert_string_equal(config->model, "BAAI/bge-small-en-v1.5");
    assert_string_equal(config->device, "cpu");
    assert_string_equal(config->dtype, "bf16");
    assert_string_equal(config->cache_dir, cache);
    assert_string_equal(config->host, "::1");
    assert_int_equal(config->port, 65535);
    wick_config_free(config);
    config = load_text("[embedding]\n[server]\n");
    assert_string_equal(config->provider, "candle");
    wick_config_free(config);
    config = load_text("embedding.provider = \"native\"\nserver = {port = 1}\n");
    assert_string_equal(config->provider, "native");
    assert_int_equal(config->port, 1);
    wick_config_free(config);
}

/* $WICK_CONFIG, ./config.toml, $XDG_CONFIG_HOME/wick/config.toml, ~/.config/wick/config.toml. */
static void searches_in_order(void **state)
{
    wick_config *config;
    char folder[SUPPORT_PATH_BYTES];
    support_file_write(root, ".config/wick/config.toml", "server.port = 4\n");
    assert_int_equal((config = load(NULL))->port, 4);
    wick_config_free(config);
    support_file_write(root, "xdg/wick/config.toml", "server.port = 3\n");
    support_path(root, "xdg", folder);
    support_env("XDG_CONFIG_HOME", folder);
    assert_int_equal((config = load(NULL))->port, 3);
    wick_config_free(config);
    support_file_write(root, "config.toml", "server.port = 2\n");
    assert_int_equal((config = load(NULL))->port, 2);
    assert_string_equal(config->path, "config.toml");
    wick_config_free(config);
    support_file_write(root, "named.toml", "server.port = 1\n");
    support_env("WICK_CONFIG", "~/named.toml");
    assert_int_equal((config = load(NULL))->port, 1);
    wick_config_free(config);
    /* A file that was named must be there. */
    support_env("WICK_CONFIG", "absent.toml");
    wick_error error = {0};
    assert_int_equal(wick_config_load(NULL, &config, &error), WICK_E_IO);
    assert_string_equal(error.where, "absent.toml");
    assert_null(config);
    assert_int_equal(wick_config_load("absent-too.toml", &config, &error), WICK_E_IO);
    assert_string_equal(error.where, "absent-too.toml");
}

static void environment_beats_the_file(void **state)
{
    static const char text[] = "[embedding]\ndevice = \"metal\"\ncache_dir = \"/models\"\n";
    support_env("CANDLE_DEVICE", "cpu");
    wick_config *config = load_text(text);
    assert_string_equal(config->device, "cpu");
    assert_string_equal(config->cache_dir, "/models");
    wick_config_free(config);
    support_env("WICK_DEVICE", "cuda");
    config = load_text(text);
    assert_string_equal(config->device, "cuda");
    wick_config_free(config);
    support_env("WICK_DEVICE", "tpu");
    wick_error error = {0};
    assert_int_equal(wick_config_load("given.toml", &config, &error), WICK_E_INVALID_INPUT);
    assert_string_equal(error.message, "Unknown device: tpu");
    assert_string_equal(error.where, "WICK_DEVICE");
    support_env("WICK_DEVICE", NULL);
    support_env("HF_HUB_CACHE", "/elsewhere");
    config = load_text(text);
    assert_null(config->cache_dir);
    wick_config_free(config);
}

static void unknown_keys_name_line_and_neighbour(void **state)
{
    refused("[embedding]\n\nmodle = \"x\"\n", "given.toml:3", "line 3: unknown key: embedding.modle",
            "did you mean embedding.model?");
    refused("[embeding]\nprovider = \"mock\"\n", "given.toml:2", "embeding.provider",
            "did you mean embedding.provider?");
    refused("model = \"x\"\n", "given.toml:1", "unknown key: model", "did you mean embedding.model?");
    refused("[server]\nport = 1\nprot = 2\n", "given.toml:3", "server.prot", "did you mean server.port?");
    refused("[embedding]\ncache = \"x\"\n", "given.toml:2", "embedding.cache", "did you mean embedding.cache_dir?");
    refused("[server]\nhostname = \"x\"\n", "given.toml:2", "server.hostname", "did you mean server.host?");
    refused("[embedding.model]\nname = \"x\"\n", "given.toml:2", "embedding.model.name",
            "did you mean embedding.model?");
    refused("\"embedding.model\" = \"x\"\n", "given.toml:1", "unknown key: \"embedding.model\"", "did you mean");
    refused("[embeddings]\n", "given.toml:1", "unknown key: embeddings", "did you mean [embedding]?");
    refused("[sever]\nport = 1\n", "given.toml:2", "sever.port", "did you mean server.port?");
    /* The first mistake of the file is the one that is told. */
    refused("[server]\nprot = 1\n[embedding]\naaa = 1\n", "given.toml:2", "server.prot", "did you mean");
}

static void what_is_near_nothing_is_no_slip(void **state)
{
    static const char *const texts[] = {"x = 1\n", "[extra]\n", "[server]\nzzz = 1\n", "os = 1\n",
                                        "[db]\nurl = \"x\"\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        wick_config *config = NULL;
        wick_error error = {0};
        support_file_write(root, "given.toml", texts[i]);
        assert_int_equal(wick_config_load("given.toml", &config, &error), WICK_E_INVALID_INPUT);
        if (strcmp(error.mend, "config.example.toml explains every key") != 0)
            fail_msg("%s: %s", texts[i], error.mend);
    }
}

/* Nobody's folder is called "~nobody". */
static void homes_of_others_are_not_known(void **state)
{
    refused("[embedding]\ncache_dir = \"~nobody/x\"\n", "given.toml",
            "embedding.cache_dir: nobody's home is known: ~nobody/x", "$HOME");
    refused("[server]\napi_key_file = \"~nobody/x\"\n", "given.toml", "server.api_key_file", "$HOME");
    support_env("HOME", NULL);
    refused("[embedding]\ncache_dir = \"~/x\"\n", "given.toml", "embedding.cache_dir", "$HOME");
}

static void types_and_values_are_checked(void **state)
{
    refused("[server]\nport = \"8080\"\n", "given.toml:2", "server.port must be an integer, not a string",
            "config.example.toml");
    refused("[embedding]\nmodel = 1\n", "given.toml:2", "embedding.model must be a string, not an integer",
            "config.example.toml");
    refused("[embedding]\ndevice = [\"cpu\"]\n", "given.toml:2", "must be a string, not an array",
            "config.example.toml");
    refused("[server.port]\n", "given.toml:1", "must be an integer, not a table", "config.example.toml");
    refused("embedding = 1\n", "given.toml:1", "embedding must be a table, not an integer", "[section]");
    refused("[[embedding]]\nmodel = \"x\"\n", "given.toml:1", "embedding must be a table", "[section]");
    refused("[server]\nport = 0\n", "given.toml:2", "server.port is out of range: 0", "1 to 65535");
    refused("[server]\nport = 65536\n", "given.toml:2", "out of range: 65536", "1 to 65535");
    refused("[server]\nport = -1\n", "given.toml:2", "out of range: -1", "1 to 65535");
    refused("[embedding]\nmodel = \"\"\n", "given.toml:2", "embedding.model is empty", "value");
    refused("[embedding]\nprovider = \"onnx\"\n", "given.toml:2", "Unknown provider: onnx",
            "one of: candle, native, mlx, mock");
    refused("[embedding]\ndevice = \"gpu\"\n", "given.toml:2", "Unknown device: gpu", "one of: auto, cpu, metal, cuda");
    refused("[embedding]\ndtype = \"f64\"\n", "given.toml:2", "Unknown dtype: f64", "one of: f32, bf16, int8");
    refused("[embedding]\nmodel = \"a\"\nmodel = \"b\"\n", "given.toml:3", "line 3:", "config.example.toml");
    refused("[embedding\n", "given.toml:1", "line 1:", "config.example.toml");
}

static void the_example_loads_and_names_every_key(void **state)
{
    wick_config *config = load(WICK_ROOT "/config.example.toml");
    assert_string_equal(config->provider, "candle");
    assert_string_equal(config->model, "sentence-transformers/all-MiniLM-L6-v2");
    assert_string_equal(config->device, "auto");
    assert_null(config->dtype);           /* as without a file: a packed model keeps its own */
    assert_int_equal(config->retries, 2); /* likewise */
    assert_null(config->cache_dir);       /* likewise: the cache that already has the models */
    assert_string_equal(config->host, "127.0.0.1");
    assert_int_equal(config->port, 8080);
    /* What it shows as defaults is what `wick serve` does without it. */
    assert_int_equal(config->server.batch_tokens, 1024);
    assert_int_equal(config->server.queue_tokens, 131072);
    assert_int_equal(config->server.max_body_bytes, 8 << 20);
    assert_string_equal(config->server.log_format, "logfmt");
    assert_false(config->server.allow_public);
    wick_config_free(config);
    static const char *const others[] = {"models",   "served_model_names", "api_key_file",  "dtype",
                                         "api_keys", "cors_origins",       "allowed_hosts", "cache_dir"};
    char *text = NULL;
    size_t n;
    assert_int_equal(wick_file_read(WICK_ROOT "/config.example.toml", 1 << 20, &text, &n, NULL), WICK_OK);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        char line[64];
        snprintf(line, sizeof line, "\n# %s = ", others[i]);
        assert_non_null(strstr(text, line));
    }
    free(text);
}

static void a_fallback_runs_the_same_model(void **state)
{
    wick_config *config = load_text("[embedding]\nprovider = \"mlx\"\nfallback = \"candle\"\nretries = 0\n");
    assert_string_equal(config->fallback, "candle");
    assert_int_equal(config->retries, 0);
    wick_config_free(config);
    refused("[embedding]\nfallback = \"native\"\n", "given.toml", "fallback is the provider itself: native",
            "leave fallback out");
    refused("[embedding]\nfallback = \"mock\"\n", "given.toml", "mock cannot stand in for candle", "the same model");
    refused("[embedding]\nprovider = \"mock\"\nfallback = \"mlx\"\n", "given.toml", "mlx cannot stand in for mock",
            "the same model");
    refused("[embedding]\nfallback = \"onnx\"\n", "given.toml:2", "Unknown provider: onnx", "one of:");
    refused("[embedding]\nretries = 11\n", "given.toml:2", "embedding.retries is out of range: 11", "0 to 10");
    refused("[embedding]\nretries = -1\n", "given.toml:2", "out of range: -1", "0 to 10");
}

static void reads_the_servers_keys(void **state)
{
    wick_config *config =
        load_text("[server]\nmodels = [\"a\", \"b\"]\napi_keys = []\nserved_model_names = [\"n\"]\n"
                  "cors_origins = [\"*\"]\nallowed_hosts = [\"h\"]\napi_key_file = \"~/keys\"\n"
                  "log_format = \"json\"\nlog_level = \"warn\"\nallow_public = true\npublic_metrics = true\n"
                  "allow_load = true\nbatch_tokens = 1\nqueue_tokens = 2\nmax_body_bytes = 3\nmax_texts = 4\n"
                  "max_connections = 5\nmax_models = 6\nworkers = 7\nread_timeout_ms = 8\n"
                  "idle_timeout_ms = 9\nrequest_timeout_ms = 10\n");
    const wick_server_config *server = &config->server;
    char keys[SUPPORT_PATH_BYTES];
    support_path(root, "keys", keys);
    assert_int_equal(server->models.n, 2);
    assert_string_equal(server->models.items[0], "a");
    assert_string_equal(server->models.items[1], "b");
    assert_int_equal(server->api_keys.n, 0);
    assert_string_equal(server->served_model_names.items[0], "n");
    assert_string_equal(server->cors_origins.items[0], "*");
    assert_string_equal(server->allowed_hosts.items[0], "h");
    assert_string_equal(server->api_key_file, keys);
    assert_string_equal(server->log_format, "json");
    assert_string_equal(server->log_level, "warn");
    assert_true(server->allow_public && server->public_metrics && server->allow_load);
    const size_t counts[] = {server->batch_tokens,      server->queue_tokens,    server->max_body_bytes,
                             server->max_texts,         server->max_connections, server->max_models,
                             server->workers,           server->read_timeout_ms, server->idle_timeout_ms,
                             server->request_timeout_ms};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        assert_int_equal(counts[i], i + 1);
    wick_config_free(config);
    refused("[server]\napi_keys = \"k\"\n", "given.toml:2", "server.api_keys must be an array of strings, not a string",
            "example");
    refused("[server]\napi_keys = [1]\n", "given.toml:2", "must be an array of strings, not an array of something else",
            "example");
    refused("[server]\nmodels = 2026-11-26\n", "given.toml:2", "not a date or a time", "example");
    refused("[server]\nmodels = [\"a\", \"\"]\n", "given.toml:2", "server.models holds an empty string",
            "leave it out");
    refused("[server]\nallow_load = 1\n", "given.toml:2", "must be a boolean, not an integer", "example");
    refused("[server]\nmax_texts = 0\n", "given.toml:2", "server.max_texts is out of range: 0", "1 to ");
    refused("[server]\nlog_level = \"loud\"\n", "given.toml:2", "Unknown log_level: loud", "error, warn");
    refused("[server]\nmax_text = 1\n", "given.toml:2", "server.max_text", "did you mean server.max_texts?");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(defaults_where_there_is_no_file),
        TEST(reads_every_key),
        TEST(searches_in_order),
        TEST(environment_beats_the_file),
        TEST(unknown_keys_name_line_and_neighbour),
        TEST(what_is_near_nothing_is_no_slip),
        TEST(homes_of_others_are_not_known),
        TEST(types_and_values_are_checked),
        TEST(the_example_loads_and_names_every_key),
        TEST(reads_the_servers_keys),
        TEST(a_fallback_runs_the_same_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
