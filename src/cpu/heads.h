/* SPDX-License-Identifier: Apache-2.0
 * heads.h: what follows the last layer (backend.h, wick_output_kind): vectors, token vectors, logits, terms; and the weights of heads, which are f32 in every dtype.
 * heads.c is called by forward.c; heads_weights.c by layout.c, model_cpu.c and weights_key.c. */
#ifndef WICK_CPU_HEADS_H
#define WICK_CPU_HEADS_H
#include "cpu/fill.h"
#include "cpu/forward.h"
#include "cpu/layout.h"

/* Rows of the decoder that are multiplied at once: with 1024 values each they are 256 KB, which stay in the second-level cache while all tokens of a chunk pass. */
#define WICK_TERM_ROWS 64

/* Writes the team's share of what target asks for. All threads of the team call it, behind a barrier; so does the next chunk. */
void wick_output_chunk(const wick_cpu_model *model, const wick_team *team, const wick_chunk *chunk,
                       const wick_activations *act, const wick_thread_scratch *scratch,
                       const wick_output_target *target);

/* ---- weights ---- */

/* The head's arrays; nothing where there is no head. */
void wick_cpu_walk_head(wick_cpu_walk *walk, wick_cpu_model *model);
/* Fills those that are not packed in panels. row: scratch, [2, hidden_size]. */
void wick_cpu_fill_head(const wick_cpu_model *model, float *rows);
/* Those that are; at most WICK_PACKINGS_OF_HEAD. Returns how many. */
#define WICK_PACKINGS_OF_HEAD 2
size_t wick_cpu_list_head_packings(const wick_model_files *files, const wick_cpu_head *head, wick_packing *list);
/* Mixes what of the head's description its packed weights depend on into a key; without a head the key stays. */
uint64_t wick_cpu_hash_head(const wick_model_files *files, uint64_t so_far);

#endif
