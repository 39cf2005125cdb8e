/* SPDX-License-Identifier: Apache-2.0
 * support_random_model.h: a model of any description with random weights, in memory, and what it gives by the formulas of model/encoder.h in double precision, written to be read. For tests
 * of backends: no file, no tokenizer. */
#ifndef WICK_TESTS_SUPPORT_RANDOM_MODEL_H
#define WICK_TESTS_SUPPORT_RANDOM_MODEL_H
#include "model/model_files.h"
#include "support_kernels.h"

typedef struct support_random_model {
    wick_model_files files;
    wick_encoder_layer *layers;
    float *values; /* of all tensors */
    size_t n_values, capacity;
    support_random random;
} support_random_model;

/* e is complete (wick_encoder_derive has been called). Texts may have max_tokens. */
void support_random_model_make(support_random_model *out, const wick_encoder *e, size_t max_tokens, uint64_t seed);
void support_random_model_free(support_random_model *model);

/* The last hidden states of one sequence: out [n, hidden_size]. */
void support_reference_forward(const support_random_model *model, const int32_t *ids, size_t n, double *out);

#endif
