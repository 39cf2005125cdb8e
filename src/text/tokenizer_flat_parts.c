/* SPDX-License-Identifier: Apache-2.0
 * tokenizer_flat_parts.c: checking the plain parts (tokenizer_flat_parts.h). */
#include "text/tokenizer_flat_parts.h"

#include "base/utf8.h"
#include "text/flat.h"

/* Or none, which stands for white space. The pattern is UTF-8. */
static bool is_one_character(const wick_step_texts *texts)
{
    uint32_t c;
    return texts->n_pattern == 0 || wick_utf8_decode(texts->pattern, &c) == texts->n_pattern;
}

static bool is_step_sound(const wick_normalizer *normalizer, size_t i)
{
    const wick_normalizer_step step = normalizer->steps[i];
    const wick_step_texts *texts = &normalizer->texts[i];
    return (unsigned)step <= (unsigned)WICK_STEP_LAST && texts->n_pattern <= WICK_MAX_STEP_TEXT &&
           texts->n_content <= WICK_MAX_STEP_TEXT && wick_utf8_valid(texts->pattern, texts->n_pattern, NULL) &&
           wick_utf8_valid(texts->content, texts->n_content, NULL) &&
           (step != WICK_STEP_REPLACE || texts->n_pattern > 0) &&
           (step != WICK_STEP_REPLACE_RUN || (texts->min_run > 0 && is_one_character(texts))) &&
           (step != WICK_STEP_CHARSMAP || normalizer->charsmap.n_units > 0);
}

bool wick_normalizer_is_sound(const wick_normalizer *normalizer)
{
    bool holds = wick_flat_is_bool(&normalizer->is_bert) && wick_flat_is_bool(&normalizer->ascii_is_plain) &&
                 normalizer->n_steps <= WICK_MAX_NORMALIZER_STEPS &&
                 (!normalizer->is_bert || normalizer->ascii_case == 0 || normalizer->ascii_case == 0x20);
    for (size_t i = 0; holds && i < normalizer->n_steps; i++)
        holds = is_step_sound(normalizer, i);
    for (size_t i = 0; i < 128; i++)
        holds &= normalizer->ascii_to[i] < 128 && normalizer->ascii_n[i] <= 1;
    return holds && wick_normalizer_is_bounded(normalizer) &&
           normalizer->is_bert == wick_normalizer_is_bert(normalizer);
}

static bool are_kinds_sound(const wick_char_kinds *kinds)
{
    bool holds = wick_flat_is_bool(&kinds->has_plain_words);
    for (size_t i = 0; i < 128; i++)
        holds &= kinds->ascii[i] <= WICK_CHARS_SYMBOLS;
    return holds;
}

static bool is_stage_sound(const wick_split_stage *stage)
{
    return (unsigned)stage->rewrite <= (unsigned)WICK_REWRITE_LAST &&
           (unsigned)stage->pattern <= (unsigned)WICK_SPLIT_LAST_PATTERN &&
           (unsigned)stage->behavior <= (unsigned)WICK_SPLIT_LAST_BEHAVIOR && wick_flat_is_bool(&stage->invert) &&
           wick_flat_is_bool(&stage->byte_level) && (unsigned)stage->prepend <= (unsigned)WICK_PREPEND_LAST &&
           ((stage->pattern != WICK_SPLIT_STRING && stage->rewrite != WICK_REWRITE_METASPACE) ||
            (stage->n_string >= 1 && stage->n_string <= WICK_MAX_SPLIT_STRING &&
             wick_utf8_valid(stage->string, stage->n_string, NULL))) &&
           (stage->pattern != WICK_SPLIT_QWEN2 || stage->max_digits >= 1) && are_kinds_sound(&stage->kinds);
}

bool wick_pretokenizer_is_sound(const wick_pretokenizer *pretokenizer)
{
    bool holds = wick_flat_is_bool(&pretokenizer->is_kinds) && wick_flat_is_bool(&pretokenizer->byte_level) &&
                 pretokenizer->n_stages <= WICK_MAX_SPLIT_STAGES && are_kinds_sound(&pretokenizer->kinds);
    for (size_t i = 0; holds && i < pretokenizer->n_stages; i++)
        holds = is_stage_sound(&pretokenizer->stages[i]);
    return holds;
}
