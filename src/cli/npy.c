/* SPDX-License-Identifier: Apache-2.0
 * npy.c: NumPy's format 1.0 to 3.0: magic, version, length of the header as u16 (from 2.0 on u32), a Python dict, 64-byte aligned in all, then the values (npy.h). */
#include "cli/npy.h"
#include "base/checked.h"
#include "base/error.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char magic[] = "\x93NUMPY";
#define MAGIC_BYTES (sizeof magic - 1)
#define MAX_DICT_BYTES 4096 /* three keys have some 60 */

void wick_npy_header(char out[WICK_NPY_HEADER_BYTES], const char *type, uint64_t n_rows, size_t n_columns)
{
    static const char version[] = {1, 0, WICK_NPY_HEADER_BYTES - 10, 0};
    char dict[WICK_NPY_HEADER_BYTES];
    int n = snprintf(dict, sizeof dict, "{'descr': '%s', 'fortran_order': False, 'shape': (%" PRIu64 ", %zu), }", type,
                     n_rows, n_columns);
    memset(out, ' ', WICK_NPY_HEADER_BYTES);
    memcpy(out, magic, MAGIC_BYTES);
    memcpy(out + MAGIC_BYTES, version, sizeof version);
    memcpy(out + MAGIC_BYTES + sizeof version, dict, (size_t)n);
    out[WICK_NPY_HEADER_BYTES - 1] = '\n';
}

static int fail(const char *path, const char *what, wick_error *error)
{
    return wick_fail(error, WICK_E_INVALID_INPUT, path, "make it with wick embed --output FILE.npy, or numpy.save",
                     "the file is %s", what);
}

/* What stands behind 'key': in the dict; NULL: it is not there. */
static const char *value_of(const char *dict, const char *key)
{
    const char *found = strstr(dict, key);
    return found ? found + strlen(key) + strspn(found + strlen(key), " ") : NULL;
}

static int read_dict(const char *dict, const char *path, wick_npy *out, wick_error *error)
{
    const char *type = value_of(dict, "'descr':"), *order = value_of(dict, "'fortran_order':"),
               *shape = value_of(dict, "'shape':");
    int n = 0;
    if (!type || !order || !shape)
        return fail(path, "no npy that says type, order and shape", error);
    if (strncmp(type, "'<f4'", 5) != 0)
        return fail(path, "not of f32 values (<f4)", error);
    if (strncmp(order, "False", 5) != 0)
        return fail(path, "in Fortran order", error);
    if (sscanf(shape, "(%zu, %zu)%n", &out->n_rows, &out->n_columns, &n) != 2 || n == 0)
        return fail(path, "not of shape (vectors, dimension)", error);
    return WICK_OK;
}

/* Where the values begin; 0: it is no npy. The dict, terminated, to dict. */
static size_t find_dict(const uint8_t *data, size_t n, char dict[MAX_DICT_BYTES])
{
    if (n < MAGIC_BYTES + 6 || memcmp(data, magic, MAGIC_BYTES) != 0 || data[6] < 1 || data[6] > 3)
        return 0;
    const size_t begin = data[6] == 1 ? 10 : 12;
    size_t n_dict = data[8] | (size_t)data[9] << 8;
    if (data[6] > 1)
        n_dict |= (size_t)data[10] << 16 | (size_t)data[11] << 24;
    if (n_dict >= MAX_DICT_BYTES || n_dict > n - begin)
        return 0;
    memcpy(dict, data + begin, n_dict);
    dict[n_dict] = '\0';
    return begin + n_dict;
}

int wick_npy_open(const char *path, wick_npy *out, wick_error *error)
{
    char dict[MAX_DICT_BYTES];
    size_t n_values, n_bytes;
    *out = (wick_npy){0};
    int rc = wick_mapped_open(path, &out->mapped, error);
    if (rc != WICK_OK)
        return rc;
    const size_t begin = find_dict(out->mapped.data, out->mapped.size_bytes, dict);
    rc = begin ? read_dict(dict, path, out, error) : fail(path, "no npy", error);
    if (rc == WICK_OK &&
        (!wick_mul_size(out->n_rows, out->n_columns, &n_values) || !wick_mul_size(n_values, sizeof(float), &n_bytes) ||
         n_bytes > out->mapped.size_bytes - begin || begin % sizeof(float) != 0))
        rc = fail(path, "shorter than it says", error);
    if (rc != WICK_OK) {
        wick_npy_close(out);
        return rc;
    }
    out->values = (const float *)(const void *)(out->mapped.data + begin);
    return WICK_OK;
}

void wick_npy_close(wick_npy *npy)
{
    wick_mapped_close(&npy->mapped);
    *npy = (wick_npy){0};
}
