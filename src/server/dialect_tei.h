/* SPDX-License-Identifier: Apache-2.0
 * dialect_tei.h: what the files of Text Embeddings Inference's dialect share: the answers of tei_tokens.c, and the readers and writers of tei_outputs.c, for the table of
 * routes in dialect_tei.c. */
#ifndef WICK_SERVER_DIALECT_TEI_H
#define WICK_SERVER_DIALECT_TEI_H
#include "base/number.h"
#include "server/request.h"

int wick_tei_tokenize(wick_call *call, wick_buffer *out, const char **content_type, wick_api_error *error);
int wick_tei_decode(wick_call *call, wick_buffer *out, const char **content_type, wick_api_error *error);
/* truncate and truncation_direction. */
bool wick_tei_read_cut(wick_call *call, const wick_json *body, wick_api_error *error);

bool wick_tei_read_rerank(wick_call *call, wick_api_error *error);
void wick_tei_write_rerank(const wick_call *call, wick_buffer *out);
bool wick_tei_read_predict(wick_call *call, wick_api_error *error);
void wick_tei_write_predict(const wick_call *call, wick_buffer *out);
bool wick_tei_read_sparse(wick_call *call, wick_api_error *error);
void wick_tei_write_sparse(const wick_call *call, wick_buffer *out);
bool wick_tei_read_all(wick_call *call, wick_api_error *error);
void wick_tei_write_all(const wick_call *call, wick_buffer *out);

int wick_tei_info(wick_call *call, wick_buffer *out, const char **content_type, wick_api_error *error);

#endif
