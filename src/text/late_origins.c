/* SPDX-License-Identifier: Apache-2.0
 * late_origins.c: the memory of late_origins.h. */
#include "text/late_origins.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

#define FIRST_CAPACITY 64

bool wick_late_origins_grow(wick_late_origins *late)
{
    size_t capacity = FIRST_CAPACITY, n_bytes;
    if (late->capacity > 0 && !wick_mul_size(late->capacity, 2, &capacity))
        return false;
    if (!wick_mul_size(capacity, sizeof *late->origins, &n_bytes))
        return false;
    uint32_t *origins = malloc(n_bytes);
    if (!origins)
        return false;
    const size_t n_to_end = late->capacity - late->first, n = n_to_end < late->n ? n_to_end : late->n;
    if (late->n > 0) {
        memcpy(origins, late->origins + late->first, n * sizeof *origins);
        memcpy(origins + n, late->origins, (late->n - n) * sizeof *origins);
    }
    free(late->origins);
    late->origins = origins;
    late->first = 0;
    late->capacity = capacity;
    return true;
}
