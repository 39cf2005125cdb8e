/* SPDX-License-Identifier: Apache-2.0
 * settings.c: names, defaults and option structs; see settings.h. The *_init functions of wick.h are here. */
#include "provider/settings.h"
#include "base/error.h"
#include "base/path.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_STRUCT_BYTES 65536 /* no struct of wick.h comes near: a larger size was never set */

const char *const wick_provider_names[] = {"candle", "native", "mlx", "mock", NULL};
const char *const wick_device_names[] = {"auto", "cpu", "metal", "cuda", NULL};
const char *const wick_dtype_names[] = {"f32", "bf16", "int8", NULL};

int wick_choice_check(const char *what, const char *value, const char *const *choices, const char *where,
                      wick_error *error)
{
    char mend[128] = "one of:";
    for (size_t i = 0; choices[i]; i++) {
        if (strcmp(value, choices[i]) == 0)
            return WICK_OK;
        const size_t n = strlen(mend);
        snprintf(mend + n, sizeof mend - n, "%s %s", i > 0 ? "," : "", choices[i]);
    }
    return wick_fail(error, WICK_E_INVALID_INPUT, where, mend, "Unknown %s: %.200s", what, value);
}

int wick_device_from_environment(const char **device, wick_error *error)
{
    static const char *const variables[] = {"WICK_DEVICE", "CANDLE_DEVICE"};
    *device = NULL;
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        const char *value = getenv(variables[i]);
        if (!value || value[0] == '\0')
            continue;
        *device = value;
        return wick_choice_check("device", value, wick_device_names, variables[i], error);
    }
    return WICK_OK;
}

void wick_prepared_dir(char **out)
{
    const char *own = getenv("WICK_PREPARED_DIR"), *caches = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    *out = NULL;
    if (own && own[0] != '\0')
        *out = strcmp(own, "off") == 0 ? NULL : wick_path_expand(own);
    else if (caches && caches[0] == '/') /* the XDG specification has relative ones ignored */
        *out = wick_path_join(caches, "wick");
    else if (home && home[0] == '/')
        *out = wick_path_join(home, ".cache/wick");
}

int wick_options_take(void *options, size_t options_bytes, const void *given, const char *where, wick_error *error)
{
    if (!given)
        return WICK_OK;
    size_t size;
    memcpy(&size, given, sizeof size);
    if (size < sizeof size || size > MAX_STRUCT_BYTES)
        return wick_fail(error, WICK_E_INVALID_INPUT, where,
                         "call the matching *_init function before filling the struct", "the options' size is not set");
    const size_t shared = size < options_bytes ? size : options_bytes;
    memcpy((char *)options + sizeof size, (const char *)given + sizeof size, shared - sizeof size);
    return WICK_OK;
}

int wick_info_give(const wick_model_info *own, wick_model_info *info, wick_error *error)
{
    const size_t size = info->size;
    if (size < sizeof size || size > MAX_STRUCT_BYTES)
        return wick_fail(error, WICK_E_INVALID_INPUT, "info", "set info->size to sizeof *info",
                         "the info's size is not set");
    const size_t shared = size < sizeof *own ? size : sizeof *own;
    memcpy((char *)info + sizeof size, (const char *)own + sizeof size, shared - sizeof size);
    return WICK_OK;
}

/* The defaults, as far as the caller's struct of so many bytes goes; both begin with their size. */
static void give_defaults(const void *defaults, size_t defaults_bytes, void *out, size_t out_bytes)
{
    const size_t shared = out_bytes < defaults_bytes ? out_bytes : defaults_bytes;
    if (shared < sizeof shared)
        return; /* no room even for the size: such a struct is refused when it comes in */
    memcpy(out, defaults, shared);
    memcpy(out, &shared, sizeof shared);
}

void wick_model_options_init_sized(wick_model_options *options, size_t options_bytes)
{
    const wick_model_options defaults = {.size = sizeof defaults};
    give_defaults(&defaults, sizeof defaults, options, options_bytes);
}

void wick_embed_options_init_sized(wick_embed_options *options, size_t options_bytes)
{
    const wick_embed_options defaults = {.size = sizeof defaults, .truncate = true};
    give_defaults(&defaults, sizeof defaults, options, options_bytes);
}

void wick_score_options_init_sized(wick_score_options *options, size_t options_bytes)
{
    const wick_score_options defaults = {.size = sizeof defaults, .truncate = true};
    give_defaults(&defaults, sizeof defaults, options, options_bytes);
}

/* Of a struct of n bytes, how many belong to its last member, which begins at offset. */
static size_t tail_bytes(size_t n, size_t offset, size_t member_bytes)
{
    const size_t rest = n > offset ? n - offset : 0;
    return rest < member_bytes ? rest : member_bytes;
}

void wick_provider_options_init_sized(wick_provider_options *options, size_t options_bytes)
{
    wick_provider_options defaults = {.size = sizeof defaults};
    wick_model_options_init_sized(
        &defaults.model_options,
        tail_bytes(options_bytes, offsetof(wick_provider_options, model_options), sizeof defaults.model_options));
    give_defaults(&defaults, sizeof defaults, options, options_bytes);
}

void wick_embed_request_init_sized(wick_embed_request *request, size_t request_bytes)
{
    wick_embed_request defaults = {.size = sizeof defaults};
    wick_embed_options_init_sized(
        &defaults.options, tail_bytes(request_bytes, offsetof(wick_embed_request, options), sizeof defaults.options));
    give_defaults(&defaults, sizeof defaults, request, request_bytes);
}
