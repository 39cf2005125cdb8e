/* SPDX-License-Identifier: Apache-2.0
 * support_pack.c: see support_pack.h. */
#include "support_pack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/pack_format.h"
#include "provider/pack.h"

typedef struct sink {
    uint8_t *bytes;
    size_t n;
} sink;

static void take(void *arg, const void *data, size_t n)
{
    sink *s = arg;
    memcpy(s->bytes + s->n, data, n);
    s->n += n;
}

uint8_t *support_pack_finish(wick_pack_writer *writer, size_t *n)
{
    sink s = {0};
    void *bytes = NULL;
    *n = wick_pack_size(writer);
    assert_int_equal(posix_memalign(&bytes, WICK_PACK_ALIGNMENT, *n), 0);
    s.bytes = bytes;
    assert_int_equal(wick_pack_write(writer, take, &s, NULL), WICK_OK);
    assert_int_equal(s.n, *n);
    wick_pack_writer_free(writer);
    return s.bytes;
}

uint8_t *support_pack_make(const char *name, const char *dtype, size_t *n)
{
    const wick_pack_options options = {.dtype = dtype, .n_threads = 2};
    wick_pack_writer *writer = NULL;
    wick_error error = {0};
    if (wick_model_pack(name, &options, &writer, &error) != WICK_OK)
        fail_msg("packing %s in %s: %s (%s)", name, dtype, error.message, error.where);
    return support_pack_finish(writer, n);
}

uint8_t *support_pack_replace(const uint8_t *bytes, size_t n, const char *section, const void *data, size_t n_data,
                              size_t *n_out)
{
    pack_header header;
    assert_true(n >= sizeof header);
    memcpy(&header, bytes, sizeof header);
    const pack_entry *entries = (const pack_entry *)(const void *)(bytes + sizeof header);
    wick_pack_writer *writer = wick_pack_writer_new();
    assert_non_null(writer);
    bool is_found = false;
    for (size_t i = 0; i < header.n_sections; i++) {
        const bool is_it = strcmp(entries[i].name, section) == 0;
        is_found |= is_it;
        if (is_it && !data)
            continue;
        assert_int_equal(wick_pack_add(writer, entries[i].name, is_it ? data : bytes + entries[i].begin,
                                       is_it ? n_data : (size_t)entries[i].n_bytes, NULL),
                         WICK_OK);
    }
    assert_true(is_found);
    return support_pack_finish(writer, n_out);
}

void support_pack_reseal(uint8_t *bytes, size_t n)
{
    pack_header header;
    if (n < sizeof header)
        return;
    memcpy(&header, bytes, sizeof header);
    pack_entry *entries = (pack_entry *)(void *)(bytes + sizeof header);
    if (header.n_sections > (n - sizeof header) / sizeof *entries)
        return;
    for (size_t i = 0; i < header.n_sections; i++)
        if (entries[i].begin <= n && entries[i].n_bytes <= n - entries[i].begin)
            entries[i].checksum = pack_checksum(bytes + entries[i].begin, (size_t)entries[i].n_bytes);
    header.checksum = pack_head_checksum(&header, entries);
    memcpy(bytes, &header, sizeof header);
}
