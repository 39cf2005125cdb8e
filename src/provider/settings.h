/* SPDX-License-Identifier: Apache-2.0
 * settings.h: the names that options and configuration may take, their defaults, and reading option structs of any age.
 * Used throughout src/provider. */
#ifndef WICK_PROVIDER_SETTINGS_H
#define WICK_PROVIDER_SETTINGS_H
#include <wick.h>

#define WICK_DEFAULT_PROVIDER "candle"
#define WICK_DEFAULT_RETRIES 2
#define WICK_MAX_RETRIES 10
#define WICK_DEFAULT_DTYPE "f32"
#define WICK_DEFAULT_MODEL "sentence-transformers/all-MiniLM-L6-v2"

/* NULL-terminated. */
extern const char *const wick_provider_names[]; /* "candle", "native", "mlx", "mock" */
extern const char *const wick_device_names[];   /* "auto", "cpu", "metal", "cuda" */
extern const char *const wick_dtype_names[];    /* "f32", "bf16", "int8" */

/* WICK_OK where value is one of choices, else WICK_E_INVALID_INPUT "Unknown WHAT: VALUE" whose mend lists them. */
int wick_choice_check(const char *what, const char *value, const char *const *choices, const char *where,
                      wick_error *error);

/* $WICK_DEVICE, else $CANDLE_DEVICE, checked; *device is NULL where neither is set. It lives as long as the environment. */
int wick_device_from_environment(const char **device, wick_error *error);

/* The folder in which backends keep prepared weights: $WICK_PREPARED_DIR ("off": none), else $XDG_CACHE_HOME/wick, else ~/.cache/wick.
 * *out is malloc'ed, or NULL where there is none: starts are slower then, nothing else. */
void wick_prepared_dir(char **out);

/* Copies an option struct from a caller who may have been compiled against an older or newer wick.h: as many bytes as both know, over
 * the defaults in *options. Both begin with their size. given: may be NULL. WICK_E_INVALID_INPUT where its size is no size. */
int wick_options_take(void *options, size_t options_bytes, const void *given, const char *where, wick_error *error);

/* Copies as much of own as the caller's info->size covers; its size stays. WICK_E_INVALID_INPUT where the size is not set. */
int wick_info_give(const wick_model_info *own, wick_model_info *info, wick_error *error);

#endif
