/* SPDX-License-Identifier: Apache-2.0
 * engine_peak.c: wick_measure_peak: the device's backend measures on threads that last as long as the call. */
#include "base/error.h"
#include "provider/engine.h"
#include "provider/settings.h"

int wick_measure_peak(const wick_model_options *given, double *gflops, wick_error *error)
{
    wick_model_options options;
    if (!gflops)
        return wick_fail_null(error, "gflops");
    wick_model_options_init(&options);
    const wick_backend_ops *ops = NULL;
    int rc = wick_options_take(&options, sizeof options, given, "options", error);
    const char *dtype = options.dtype && options.dtype[0] ? options.dtype : "f32";
    if (rc == WICK_OK)
        rc = wick_choice_check("dtype", dtype, wick_dtype_names, "dtype", error);
    if (rc == WICK_OK)
        rc = wick_device_select(options.device, options.strict_device, &ops, error);
    if (rc != WICK_OK)
        return rc;
    if (!ops->measure_peak)
        return wick_fail(error, WICK_E_UNSUPPORTED, "device", "choose device cpu",
                         "this device's peak cannot be measured");
    wick_pool *pool = NULL;
    const unsigned n_threads = options.n_threads > 0 ? options.n_threads : wick_usable_cpus();
    rc = wick_pool_new(n_threads < WICK_MAX_THREADS ? n_threads : WICK_MAX_THREADS, &pool, error);
    if (rc == WICK_OK)
        rc = ops->measure_peak(dtype, pool, gflops, error);
    wick_pool_free(pool);
    return rc;
}
