/* SPDX-License-Identifier: Apache-2.0
 * safetensors.c: checks a safetensors file and makes views of its tensors. Every number of the header is hostile
 * until it is proved to lie inside the file; after that, views are used without further checks. */
#include "model/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/json.h"
#include "model/json_keys.h"

#define LENGTH_BYTES 8
#define METADATA_KEY "__metadata__"

static const char mend_download[] = "download the model again";
/* What stands in the file's place where a repository was cloned without git-lfs. */
static const char lfs_pointer[] = "version https://git-lfs";

/* The dtypes of safetensors 0.8. */
static const struct dtype {
    const char *name;
    unsigned n_bits;
    wick_dtype dtype;
} dtypes[] = {
    {"F32", 32, WICK_DTYPE_F32},          {"F16", 16, WICK_DTYPE_F16},      {"BF16", 16, WICK_DTYPE_BF16},
    {"F64", 64, WICK_DTYPE_OTHER},        {"I64", 64, WICK_DTYPE_OTHER},    {"U64", 64, WICK_DTYPE_OTHER},
    {"C64", 64, WICK_DTYPE_OTHER},        {"I32", 32, WICK_DTYPE_OTHER},    {"U32", 32, WICK_DTYPE_OTHER},
    {"I16", 16, WICK_DTYPE_OTHER},        {"U16", 16, WICK_DTYPE_OTHER},    {"I8", 8, WICK_DTYPE_OTHER},
    {"U8", 8, WICK_DTYPE_OTHER},          {"BOOL", 8, WICK_DTYPE_OTHER},    {"F8_E4M3", 8, WICK_DTYPE_OTHER},
    {"F8_E5M2", 8, WICK_DTYPE_OTHER},     {"F8_E8M0", 8, WICK_DTYPE_OTHER}, {"F8_E4M3FNUZ", 8, WICK_DTYPE_OTHER},
    {"F8_E5M2FNUZ", 8, WICK_DTYPE_OTHER}, {"F6_E2M3", 6, WICK_DTYPE_OTHER}, {"F6_E3M2", 6, WICK_DTYPE_OTHER},
    {"F4", 4, WICK_DTYPE_OTHER},
};

/* The data behind the header, and where errors go. */
typedef struct reader {
    const uint8_t *data;
    size_t data_bytes;
    const char *where;
    wick_error *error;
} reader;

static int corrupt(const reader *r, const char *name, const char *what)
{
    char shown[WICK_SHOWN_BYTES];
    return wick_fail(r->error, WICK_E_CORRUPT, r->where, mend_download, "tensor %s: %s", wick_shown(name, shown), what);
}

/* A non-negative integer that fits size_t. */
static bool size_of_json(const wick_json *value, size_t *out)
{
    int64_t integer;
    if (!wick_json_integer(value, &integer) || integer < 0 || (uint64_t)integer > SIZE_MAX)
        return false;
    *out = (size_t)integer;
    return true;
}

static int read_dtype(const reader *r, const wick_json *info, wick_tensor *tensor, unsigned *n_bits)
{
    size_t n_name;
    const char *name = wick_json_string(wick_json_get(info, "dtype"), &n_name);
    if (!name || strlen(name) != n_name)
        return corrupt(r, tensor->name, "dtype is not a name");
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (strcmp(name, dtypes[i].name) == 0) {
            tensor->dtype = dtypes[i].dtype;
            tensor->dtype_name = dtypes[i].name;
            *n_bits = dtypes[i].n_bits;
            return WICK_OK;
        }
    char shown[WICK_SHOWN_BYTES], shown_dtype[WICK_SHOWN_BYTES];
    return wick_fail(r->error, WICK_E_UNSUPPORTED, r->where, "convert the weights to F32, F16 or BF16",
                     "tensor %s: unknown dtype %s", wick_shown(tensor->name, shown), wick_shown(name, shown_dtype));
}

static int read_shape(const reader *r, const wick_json *info, wick_tensor *tensor, size_t *n_elements)
{
    const wick_json *shape = wick_json_get(info, "shape");
    if (wick_json_type_of(shape) != WICK_JSON_ARRAY)
        return corrupt(r, tensor->name, "shape is not an array");
    size_t n_dims = wick_json_count(shape);
    if (n_dims > WICK_MAX_DIMS) {
        char shown[WICK_SHOWN_BYTES];
        return wick_fail(r->error, WICK_E_UNSUPPORTED, r->where, NULL, "tensor %s: %zu dimensions, at most %d are read",
                         wick_shown(tensor->name, shown), n_dims, WICK_MAX_DIMS);
    }
    tensor->n_dims = (unsigned)n_dims;
    *n_elements = 1;
    for (size_t i = 0; i < n_dims; i++) {
        if (!size_of_json(wick_json_at(shape, i), &tensor->shape[i]))
            return corrupt(r, tensor->name, "shape holds something else than sizes");
        if (!wick_mul_size(*n_elements, tensor->shape[i], n_elements))
            return corrupt(r, tensor->name, "the product of shape overflows");
    }
    return WICK_OK;
}

/* data_offsets lie in the data and are as far apart as dtype and shape say. */
static int read_span(const reader *r, const wick_json *info, unsigned n_bits, size_t n_elements, wick_tensor *tensor)
{
    const wick_json *offsets = wick_json_get(info, "data_offsets");
    size_t begin, end, n_total_bits;
    if (wick_json_type_of(offsets) != WICK_JSON_ARRAY || wick_json_count(offsets) != 2 ||
        !size_of_json(wick_json_at(offsets, 0), &begin) || !size_of_json(wick_json_at(offsets, 1), &end))
        return corrupt(r, tensor->name, "data_offsets is not a pair of sizes");
    char shown[WICK_SHOWN_BYTES];
    if (begin > end || end > r->data_bytes)
        return wick_fail(r->error, WICK_E_CORRUPT, r->where, mend_download,
                         "tensor %s: data_offsets [%zu, %zu] in %zu bytes of data", wick_shown(tensor->name, shown),
                         begin, end, r->data_bytes);
    if (!wick_mul_size(n_elements, n_bits, &n_total_bits) || n_total_bits % 8 != 0)
        return corrupt(r, tensor->name, "shape and dtype give no whole number of bytes");
    if (n_total_bits / 8 != end - begin)
        return wick_fail(r->error, WICK_E_CORRUPT, r->where, mend_download,
                         "tensor %s: shape and %s need %zu bytes, data_offsets span %zu",
                         wick_shown(tensor->name, shown), tensor->dtype_name, n_total_bits / 8, end - begin);
    tensor->data = r->data + begin;
    tensor->size_bytes = end - begin;
    return WICK_OK;
}

static int read_tensor(const reader *r, const wick_json *info, wick_tensor *tensor)
{
    if (wick_json_type_of(info) != WICK_JSON_OBJECT)
        return corrupt(r, tensor->name, "its entry is not an object");
    unsigned n_bits = 0;
    size_t n_elements = 0;
    int code = read_dtype(r, info, tensor, &n_bits);
    if (code == WICK_OK)
        code = read_shape(r, info, tensor, &n_elements);
    if (code == WICK_OK)
        code = read_span(r, info, n_bits, n_elements, tensor);
    return code;
}

static int check_metadata(const reader *r, const wick_json *metadata)
{
    bool is_map_of_texts = wick_json_type_of(metadata) == WICK_JSON_OBJECT;
    for (const wick_json_member *it = wick_json_first(metadata); it; it = wick_json_next(metadata, it))
        is_map_of_texts = is_map_of_texts && wick_json_type_of(wick_json_value(it)) == WICK_JSON_STRING;
    if (!is_map_of_texts)
        return wick_fail(r->error, WICK_E_CORRUPT, r->where, mend_download,
                         METADATA_KEY " is not an object of strings");
    return WICK_OK;
}

static int compare_spans(const void *left, const void *right)
{
    const wick_tensor *a = left, *b = right;
    if (a->data != b->data)
        return a->data < b->data ? -1 : 1;
    return (a->size_bytes > b->size_bytes) - (a->size_bytes < b->size_bytes);
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(((const wick_tensor *)left)->name, ((const wick_tensor *)right)->name);
}

/* Byte 0 to the last, each in exactly one tensor: hidden bytes and shared ones are how files say two things at once. */
static int check_cover(const reader *r, wick_tensor *tensors, size_t n_tensors)
{
    qsort(tensors, n_tensors, sizeof *tensors, compare_spans);
    size_t covered = 0;
    char shown[WICK_SHOWN_BYTES];
    for (size_t i = 0; i < n_tensors; i++) {
        size_t begin = (size_t)(tensors[i].data - r->data);
        if (begin != covered)
            return wick_fail(r->error, WICK_E_CORRUPT, r->where, mend_download,
                             "tensor %s: its data %s at byte %zu of the data", wick_shown(tensors[i].name, shown),
                             begin < covered ? "overlaps another tensor's" : "leaves a hole",
                             begin < covered ? begin : covered);
        covered += tensors[i].size_bytes;
    }
    if (covered != r->data_bytes)
        return wick_fail(r->error, WICK_E_CORRUPT, r->where, mend_download,
                         "%zu bytes of data from byte %zu of the data on belong to no tensor", r->data_bytes - covered,
                         covered);
    return WICK_OK;
}

static int read_tensors(const reader *r, const wick_json *header, wick_arena *arena, wick_safetensors *out)
{
    size_t n_tensors = 0;
    wick_tensor *tensors = wick_arena_take(arena, wick_json_count(header), sizeof *tensors);
    if (!tensors)
        return wick_fail_memory(r->error, r->where);
    for (const wick_json_member *it = wick_json_first(header); it; it = wick_json_next(header, it)) {
        size_t n_name;
        const char *name = wick_json_key(it, &n_name);
        int code;
        if (strcmp(name, METADATA_KEY) == 0) {
            code = check_metadata(r, wick_json_value(it));
        } else {
            wick_tensor *tensor = &tensors[n_tensors++];
            tensor->name = wick_arena_copy_text(arena, name, n_name);
            if (!tensor->name)
                return wick_fail_memory(r->error, r->where);
            code = read_tensor(r, wick_json_value(it), tensor);
        }
        if (code != WICK_OK)
            return code;
    }
    int code = check_cover(r, tensors, n_tensors);
    if (code != WICK_OK)
        return code;
    qsort(tensors, n_tensors, sizeof *tensors, compare_names);
    out->tensors = tensors;
    out->n_tensors = n_tensors;
    return WICK_OK;
}

int wick_safetensors_parse(const uint8_t *data, size_t n, const char *where, wick_arena *arena, wick_safetensors *out,
                           wick_error *error)
{
    if (n < LENGTH_BYTES)
        return wick_fail(error, WICK_E_CORRUPT, where, mend_download,
                         "the file has %zu bytes, the header's length alone takes %d", n, LENGTH_BYTES);
    if (n > sizeof lfs_pointer && memcmp(data, lfs_pointer, sizeof lfs_pointer - 1) == 0)
        return wick_fail(error, WICK_E_CORRUPT, where,
                         "run git lfs pull in the model's folder, or download the model again",
                         "the file is a Git LFS pointer, not the weights themselves");
    uint64_t header_bytes = 0;
    for (unsigned i = 0; i < LENGTH_BYTES; i++)
        header_bytes |= (uint64_t)data[i] << (8 * i);
    if (header_bytes > WICK_MAX_SAFETENSORS_HEADER_BYTES)
        return wick_fail(error, WICK_E_CORRUPT, where, mend_download,
                         "bytes 0 to 7: a header of %llu bytes, at most %u are read", (unsigned long long)header_bytes,
                         WICK_MAX_SAFETENSORS_HEADER_BYTES);
    if (header_bytes > n - LENGTH_BYTES)
        return wick_fail(error, WICK_E_CORRUPT, where, mend_download,
                         "bytes 0 to 7: a header of %llu bytes in a file of %zu", (unsigned long long)header_bytes, n);
    if (header_bytes > WICK_MAX_HEADER_BYTES)
        return wick_fail(error, WICK_E_UNSUPPORTED, where, "choose a model with fewer tensors",
                         "bytes 0 to 7: a header of %llu bytes, at most %zu are read", (unsigned long long)header_bytes,
                         WICK_MAX_HEADER_BYTES);
    const char *text = (const char *)data + LENGTH_BYTES;
    if (header_bytes == 0 || text[0] != '{')
        return wick_fail(error, WICK_E_CORRUPT, where, mend_download, "byte 8: the header does not begin with '{'");
    wick_json *header = NULL;
    int code = wick_bounded_json_parse(text, (size_t)header_bytes, where, WICK_JSON_OBJECT, &header, error);
    if (code != WICK_OK)
        return code;
    reader r = {data + LENGTH_BYTES + header_bytes, n - LENGTH_BYTES - (size_t)header_bytes, where, error};
    out->header_bytes = (size_t)header_bytes;
    code = read_tensors(&r, header, arena, out);
    wick_json_free(header);
    return code;
}

int wick_safetensors_open(const char *path, wick_arena *arena, wick_safetensors *out, wick_error *error)
{
    *out = (wick_safetensors){.path = path};
    int code = wick_mapped_open(path, &out->mapped, error);
    if (code == WICK_OK)
        code = wick_safetensors_parse(out->mapped.data, out->mapped.size_bytes, path, arena, out, error);
    if (code != WICK_OK)
        wick_safetensors_close(out);
    return code;
}

void wick_safetensors_close(wick_safetensors *file)
{
    if (!file)
        return;
    wick_mapped_close(&file->mapped);
    file->tensors = NULL;
    file->n_tensors = 0;
}

const wick_tensor *wick_safetensors_find(const wick_safetensors *file, const char *name)
{
    wick_tensor key = {.name = name};
    return bsearch(&key, file->tensors, file->n_tensors, sizeof key, compare_names);
}
