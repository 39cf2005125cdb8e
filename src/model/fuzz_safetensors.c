/* SPDX-License-Identifier: Apache-2.0
 * fuzz_safetensors.c: any bytes as a safetensors file. Whatever is accepted must lie inside the bytes, cover them
 * once, and be found by name. An input that begins with '{' is a header up to the first line feed and the data behind
 * it: its length is put in front, so that mutations reach the header's content. */
#include <stdlib.h>
#include <string.h>

#include "model/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_tensors(const wick_safetensors *file, const uint8_t *data, size_t n)
{
    size_t n_covered = 0;
    for (size_t i = 0; i < file->n_tensors; i++) {
        const wick_tensor *tensor = &file->tensors[i];
        if (tensor->data < data || tensor->data + tensor->size_bytes > data + n)
            abort();
        if (wick_safetensors_find(file, tensor->name) != tensor)
            abort();
        if (tensor->dtype == WICK_DTYPE_F16 && tensor->size_bytes >= 2) {
            float last;
            wick_tensor_to_f32(tensor, tensor->size_bytes / 2 - 1, 1, &last);
        }
        n_covered += tensor->size_bytes;
    }
    if (n_covered >= n) /* the length and the header take some */
        abort();
}

static void parse(const uint8_t *data, size_t n)
{
    wick_arena arena = {0};
    wick_safetensors file = {0};
    wick_error error;
    if (wick_safetensors_parse(data, n, "fuzz", &arena, &file, &error) == WICK_OK)
        check_tensors(&file, data, n);
    wick_arena_clear(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0 || data[0] != '{') {
        parse(data, n);
        return 0;
    }
    const uint8_t *line_feed = memchr(data, '\n', n);
    size_t n_header = line_feed ? (size_t)(line_feed - data) : n, n_data = line_feed ? n - n_header - 1 : 0;
    uint8_t *file = malloc(8 + n_header + n_data);
    if (!file)
        return 0;
    for (unsigned i = 0; i < 8; i++)
        file[i] = (uint8_t)((uint64_t)n_header >> (8 * i));
    memcpy(file + 8, data, n_header);
    if (n_data > 0)
        memcpy(file + 8 + n_header, line_feed + 1, n_data);
    parse(file, 8 + n_header + n_data);
    free(file);
    return 0;
}
