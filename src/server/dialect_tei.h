/* SPDX-License-Identifier: Apache-2.0
 * dialect_tei.h: what the two files of Text Embeddings Inference's dialect share: the answers of tei_tokens.c, for the table of routes in dialect_tei.c. */
#ifndef WICK_SERVER_DIALECT_TEI_H
#define WICK_SERVER_DIALECT_TEI_H
#include "base/number.h"
#include "server/request.h"

int wick_tei_tokenize(wick_call *call, wick_buffer *out, const char **content_type, wick_api_error *error);
int wick_tei_decode(wick_call *call, wick_buffer *out, const char **content_type, wick_api_error *error);
int wick_tei_info(wick_call *call, wick_buffer *out, const char **content_type, wick_api_error *error);

#endif
