/* SPDX-License-Identifier: Apache-2.0
 * embedded.h: a packed model inside the program (-DWICK_EMBED_MODEL=FILE): the command says where it lies, once, before anything else; opening by its name, or by none, then takes
 * it. Used by the command and by engine_packed.c. */
#ifndef WICK_PROVIDER_EMBEDDED_H
#define WICK_PROVIDER_EMBEDDED_H
#include "base/pack.h"

/* data[0..n): 64-byte aligned, for as long as the process lives. Before the first use of the library, from one thread. */
void wick_embedded_set(const uint8_t *data, size_t n);
/* False: there is none. */
bool wick_embedded_get(const uint8_t **data, size_t *n);
/* What it is called (the name it was packed from), or NULL where there is none or it cannot be read. Static. */
const char *wick_embedded_name(void);
/* What is opened where nobody names a model: the embedded one, else WICK_DEFAULT_MODEL. */
const char *wick_default_model(void);

#endif
