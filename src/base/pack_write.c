/* SPDX-License-Identifier: Apache-2.0
 * pack_write.c: writing a packed file (pack.h): sections are gathered, then the header, the table and their bytes go to the caller's sink. */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/pack_format.h"

typedef struct section {
    pack_entry entry;
    const void *data;
    void *owned; /* NULL: the caller's */
} section;

struct wick_pack_writer {
    section *sections;
    size_t n, capacity;
    void (*free_kept)(void *arg);
    void *kept;
};

wick_pack_writer *wick_pack_writer_new(void)
{
    return calloc(1, sizeof(wick_pack_writer));
}

void wick_pack_writer_free(wick_pack_writer *writer)
{
    if (!writer)
        return;
    for (size_t i = 0; i < writer->n; i++)
        free(writer->sections[i].owned);
    if (writer->free_kept)
        writer->free_kept(writer->kept);
    free(writer->sections);
    free(writer);
}

int wick_pack_add(wick_pack_writer *writer, const char *name, const void *data, size_t n_bytes, wick_error *error)
{
    section added = {.data = data};
    if (name[0] == '\0' || strlen(name) >= sizeof added.entry.name || writer->n >= WICK_PACK_MAX_SECTIONS)
        return wick_fail(error, WICK_E_INVALID_INPUT, name, NULL, "not a section's name, or too many sections");
    for (size_t i = 0; i < writer->n; i++)
        if (strcmp(writer->sections[i].entry.name, name) == 0)
            return wick_fail(error, WICK_E_INVALID_INPUT, name, NULL, "the section is there already");
    if (writer->n == writer->capacity) {
        const size_t capacity = writer->capacity ? 2 * writer->capacity : 64;
        section *grown = realloc(writer->sections, capacity * sizeof *grown);
        if (!grown)
            return wick_fail_memory(error, name);
        writer->sections = grown;
        writer->capacity = capacity;
    }
    memcpy(added.entry.name, name, strlen(name));
    added.entry.n_bytes = n_bytes;
    writer->sections[writer->n++] = added;
    return WICK_OK;
}

int wick_pack_give(wick_pack_writer *writer, const char *name, void *data, size_t n_bytes, wick_error *error)
{
    const int code = wick_pack_add(writer, name, data, n_bytes, error);
    if (code == WICK_OK)
        writer->sections[writer->n - 1].owned = data;
    else
        free(data);
    return code;
}

void wick_pack_keep(wick_pack_writer *writer, void (*free_kept)(void *arg), void *arg)
{
    writer->free_kept = free_kept;
    writer->kept = arg;
}

static size_t rounded(size_t n)
{
    return (n + WICK_PACK_ALIGNMENT - 1) / WICK_PACK_ALIGNMENT * WICK_PACK_ALIGNMENT;
}

size_t wick_pack_size(const wick_pack_writer *writer)
{
    size_t n_bytes = sizeof(pack_header) + writer->n * sizeof(pack_entry);
    for (size_t i = 0; i < writer->n; i++) /* all of it is in memory: no overflow */
        n_bytes += rounded((size_t)writer->sections[i].entry.n_bytes);
    return n_bytes;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const section *)a)->entry.name, ((const section *)b)->entry.name);
}

int wick_pack_write(wick_pack_writer *writer, wick_pack_sink sink, void *arg, wick_error *error)
{
    static const uint8_t zeros[WICK_PACK_ALIGNMENT];
    pack_header header = {.magic = PACK_MAGIC,
                          .byte_order = PACK_BYTE_ORDER,
                          .format = PACK_FORMAT,
                          .file_bytes = wick_pack_size(writer),
                          .n_sections = writer->n};
    size_t at = sizeof header + writer->n * sizeof(pack_entry);
    pack_entry *table = calloc(writer->n + 1, sizeof *table);
    if (!table)
        return wick_fail_memory(error, "the packed model's table");
    qsort(writer->sections, writer->n, sizeof *writer->sections, by_name);
    for (size_t i = 0; i < writer->n; i++) {
        section *one = &writer->sections[i];
        one->entry.begin = at;
        one->entry.checksum = pack_checksum(one->data, (size_t)one->entry.n_bytes);
        at += rounded((size_t)one->entry.n_bytes);
        table[i] = one->entry;
    }
    header.checksum = pack_head_checksum(&header, table);
    sink(arg, &header, sizeof header);
    sink(arg, table, writer->n * sizeof *table);
    for (size_t i = 0; i < writer->n; i++) {
        const size_t n = (size_t)writer->sections[i].entry.n_bytes;
        if (n > 0)
            sink(arg, writer->sections[i].data, n);
        sink(arg, zeros, rounded(n) - n);
    }
    free(table);
    return WICK_OK;
}
