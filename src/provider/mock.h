/* SPDX-License-Identifier: Apache-2.0
 * mock.h: what the two files of the provider "mock" share: mock.c makes vectors, mock_outputs.c what is no vector of a text. */
#ifndef WICK_PROVIDER_MOCK_H
#define WICK_PROVIDER_MOCK_H
#include "provider/provider.h"

#define WICK_MOCK_MAX_TOKENS 512
#define WICK_MOCK_TOKEN_DIMENSION 8

/* Tokens of a text: two, and one for each word. */
size_t wick_mock_count(const char *text, size_t n);
int wick_mock_outputs(void *state, const wick_outputs_request *request, wick_rows_response *response,
                      wick_error *error);

#endif
