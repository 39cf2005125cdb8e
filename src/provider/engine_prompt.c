/* SPDX-License-Identifier: Apache-2.0
 * engine_prompt.c: how many tokens a prompt is, for models whose pooling leaves it out (1_Pooling's include_prompt false; the INSTRUCTOR models). In: a prompt. Out: the
 * number of tokens at the beginning of every text. Called by engine_embed.c. */
#include <string.h>

#include "base/error.h"
#include "provider/engine.h"

int wick_engine_count_prompt(wick_model *model, wick_context *context, const char *prompt, size_t *n_tokens,
                             wick_error *error)
{
    wick_token_part *part = &context->parts[0];
    wick_tokenize_options options;
    wick_tokenize_options_init(&options);
    options.max_tokens = model->max_seq_length;
    *n_tokens = 0;
    if (model->files->sentence.pools_prompt || !prompt[0])
        return WICK_OK;
    if (!part->encoding && !(part->encoding = wick_encoding_new()))
        return wick_fail_memory(error, "token ids");
    const int rc = wick_tokenize(model->tokenizer, prompt, strlen(prompt), &options, part->encoding, error);
    const size_t n = rc == WICK_OK ? part->encoding->n_tokens : 0;
    const bool ends_special = n > 0 && wick_tokenizer_is_special(model->tokenizer, part->encoding->ids[n - 1]);
    *n_tokens = n - ends_special;
    return rc;
}
