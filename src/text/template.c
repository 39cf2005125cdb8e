/* SPDX-License-Identifier: Apache-2.0
 * template.c: trimming offsets (template.h). */
#include "text/template.h"

#include "base/utf8.h"
#include "text/unicode.h"

#define BYTE_LEVEL_SPACE 0x120u /* what stands for a space behind ByteLevel */

static bool is_space(uint32_t c)
{
    return c == BYTE_LEVEL_SPACE || (wick_unicode_of(c)->flags & WICK_CHAR_SPACE);
}

wick_added_space wick_template_space_of(const char *text, size_t n)
{
    wick_added_space space = {0};
    uint32_t n_chars = 0;
    for (size_t at = 0; at < n; n_chars++) {
        uint32_t c;
        at += wick_utf8_decode(text + at, &c);
        space.trailing = is_space(c) ? space.trailing + 1 : 0;
        space.leading += space.leading == n_chars && space.trailing > 0;
    }
    return space;
}

void wick_template_note_space(wick_encoding_state *state, const char *text, size_t n)
{
    state->is_special[state->n_tokens - 1] = WICK_HAS_SPACE;
    state->spaces[state->n_tokens - 1] = wick_template_space_of(text, n);
}

/* Of token i; it is no longer told apart. */
static wick_added_space take_space(const wick_trim *trim, wick_encoding_state *state, size_t i)
{
    if (state->is_special[i] == WICK_HAS_SPACE) {
        state->is_special[i] = false;
        return state->spaces[i];
    }
    const wick_token_space *by_id = &trim->spaces[state->ids[i]];
    return (wick_added_space){by_id->leading, by_id->trailing};
}

void wick_template_trim(const wick_trim *trim, wick_encoding_state *state, size_t first, size_t end_of_all)
{
    for (size_t i = first; trim->spaces && i < end_of_all; i++) {
        wick_added_space space = take_space(trim, state, i);
        const uint32_t begin = state->starts[i], end = state->ends[i];
        if (trim->add_prefix_space && space.leading == 1 && (i == first || begin == 0))
            space.leading = 0;
        /* Without asking whether there is any: every other token begins with a space, which no processor foresees. */
        const uint32_t from = space.leading < end - begin ? begin + space.leading : end;
        const uint32_t to = end >= space.trailing ? end - space.trailing : end;
        state->starts[i] = from;
        state->ends[i] = to > from ? to : from;
    }
}
