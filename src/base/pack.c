/* SPDX-License-Identifier: Apache-2.0
 * pack.c: reading a packed file (pack.h). At open the header and the table are checked whole: every section lies in the file, names are terminated, sorted and
 * different; what is inside a section is its reader's business. */
#include "base/pack.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/pack_format.h"

#define MEND_AGAIN "pack the model again with `wick pack`, or copy the file again"

struct wick_pack {
    const uint8_t *data;
    size_t size_bytes;
    const pack_entry *entries; /* [n_sections] */
    size_t n_sections;
    wick_mapped mapped; /* {0}: in memory */
    char *where;
};

bool wick_pack_is_at(const char *path)
{
    const size_t n = strlen(path);
    wick_mapped mapped;
    if (wick_mapped_open(path, &mapped, NULL) != WICK_OK)
        return false; /* a folder called NAME.wick is a folder */
    const bool is_called = n > 5 && strcmp(path + n - 5, ".wick") == 0;
    const bool is_one = is_called || (mapped.size_bytes >= sizeof PACK_MAGIC &&
                                      memcmp(mapped.data, PACK_MAGIC, sizeof PACK_MAGIC - 1) == 0);
    wick_mapped_close(&mapped);
    return is_one;
}

static int check_entry(const wick_pack *pack, size_t i, wick_error *error)
{
    const pack_entry *entry = &pack->entries[i];
    size_t end;
    const bool is_named = entry->name[0] && memchr(entry->name, 0, sizeof entry->name);
    if (!is_named || (i > 0 && strcmp(pack->entries[i - 1].name, entry->name) >= 0))
        return wick_fail(error, WICK_E_CORRUPT, pack->where, MEND_AGAIN, "the packed model's table is damaged at %zu",
                         i);
    if (entry->begin % WICK_PACK_ALIGNMENT != 0 || entry->begin > pack->size_bytes ||
        !wick_add_size((size_t)entry->begin, (size_t)entry->n_bytes, &end) || end > pack->size_bytes ||
        entry->n_bytes > SIZE_MAX)
        return wick_fail(error, WICK_E_CORRUPT, pack->where, MEND_AGAIN,
                         "section %s of the packed model does not lie in the file", entry->name);
    return WICK_OK;
}

static int check_header(const wick_pack *pack, const pack_header *header, wick_error *error)
{
    size_t table_bytes, end;
    if (pack->size_bytes < sizeof *header || memcmp(header->magic, PACK_MAGIC, sizeof PACK_MAGIC) != 0)
        return wick_fail(error, WICK_E_CORRUPT, pack->where, "name a file that `wick pack` wrote, or a model's folder",
                         "not a packed model");
    if (header->byte_order != PACK_BYTE_ORDER)
        return wick_fail(error, WICK_E_UNSUPPORTED, pack->where, "pack the model on a machine of this byte order",
                         "the packed model is of a machine with another byte order");
    if (header->format > PACK_FORMAT)
        return wick_fail(error, WICK_E_UNSUPPORTED, pack->where, "update Wick, or pack the model again with this one",
                         "the packed model has format %u, made by a newer Wick; this one (%s) reads %u",
                         (unsigned)header->format, WICK_VERSION, PACK_FORMAT);
    if (header->format < PACK_FORMAT)
        return wick_fail(error, WICK_E_UNSUPPORTED, pack->where, "pack the model again with `wick pack`",
                         "the packed model has format %u, made by an older Wick; this one (%s) reads %u",
                         (unsigned)header->format, WICK_VERSION, PACK_FORMAT);
    if (header->file_bytes != pack->size_bytes)
        return wick_fail(error, WICK_E_CORRUPT, pack->where, MEND_AGAIN,
                         "the packed model is cut or was added to: %zu bytes, written were %llu", pack->size_bytes,
                         (unsigned long long)header->file_bytes);
    if (header->n_sections > WICK_PACK_MAX_SECTIONS ||
        !wick_mul_size((size_t)header->n_sections, sizeof *pack->entries, &table_bytes) ||
        !wick_add_size(sizeof *header, table_bytes, &end) || end > pack->size_bytes ||
        pack_head_checksum(header, (const pack_entry *)(const void *)(pack->data + sizeof *header)) != header->checksum)
        return wick_fail(error, WICK_E_CORRUPT, pack->where, MEND_AGAIN, "the packed model's table is damaged");
    return WICK_OK;
}

static int check(wick_pack *pack, wick_error *error)
{
    pack_header header = {0};
    if (pack->size_bytes >= sizeof header)
        memcpy(&header, pack->data, sizeof header);
    int code = check_header(pack, &header, error);
    if (code != WICK_OK)
        return code;
    pack->entries = (const pack_entry *)(const void *)(pack->data + sizeof header);
    pack->n_sections = (size_t)header.n_sections;
    for (size_t i = 0; i < pack->n_sections && code == WICK_OK; i++)
        code = check_entry(pack, i, error);
    return code;
}

static wick_pack *new_pack(const char *where)
{
    wick_pack *pack = calloc(1, sizeof *pack);
    if (pack && !(pack->where = strdup(where))) {
        free(pack);
        pack = NULL;
    }
    return pack;
}

static int finish(wick_pack *pack, wick_pack **out, wick_error *error)
{
    const int code = check(pack, error);
    if (code == WICK_OK)
        *out = pack;
    else
        wick_pack_close(pack);
    return code;
}

int wick_pack_open(const char *path, wick_pack **out, wick_error *error)
{
    *out = NULL;
    wick_pack *pack = new_pack(path);
    if (!pack)
        return wick_fail_memory(error, path);
    const int code = wick_mapped_open(path, &pack->mapped, error);
    if (code != WICK_OK) {
        wick_pack_close(pack);
        return code;
    }
    pack->data = pack->mapped.data;
    pack->size_bytes = pack->mapped.size_bytes;
    return finish(pack, out, error);
}

int wick_pack_open_memory(const uint8_t *data, size_t n, const char *where, wick_pack **out, wick_error *error)
{
    *out = NULL;
    wick_pack *pack = new_pack(where);
    if (!pack)
        return wick_fail_memory(error, where);
    pack->data = data;
    pack->size_bytes = n;
    return finish(pack, out, error);
}

void wick_pack_close(wick_pack *pack)
{
    if (!pack)
        return;
    wick_mapped_close(&pack->mapped);
    free(pack->where);
    free(pack);
}

static const pack_entry *find(const wick_pack *pack, const char *name)
{
    size_t low = 0, high = pack->n_sections;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(pack->entries[middle].name, name);
        if (order == 0)
            return &pack->entries[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const void *wick_pack_find(const wick_pack *pack, const char *name, size_t *n_bytes)
{
    const pack_entry *entry = find(pack, name);
    *n_bytes = entry ? (size_t)entry->n_bytes : 0;
    return entry ? pack->data + entry->begin : NULL;
}

int wick_pack_take(const wick_pack *pack, const char *name, const void **data, size_t *n_bytes, wick_error *error)
{
    const pack_entry *entry = find(pack, name);
    if (!entry)
        return wick_pack_fail(pack, name, "is missing", error);
    *data = pack->data + entry->begin;
    *n_bytes = (size_t)entry->n_bytes;
    if (pack_checksum(*data, *n_bytes) != entry->checksum)
        return wick_pack_fail(pack, name, "is damaged", error);
    return WICK_OK;
}

/* ---- all checksums -------------------------------------------------------------------------------------------------- */

typedef struct verify_job {
    const wick_pack *pack;
    size_t *first_blocks;   /* [n_sections + 1] */
    _Atomic uint64_t *sums; /* [n_sections] */
    atomic_size_t next;
} verify_job;

static void verify_worker(void *arg, unsigned thread_index)
{
    (void)thread_index;
    verify_job *job = arg;
    const wick_pack *pack = job->pack;
    size_t block, section = 0;
    while ((block = atomic_fetch_add(&job->next, 1)) < job->first_blocks[pack->n_sections]) {
        while (block >= job->first_blocks[section + 1])
            section++;
        const pack_entry *entry = &pack->entries[section];
        atomic_fetch_add(&job->sums[section], pack_block_checksum(pack->data + entry->begin, (size_t)entry->n_bytes,
                                                                  block - job->first_blocks[section]));
    }
}

int wick_pack_verify(const wick_pack *pack, wick_pool *pool, wick_error *error)
{
    const size_t n = pack->n_sections;
    verify_job job = {.pack = pack};
    int code = WICK_OK;
    job.first_blocks = calloc(n + 1, sizeof *job.first_blocks);
    job.sums = calloc(n + 1, sizeof *job.sums);
    if (!job.first_blocks || !job.sums) {
        code = wick_fail_memory(error, pack->where);
        goto done;
    }
    /* No overflow: sections lie in the file, and there are at most WICK_PACK_MAX_SECTIONS. */
    for (size_t i = 0; i < n; i++)
        job.first_blocks[i + 1] = job.first_blocks[i] + pack_blocks((size_t)pack->entries[i].n_bytes);
    atomic_init(&job.next, 0);
    if (pool)
        wick_pool_run(pool, 0, verify_worker, &job);
    else
        verify_worker(&job, 0);
    for (size_t i = 0; i < n && code == WICK_OK; i++)
        if (pack->entries[i].n_bytes + atomic_load(&job.sums[i]) != pack->entries[i].checksum)
            code = wick_pack_fail(pack, pack->entries[i].name, "is damaged", error);
    if (pack->mapped.data) /* all of it was read; what is needed comes back when it is used */
        wick_mapped_release_pages(pack->data, pack->size_bytes);
done:
    free(job.first_blocks);
    free((void *)job.sums);
    return code;
}

const char *wick_pack_where(const wick_pack *pack)
{
    return pack->where;
}

uint64_t wick_pack_identity(const wick_pack *pack)
{
    return pack->mapped.identity;
}

int wick_pack_fail(const wick_pack *pack, const char *name, const char *what, wick_error *error)
{
    return wick_fail(error, WICK_E_CORRUPT, pack->where, MEND_AGAIN, "section %s of the packed model %s", name, what);
}
