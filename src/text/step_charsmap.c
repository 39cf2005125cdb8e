/* SPDX-License-Identifier: Apache-2.0
 * step_charsmap.c: Precompiled (normalizer_steps.h), as the tokenizers package runs SentencePiece's map (charsmap.h): a grapheme cluster of at most five bytes is
 * looked up as a whole, anything else character by character; the shortest key that begins it replaces all of it.
 *
 * Origins: a replacement takes the places of the characters that it replaces, and what it has more are additions. Where it has fewer, the
 * character given out last takes their places as well; before the first there is none, and then all that follows comes late by so many
 * places. So the newest character waits for the next one, and so do origins whose characters have come (wick_late_origins). */
#include "text/ascii.h"
#include "text/cluster.h"
#include "text/normalizer_steps.h"
#include "text/unicode_forms.h"

#define MAX_WHOLE_BYTES 5

typedef struct mapping {
    const wick_charsmap *map;
    const wick_normalized *in;
    wick_normalized *out;
    wick_late_origins *late;
    wick_encoding_state *state;
} mapping;

/* Appends the waiting character. */
static void flush(mapping *m)
{
    wick_late_origins *late = m->late;
    if (!late->has_character)
        return;
    uint32_t origin = late->last;
    if (late->change <= 0) {
        origin = wick_late_origins_first(late);
        wick_late_origins_drop(late, 1 + (size_t)-late->change);
    }
    wick_step_put(m->state, m->out, late->character, origin);
    late->has_character = false;
}

static void put(mapping *m, uint32_t c, bool added)
{
    flush(m);
    m->late->has_character = true;
    m->late->character = c;
    m->late->change = added;
}

/* Puts the replacement of n_replaced characters. */
static void put_replacement(mapping *m, const char *text, size_t n_replaced)
{
    size_t n = 0;
    for (uint32_t c; *text != '\0'; n++) {
        text += wick_utf8_decode(text, &c);
        put(m, c, n >= n_replaced);
    }
    if (n < n_replaced && m->late->has_character)
        m->late->change -= (int64_t)(n_replaced - n);
}

/* A cluster: in's bytes [begin, end). */
static void take_cluster(mapping *m, size_t begin, size_t end)
{
    const wick_normalized *in = m->in;
    const char *whole =
        end - begin <= MAX_WHOLE_BYTES ? wick_charsmap_find(m->map, in->bytes + begin, end - begin) : NULL;
    size_t n_chars = 0;
    for (size_t at = begin; at < end && !m->state->out_of_memory;) {
        uint32_t c;
        const unsigned n = wick_utf8_decode(in->bytes + at, &c);
        if (!wick_late_origins_add(m->late, in->origins[at]))
            m->state->out_of_memory = true;
        n_chars++;
        if (!whole) {
            /* a cluster of one character was looked up already, unless it is all that is too long for that, which it never is */
            const char *part = n == end - begin ? NULL : wick_charsmap_find(m->map, in->bytes + at, n);
            if (part)
                put_replacement(m, part, 1);
            else
                put(m, c, false);
        }
        at += n;
    }
    if (whole)
        put_replacement(m, whole, n_chars);
}

/* Where the ASCII characters from `at` on end that the map leaves as they are and that are clusters of their own: the last of a run is left out, marks may follow it. */
static size_t end_of_plain(const mapping *m, size_t at)
{
    const wick_normalized *in = m->in;
    size_t end = at;
    unsigned n = WICK_ASCII_STEP;
    for (; m->map->ascii_is_plain && n == WICK_ASCII_STEP && end < in->n_bytes; end += n)
        n = wick_ascii_leading(
            wick_ascii_within(wick_ascii_load(in->bytes + end), WICK_ASCII_FIRST_PLAIN, WICK_ASCII_LAST_PLAIN));
    if (!m->map->ascii_is_plain)
        while (end < in->n_bytes &&
               (uint8_t)in->bytes[end] - WICK_ASCII_FIRST_PLAIN <= WICK_ASCII_LAST_PLAIN - WICK_ASCII_FIRST_PLAIN &&
               !m->map->ascii_changes[(uint8_t)in->bytes[end]])
            end++;
    end = end < in->n_bytes ? end : in->n_bytes;
    return end > at ? end - 1 : at;
}

/* Takes in's bytes [at, end), which stay as they are. */
static void take_plain(mapping *m, size_t at, size_t end)
{
    flush(m);
    if (m->late->n > 0) { /* all comes late */
        for (; at < end; at++)
            take_cluster(m, at, at + 1);
        return;
    }
    wick_step_copy(m->state, m->out, m->in, at, end - 1);
    take_cluster(m, end - 1, end); /* which may take the places of characters that are dropped */
}

size_t wick_step_charsmap(const wick_charsmap *map, const wick_normalized *in, bool is_end, wick_late_origins *late,
                          wick_encoding_state *state, wick_normalized *out)
{
    mapping m = {map, in, out, late, state};
    size_t at = 0;
    while (at < in->n_bytes && !state->out_of_memory) {
        wick_cluster cluster = {0};
        const size_t plain = end_of_plain(&m, at);
        if (plain > at) {
            take_plain(&m, at, plain);
            at = plain;
        }
        size_t end = at;
        uint32_t c;
        while (end < in->n_bytes) {
            const unsigned n = wick_utf8_decode(in->bytes + end, &c);
            const wick_cluster_class class = (wick_cluster_class)(wick_unicode_form(c) & WICK_FORM_CLASS);
            if (!wick_cluster_joins(&cluster, class) && end > at)
                break;
            end += n;
        }
        if (end == in->n_bytes && !is_end)
            return at;
        take_cluster(&m, at, end);
        at = end;
    }
    if (is_end)
        flush(&m);
    return at;
}
