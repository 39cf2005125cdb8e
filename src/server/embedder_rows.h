/* SPDX-License-Identifier: Apache-2.0
 * embedder_rows.h: jobs whose results are no vectors of whole texts (lane.h: wick_job.wanted): asking the provider, and gathering what a job's slices come to. Called by
 * embedder.c. */
#ifndef WICK_SERVER_EMBEDDER_ROWS_H
#define WICK_SERVER_EMBEDDER_ROWS_H
#include "server/embedder.h"

/* Texts [first, first + n) of the batch, as job wants them. */
int wick_embedder_ask_rows(wick_embedder *embedder, const wick_embedder_texts *texts, size_t first, size_t n,
                           const wick_job *job, bool side_by_side, wick_rows_response *response, wick_error *error);
/* Puts rows [row, row + n) of the response behind those that the job has. WICK_E_INVALID_INPUT: more than WICK_MAX_REPLY_VALUES. */
int wick_job_append_rows(wick_job *job, const wick_rows_response *response, size_t row, size_t n, wick_error *error);

#endif
