/* SPDX-License-Identifier: Apache-2.0
 * mlx.c: provider "mlx", Apple's MLX behind a plug-in that is opened at run time. There is no plug-in yet, so opening says so. */
#include "base/error.h"
#include "provider/provider.h"

static int mlx_open(const char *model, const wick_model_options *options, void **state, wick_error *error)
{
    return wick_fail(error, WICK_E_UNAVAILABLE, "provider", "use the provider \"candle\"", "MLX feature not enabled");
}

/* Without an open there is nothing to embed with, to tell of or to close. */
const wick_provider_ops wick_provider_mlx = {.name = "mlx", .open = mlx_open};
