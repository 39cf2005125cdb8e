/* SPDX-License-Identifier: Apache-2.0
 * prompts.c: choosing a prompt (prompts.h), as sentence-transformers' encode does. */
#include "provider/prompts.h"
#include "base/error.h"
#include "base/utf8.h"
#include <stdio.h>
#include <string.h>

const wick_prompt *wick_prompt_named(const wick_model_info *info, const char *name)
{
    for (size_t i = 0; i < info->n_prompts; i++)
        if (strcmp(info->prompts[i].name, name) == 0)
            return &info->prompts[i];
    return NULL;
}

void wick_prompt_list(const wick_model_info *info, char *out, size_t n_out)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < info->n_prompts; i++) {
        const char *comma = i > 0 ? ", " : "", *name = info->prompts[i].name;
        if (used + strlen(comma) + strlen(name) + sizeof ", ..." > n_out) {
            snprintf(out + used, n_out - used, "%s...", comma);
            return;
        }
        used += (size_t)snprintf(out + used, n_out - used, "%s%s", comma, name);
    }
}

static int fail_unknown(const wick_model_info *info, const char *name, wick_error *error)
{
    char mend[200];
    int n = snprintf(mend, sizeof mend, info->n_prompts > 0 ? "one of: " : "leave it out; the model has no prompts");
    if (info->n_prompts > 0)
        wick_prompt_list(info, mend + n, sizeof mend - (size_t)n);
    return wick_fail(error, WICK_E_INVALID_INPUT, "prompt_name", mend, "Unknown prompt_name: %.200s", name);
}

int wick_prompt_choose(const wick_model_info *info, const wick_embed_options *options, const char **out,
                       wick_error *error)
{
    const char *name = options->prompt_name ? options->prompt_name : info->default_prompt_name;
    size_t bad = 0;
    *out = options->prompt ? options->prompt : "";
    if (options->prompt && !wick_utf8_valid(options->prompt, strlen(options->prompt), &bad))
        return wick_fail(error, WICK_E_INVALID_INPUT, "prompt", "pass the prompt as UTF-8", "invalid UTF-8 at byte %zu",
                         bad + 1);
    if (options->prompt || !name)
        return WICK_OK;
    const wick_prompt *prompt = wick_prompt_named(info, name);
    if (!prompt)
        return fail_unknown(info, name, error);
    *out = prompt->text;
    return WICK_OK;
}
