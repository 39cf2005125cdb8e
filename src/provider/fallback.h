/* SPDX-License-Identifier: Apache-2.0
 * fallback.h: retries, and a second provider of the same model for when the first fails. In: calls of the first provider that failed, and why. Out: the second's
 * vectors, or the first's error. The second is opened when it is needed, and serves only where it gives the first's vectors. Called by provider.c and manager.c. */
#ifndef WICK_PROVIDER_FALLBACK_H
#define WICK_PROVIDER_FALLBACK_H
#include "provider/provider.h"

typedef int (*wick_provider_open_fn)(const wick_provider_options *options, wick_provider **out, wick_error *error);

/* Whether name may stand in for provider; both are known names. WICK_E_INVALID_INPUT: one of them is "mock" and the other is not, whose vectors have nothing to do with each other. */
int wick_fallback_check(const char *provider, const char *name, const char *where, wick_error *error);
/* Both names are of one provider: "candle" and "native". */
bool wick_provider_is_same(const char *a, const char *b);
/* A failure to open that another provider may not share. */
bool wick_fallback_helps_open(int code);

/* first: open, and embeds one text here, so that the second's vectors can be compared. options: of the second, whole; copied, without a fallback of its own. open: wick_provider_open,
 * or a test's. rest_ms: how long the first is left alone after a failure; 0: 30 s. */
int wick_fallback_new(wick_provider *first, const wick_provider_options *options, wick_provider_open_fn open,
                      double rest_ms, wick_fallback **out, wick_error *error);
void wick_fallback_free(wick_fallback *fallback);

/* The request through provider, with its retries, else through its fallback, where there is one. As ops->embed. */
int wick_fallback_embed(wick_provider *provider, const wick_embed_request *request, float *out, wick_usage *usage,
                        wick_error *error);
/* Who serves now: provider, or the one that stands in for it. */
const wick_provider *wick_fallback_serving(const wick_provider *provider);

#endif
