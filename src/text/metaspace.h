/* SPDX-License-Identifier: Apache-2.0
 * metaspace.h: Metaspace, SentencePiece's way to keep white space within tokens, as a stage of splitter.h: spaces become a visible character, one more may
 * come in front, and then the text may be split before each of them. Called by splitter.c and splitter_load.c. */
#ifndef WICK_TEXT_METASPACE_H
#define WICK_TEXT_METASPACE_H
#include "text/splitter.h"

int wick_metaspace_load(const wick_reading *reading, const wick_json *value, const char *path, wick_split_stage *out);
/* As wick_split_rewrite_text. */
void wick_metaspace_rewrite(const wick_split_stage *stage, wick_normalized *text, size_t from, bool begins,
                            bool at_start, wick_encoding_state *state);

#endif
