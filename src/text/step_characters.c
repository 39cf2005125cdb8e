/* SPDX-License-Identifier: Apache-2.0
 * step_characters.c: the steps of a normaliser that look at one character at a time (normalizer_steps.h). */
#include "text/ascii.h"
#include "text/byte_level.h"
#include "text/normalizer_steps.h"
#include "text/unicode.h"

#define MAX_PARTS 4 /* characters that one becomes */

/* What Nmt drops, and what it makes a space (found by asking the tokenizers package about every code point). */
static unsigned nmt(uint32_t c, uint32_t *out)
{
    if ((c >= 0x1 && c <= 0x8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F)
        return 0;
    const bool is_space = c == 0x9 || c == 0xA || c == 0xC || c == 0xD || c == 0x1680 || (c >= 0x200B && c <= 0x200F) ||
                          c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
    *out = is_space ? ' ' : c;
    return 1;
}

/* What a character becomes; returns how many characters that is. */
static unsigned map(wick_normalizer_step step, uint32_t c, uint32_t out[MAX_PARTS])
{
    const wick_unicode_record *record = wick_unicode_of(c);
    char bytes[4];
    unsigned n = 1;
    out[0] = c;
    switch (step) {
    case WICK_STEP_CLEAN:
        out[0] = record->flags & WICK_CHAR_SPACE ? ' ' : c;
        return !(record->flags & WICK_CHAR_DROP);
    case WICK_STEP_ACCENTS:
        return !(record->flags & WICK_CHAR_ACCENT);
    case WICK_STEP_MARKS:
        return !(record->flags & WICK_CHAR_MARK);
    case WICK_STEP_NMT:
        return nmt(c, out);
    case WICK_STEP_CHINESE:
        if (!(record->flags & WICK_CHAR_CHINESE))
            return 1;
        out[0] = out[2] = ' ';
        out[1] = c;
        return 3;
    case WICK_STEP_LOWER:
        if (c == WICK_DOTTED_CAPITAL_I) {
            out[n++] = WICK_COMBINING_DOT_ABOVE;
            out[0] = 'i';
        } else {
            out[0] = (uint32_t)((int32_t)c + record->lower_delta);
        }
        return n;
    case WICK_STEP_BYTES:
        n = wick_utf8_encode(c, bytes);
        for (unsigned i = 0; i < n; i++)
            out[i] = wick_byte_level_character((uint8_t)bytes[i]);
        return n;
    default:
        return n;
    }
}

/* How many of the bytes at text[0..n) are ASCII that the step leaves as it is, as far as a quick look tells. text has WICK_ASCII_STEP bytes more. */
static size_t same_ascii(wick_normalizer_step step, const char *text, size_t n)
{
    size_t at = 0;
    unsigned n_same = WICK_ASCII_STEP;
    while (n_same == WICK_ASCII_STEP && at < n) {
        const wick_bytes16 v = wick_ascii_load(text + at);
        wick_bytes16 same = wick_ascii_within(v, WICK_ASCII_FIRST_PLAIN, WICK_ASCII_LAST_PLAIN);
        if (step == WICK_STEP_LOWER)
            same &= ~wick_ascii_within(v, 'A', 'Z');
        else if (step == WICK_STEP_BYTES)
            same = wick_ascii_within(v, WICK_ASCII_FIRST_PLAIN + 1, WICK_ASCII_LAST_PLAIN);
        n_same = wick_ascii_leading(same);
        at += n_same;
    }
    return at < n ? at : n;
}

size_t wick_step_characters(wick_normalizer_step step, const wick_normalized *in, wick_encoding_state *state,
                            wick_normalized *out)
{
    size_t at = 0;
    while (at < in->n_bytes && !state->out_of_memory) {
        const size_t n_same = same_ascii(step, in->bytes + at, in->n_bytes - at);
        wick_step_copy(state, out, in, at, at + n_same);
        at += n_same;
        if (at == in->n_bytes)
            break;
        uint32_t c, parts[MAX_PARTS];
        const uint32_t origin = in->origins[at];
        at += wick_utf8_decode(in->bytes + at, &c);
        const unsigned n = map(step, c, parts);
        for (unsigned i = 0; i < n; i++)
            wick_step_put(state, out, parts[i], origin);
    }
    return in->n_bytes;
}
