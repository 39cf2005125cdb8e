/* SPDX-License-Identifier: Apache-2.0
 * rope.h: the base of rotary positions (Su et al. 2021), under all names that config.json had for it. transformers 5 writes rope_parameters, one object or one a kind of
 * layer; older files have rope_theta and rope_scaling beside it. Plain rotation is carried out, and gte's ntk; linear, dynamic, yarn, llama3 and longrope are refused. */
#ifndef WICK_MODEL_ROPE_H
#define WICK_MODEL_ROPE_H
#include "model/family.h"

/* Fills rope_theta and rope_theta_local with the one value. old_key: what it was called ("rope_theta"). */
int wick_rope_read(const wick_keys *keys, const char *old_key, double otherwise, wick_encoder *encoder);

/* The same, where rope_scaling may also be of gte's type ntk: positions stretched by a factor, whatever the text's length. Fills rope_theta before wick_family_finish; *factor is 1 where nothing is
 * stretched. */
int wick_rope_read_ntk(const wick_keys *keys, double otherwise, wick_encoder *encoder, double *factor);
/* Behind wick_family_finish: theta times factor, and all frequencies divided by factor^(2 / head_dim). */
void wick_rope_stretch(wick_encoder *encoder, double factor);

typedef struct wick_rope_names {
    const char *full_key, *local_key; /* of older files, beside it */
    double full_otherwise, local_otherwise;
} wick_rope_names;

/* One base for layers that see everything, one for layers with a window. */
int wick_rope_read_by_layer(const wick_keys *keys, const wick_rope_names *names, wick_encoder *encoder);

#endif
