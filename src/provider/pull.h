/* SPDX-License-Identifier: Apache-2.0
 * pull.h: getting a model that this build can run: wick_hub_pull with the engine's check, so that a model that does not run is told before its weights come. Called by opening by name and by the command. */
#ifndef WICK_PROVIDER_PULL_H
#define WICK_PROVIDER_PULL_H
#include "hub/pull.h"

/* As wick_hub_pull; options->check is the engine's where it is NULL (and nobody's where the engine is not built in). */
int wick_model_pull(const char *name, const wick_hub_pull_options *options, wick_hub_pulled *out, wick_error *error);

#endif
