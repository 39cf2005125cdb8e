/* SPDX-License-Identifier: Apache-2.0
 * prompts.h: which text stands in front of the texts of a call. In: a model's prompts, options. Out: a prompt, or an error that lists those that there are.
 * Called by engine_embed.c and mock.c; the names by src/server. */
#ifndef WICK_PROVIDER_PROMPTS_H
#define WICK_PROVIDER_PROMPTS_H
#include <wick.h>

/* The prompt of a call: options->prompt, else the one named prompt_name, else the default's, else "". WICK_E_INVALID_INPUT: no prompt has that name, or the text
 * given is not UTF-8. info: prompts and default_prompt_name are looked at. */
int wick_prompt_choose(const wick_model_info *info, const wick_embed_options *options, const char **out,
                       wick_error *error);
/* The model's prompt of that name; NULL: none has it. */
const wick_prompt *wick_prompt_named(const wick_model_info *info, const char *name);
/* "query, document", as far as there is room. */
void wick_prompt_list(const wick_model_info *info, char *out, size_t n_out);

#endif
