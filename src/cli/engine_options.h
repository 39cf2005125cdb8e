/* SPDX-License-Identifier: Apache-2.0
 * engine_options.h: which model, which provider, which device: the options that several commands share, and where
 * their values come from. Flags beat environment beats config file beats defaults. */
#ifndef WICK_CLI_ENGINE_OPTIONS_H
#define WICK_CLI_ENGINE_OPTIONS_H
#include "cli/command.h"

typedef struct wick_settings {
    const char *model, *provider, *dtype, *device, *cache_dir,
        *config_path;     /* NULL: not given; filled by wick_settings_load */
    const char *fallback; /* of the config file's provider */
    bool strict_device;
    size_t n_threads, max_seq_length; /* 0: the library's choice */
    size_t n_retries;
    wick_config *config; /* owns the strings that came from the config file */
} wick_settings;

/* What stands in front of every text; wick.h's wick_embed_options say the same. */
typedef struct wick_prompt_values {
    const char *name, *text; /* NULL: not given */
} wick_prompt_values;

#define WICK_CLI_MAX_THREADS 256
#define WICK_CLI_MAX_TOKENS (1u << 20)

/* Rows of an option table: what finds a model, and what runs it. base: where the command's values hold the
 * wick_settings. */
/* clang-format off */
#define WICK_OPTIONS_MODEL(base) \
    {"model", WICK_OPTION_TEXT, "M", (base) + offsetof(wick_settings, model), \
     "-m; hub name, folder, or file of wick pack\n(default: sentence-transformers/all-MiniLM-L6-v2)"}, \
    WICK_OPTIONS_CONFIG(base)
#define WICK_OPTIONS_CONFIG(base) \
    {"cache-dir", WICK_OPTION_TEXT, "DIR", (base) + offsetof(wick_settings, cache_dir), \
     "where models are kept (default: the hub's own cache)"}, \
    {"config", WICK_OPTION_TEXT, "FILE", (base) + offsetof(wick_settings, config_path), \
     "read FILE instead of $WICK_CONFIG, ./config.toml\nor $XDG_CONFIG_HOME/wick/config.toml"}
/* base: where the command's values hold the wick_prompt_values. */
#define WICK_OPTIONS_PROMPT(base) \
    {"prompt-name", WICK_OPTION_TEXT, "NAME", (base) + offsetof(wick_prompt_values, name), \
     "put the model's prompt NAME in front of every text\n(default: the model's default prompt; wick info)"}, \
    {"prompt", WICK_OPTION_STRING, "TEXT", (base) + offsetof(wick_prompt_values, text), \
     "put TEXT in front of every text, whatever the model\nsays; \"\": nothing"}
#define WICK_OPTIONS_ENGINE(base) \
    {"provider", WICK_OPTION_TEXT, "P", (base) + offsetof(wick_settings, provider), \
     "candle (the native engine), mlx or mock"}, \
    {"dtype", WICK_OPTION_CHOICE, "D", (base) + offsetof(wick_settings, dtype), \
     "f32 (default, or what the model was packed in), bf16,\nint8", "f32|bf16|int8"}, \
    {"device", WICK_OPTION_CHOICE, "D", (base) + offsetof(wick_settings, device), \
     "auto (default), cpu, metal or cuda; without\nsuch a GPU the CPU serves", "auto|cpu|metal|cuda"}, \
    {"strict-device", WICK_OPTION_FLAG, NULL, (base) + offsetof(wick_settings, strict_device), \
     "fail instead where the GPU asked for is not there"}, \
    {"threads", WICK_OPTION_COUNT, "N", (base) + offsetof(wick_settings, n_threads), \
     "CPU threads (default: what this process may use)", NULL, WICK_CLI_MAX_THREADS}, \
    {"max-seq-length", WICK_OPTION_COUNT, "N", (base) + offsetof(wick_settings, max_seq_length), \
     "cut texts at N tokens (default: what the model says)", NULL, WICK_CLI_MAX_TOKENS}
/* clang-format on */

/* Reads the config file and fills what the flags left open. */
int wick_settings_load(wick_settings *settings, wick_error *error);
/* Opens the provider that the loaded settings name. */
int wick_settings_open(const wick_settings *settings, wick_provider **out, wick_error *error);
/* The same for whoever opens providers later. */
void wick_settings_fill(const wick_settings *settings, wick_provider_options *options);
void wick_settings_clear(wick_settings *settings);

#endif
