/* SPDX-License-Identifier: Apache-2.0
 * sentence_settings.h: config_sentence_transformers.json: prompts, how vectors are compared, what they are cut to. In: the file's bytes, or what was kept of them in
 * a packed file (section "sentence"). Out: wick_sentence_settings. Called by model_files.c, packed_model.c and the fuzz target. */
#ifndef WICK_MODEL_SENTENCE_SETTINGS_H
#define WICK_MODEL_SENTENCE_SETTINGS_H
#include "base/arena.h"
#include "base/pack.h"
#include <wick.h>

/* The models known with most prompts (by task and language) have some 30. */
#define WICK_MAX_PROMPTS 64
#define WICK_MAX_PROMPT_BYTES ((size_t)64 << 10) /* names and texts, all together */

typedef struct wick_sentence_settings {
    const wick_prompt
        *prompts; /* [n_prompts], at most WICK_MAX_PROMPTS of the file's own; an empty text is no prompt */
    size_t n_prompts;
    const char *default_prompt_name; /* one of them, or NULL */
    const char *similarity;          /* "cosine", "dot", "euclidean" or "manhattan"; static */
    size_t truncate_dim;             /* vectors are cut to so many values; 0: they are not */
    bool pools_prompt;               /* 1_Pooling's include_prompt: a prompt's tokens take part in pooling */
} wick_sentence_settings;

/* What holds where there is no such file: the prompts "query" and "document", which sentence-transformers always knows, without a text; cosine. */
void wick_sentence_settings_init(wick_sentence_settings *out);
/* Parses text[0..n) over what *out holds; strings are copied to the arena. where names the file. WICK_E_UNSUPPORTED: an unknown model_type, more prompts than can be
 * kept; WICK_E_CORRUPT: all else that is wrong; both name the key. */
int wick_sentence_settings_parse(const char *text, size_t n, const char *where, wick_arena *arena,
                                 wick_sentence_settings *out, wick_error *error);

/* Adds them to a packed file; and takes them from one. */
int wick_sentence_settings_pack(const wick_sentence_settings *settings, wick_pack_writer *writer, wick_error *error);
int wick_sentence_settings_unpack(const wick_pack *pack, wick_arena *arena, wick_sentence_settings *out,
                                  wick_error *error);

#endif
