/* SPDX-License-Identifier: Apache-2.0
 * splitter.c: finding the pieces of a stage (splitter.h): a pattern's next match or gap, and what the behaviour makes of them. One pass over the text, no memory. */
#include "text/metaspace.h"

#include <string.h>

#include "base/utf8.h"
#include "text/byte_level.h"
#include "text/split_patterns.h"

/* The next match, or gap between two, of a pattern: [at, end). */
typedef struct unit {
    size_t end;
    bool is_match;
} unit;

static bool has_flags(const wick_split_stage *stage, uint32_t c)
{
    return stage->flags ? (wick_unicode_of(c)->flags & stage->flags) != 0 : c == stage->code_point;
}

static bool next_of_chars(const wick_split_stage *stage, const char *text, size_t at, size_t end, bool is_last,
                          unit *out)
{
    uint32_t c;
    unsigned length = wick_utf8_decode(text + at, &c);
    if (has_flags(stage, c)) {
        *out = (unit){at + length, true};
        return true;
    }
    for (at += length; at < end; at += length) {
        length = wick_utf8_decode(text + at, &c);
        if (has_flags(stage, c))
            break;
    }
    *out = (unit){at, false};
    return at < end || is_last;
}

static bool next_of_string(const wick_split_stage *stage, const char *text, size_t at, size_t end, bool is_last,
                           unit *out)
{
    const size_t n = stage->n_string, begin = at;
    while (at < end) {
        const char *found = memchr(text + at, stage->string[0], end - at);
        if (!found)
            break;
        at = (size_t)(found - text);
        if (end - at < n) {
            if (!is_last && memcmp(found, stage->string, end - at) == 0)
                return false;
        } else if (memcmp(found, stage->string, n) == 0) {
            *out = at == begin ? (unit){at + n, true} : (unit){at, false};
            return true;
        }
        at++;
    }
    *out = (unit){end, false};
    return is_last;
}

static bool next_unit(const wick_split_stage *stage, const char *text, size_t at, size_t end, bool is_last, unit *out)
{
    bool found = false;
    out->is_match = true;
    switch (stage->pattern) {
    case WICK_SPLIT_CHARS:
        found = next_of_chars(stage, text, at, end, is_last, out);
        break;
    case WICK_SPLIT_STRING:
        found = next_of_string(stage, text, at, end, is_last, out);
        break;
    case WICK_SPLIT_GPT2:
        out->end = wick_match_gpt2(text, at, end, is_last);
        found = out->end > 0;
        break;
    case WICK_SPLIT_QWEN2:
        out->end = wick_match_qwen2(text, at, end, is_last, stage->max_digits);
        found = out->end > 0;
        break;
    case WICK_SPLIT_NOTHING:
    case WICK_SPLIT_KINDS: /* have no units */
        break;
    }
    out->is_match ^= stage->invert;
    return found;
}

static bool next_of_kinds(const wick_char_kinds *kinds, const char *text, size_t at, size_t end, bool is_last,
                          wick_split_piece *piece)
{
    uint32_t c;
    unsigned length = wick_utf8_decode(text + at, &c);
    const wick_char_kind kind = wick_char_kind_of(kinds, c);
    at += length;
    for (; kind != WICK_CHARS_ALONE && at < end; at += length) {
        length = wick_utf8_decode(text + at, &c);
        if (wick_char_kind_of(kinds, c) != kind)
            break;
    }
    *piece = (wick_split_piece){at, kind == WICK_CHARS_GAP};
    return kind == WICK_CHARS_ALONE || at < end || is_last;
}

/* Whether the behaviour puts two neighbours into one piece, the first of which begins it. */
static bool belong_together(wick_split_behavior behavior, bool first_is_match, bool second_is_match)
{
    switch (behavior) {
    case WICK_SPLIT_MERGED_WITH_PREVIOUS:
        return !first_is_match && second_is_match;
    case WICK_SPLIT_MERGED_WITH_NEXT:
        return first_is_match && !second_is_match;
    case WICK_SPLIT_CONTIGUOUS:
        return first_is_match == second_is_match;
    default:
        return false;
    }
}

bool wick_split_next(const wick_split_stage *stage, const char *text, size_t at, size_t end, bool is_last,
                     wick_split_piece *piece)
{
    unit first, next;
    if (stage->pattern == WICK_SPLIT_KINDS)
        return next_of_kinds(&stage->kinds, text, at, end, is_last, piece);
    if (stage->pattern == WICK_SPLIT_NOTHING) {
        *piece = (wick_split_piece){end, false};
        return is_last;
    }
    if (!next_unit(stage, text, at, end, is_last, &first))
        return false;
    *piece = (wick_split_piece){first.end, first.is_match && stage->behavior == WICK_SPLIT_REMOVED};
    if (stage->behavior <= WICK_SPLIT_ISOLATED)
        return true;
    do {
        if (piece->end == end)
            return is_last;
        if (!next_unit(stage, text, piece->end, end, is_last, &next))
            return false;
        if (!belong_together(stage->behavior, first.is_match, next.is_match))
            return true;
        piece->end = next.end;
    } while (stage->behavior == WICK_SPLIT_CONTIGUOUS);
    return true;
}

void wick_split_rewrite_text(const wick_split_stage *stage, wick_normalized *text, size_t from, bool begins,
                             bool at_start, wick_encoding_state *state)
{
    switch (stage->rewrite) {
    case WICK_REWRITE_NONE:
        break;
    case WICK_REWRITE_METASPACE:
        wick_metaspace_rewrite(stage, text, from, begins, at_start, state);
        break;
    case WICK_REWRITE_SPACE:
        if (begins)
            wick_byte_level_prefix(text, from, state);
        break;
    case WICK_REWRITE_BYTES:
        wick_byte_level_write(text, from, state);
        break;
    }
}
