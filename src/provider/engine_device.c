/* SPDX-License-Identifier: Apache-2.0
 * engine_device.c: the table of devices, and which of them serves: the one asked for, or the first that is there of Metal, CUDA, CPU.
 * In: a device's name, the environment. Out: a backend. Called once a model, by engine_open.c. */
#include "base/error.h"
#include "base/log.h"
#include "provider/engine.h"
#include "provider/settings.h"
#include <string.h>

typedef struct device {
    const char *name, *title;
    bool is_gpu;
    /* The backend, or NULL where the machine or the build has none. */
    const wick_backend_ops *(*find)(void);
} device;

static const wick_backend_ops *find_cpu(void)
{
    return &wick_backend_cpu;
}

/* The plug-ins wick-mlx.so and wick-cuda.so will be looked for here; there are none yet. */
static const wick_backend_ops *find_metal(void)
{
    return NULL;
}

static const wick_backend_ops *find_cuda(void)
{
    return NULL;
}

/* In the order in which "auto" takes them; the CPU is always there. */
static const device devices[] = {
    {"metal", "Metal", true, find_metal},
    {"cuda", "CUDA", true, find_cuda},
    {"cpu", "CPU", false, find_cpu},
};
#define N_DEVICES (sizeof devices / sizeof devices[0])

static const wick_backend_ops *select_auto(void)
{
    const wick_backend_ops *ops = NULL;
    for (size_t i = 0; i < N_DEVICES && !ops; i++) {
        ops = devices[i].find();
        if (ops)
            wick_log(WICK_LOG_INFO, devices[i].is_gpu ? "Using %s GPU (device 0)" : "Using %s (no GPU available)",
                     devices[i].title);
    }
    return ops;
}

static int select_named(const char *name, bool strict, const wick_backend_ops **out, wick_error *error)
{
    const device *wanted = NULL;
    for (size_t i = 0; i < N_DEVICES; i++)
        if (strcmp(name, devices[i].name) == 0)
            wanted = &devices[i];
    const wick_backend_ops *ops = wanted ? wanted->find() : NULL;
    if (ops)
        wick_log(WICK_LOG_INFO, wanted->is_gpu ? "Using %s GPU (device 0)" : "Using %s", wanted->title);
    if (!ops && strict)
        return wick_fail(error, WICK_E_UNAVAILABLE, "device", "choose device auto or cpu, or leave strict_device out",
                         "%s requested but not available", wanted ? wanted->title : name);
    if (!ops) {
        wick_log(WICK_LOG_WARN, "%s requested but not available, using CPU", wanted ? wanted->title : name);
        ops = find_cpu();
    }
    *out = ops;
    return WICK_OK;
}

int wick_device_select(const char *requested, bool strict, const wick_backend_ops **out, wick_error *error)
{
    const char *name = requested && requested[0] ? requested : NULL;
    int rc = name ? wick_choice_check("device", name, wick_device_names, "device", error)
                  : wick_device_from_environment(&name, error);
    if (rc != WICK_OK)
        return rc;
    if (name && strcmp(name, "auto") != 0)
        return select_named(name, strict, out, error);
    *out = select_auto();
    return WICK_OK;
}
