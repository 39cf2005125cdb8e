/* SPDX-License-Identifier: Apache-2.0
 * step_strings.c: the steps of a normaliser that strip, prepend and replace (normalizer_steps.h). */
#include "text/normalizer_steps.h"
#include "text/unicode.h"

/* The length of the character at text[at] if it is white space, else 0. */
static unsigned space_at(const char *text, size_t at)
{
    uint32_t c;
    const unsigned n = wick_utf8_decode(text + at, &c);
    return wick_unicode_of(c)->flags & WICK_CHAR_SPACE ? n : 0;
}

size_t wick_step_strip_left(const wick_normalized *in, bool *begun, wick_encoding_state *state, wick_normalized *out)
{
    size_t at = 0;
    while (!*begun && at < in->n_bytes) {
        const unsigned n = space_at(in->bytes, at);
        *begun = n == 0;
        at += n;
    }
    wick_step_copy(state, out, in, at, in->n_bytes);
    return in->n_bytes;
}

size_t wick_step_strip_right(const wick_normalized *in, bool is_end, wick_encoding_state *state, wick_normalized *out)
{
    size_t end = in->n_bytes; /* behind the last character that is no white space */
    for (size_t at = end; at > 0 && end == at;) {
        do
            at--;
        while (((uint8_t)in->bytes[at] & 0xC0) == 0x80);
        if (space_at(in->bytes, at) > 0)
            end = at;
    }
    wick_step_copy(state, out, in, 0, end);
    return is_end ? in->n_bytes : end;
}

size_t wick_step_prepend(const wick_step_texts *texts, const wick_normalized *in, bool *begun,
                         wick_encoding_state *state, wick_normalized *out)
{
    if (!*begun && in->n_bytes > 0) {
        *begun = true;
        wick_step_put_text(state, out, texts->content, texts->n_content, in->origins[0]);
    }
    wick_step_copy(state, out, in, 0, in->n_bytes);
    return in->n_bytes;
}

size_t wick_step_replace(const wick_step_texts *texts, const wick_normalized *in, bool is_end,
                         wick_encoding_state *state, wick_normalized *out)
{
    const size_t n = texts->n_pattern;
    size_t done = 0, at = 0; /* in's bytes before `done` are dealt with */
    while (at < in->n_bytes && !state->out_of_memory) {
        const char *found = memchr(in->bytes + at, texts->pattern[0], in->n_bytes - at);
        at = found ? (size_t)(found - in->bytes) : in->n_bytes;
        const size_t n_left = in->n_bytes - at, n_compared = n_left < n ? n_left : n;
        if (n_left == 0 || memcmp(found, texts->pattern, n_compared) != 0) {
            at += n_left > 0;
        } else if (n_compared < n) { /* as far as it goes */
            if (!is_end)
                break;
            at++;
        } else {
            wick_step_copy(state, out, in, done, at);
            wick_step_put_text(state, out, texts->content, texts->n_content, in->origins[at + n - 1]);
            done = at += n;
        }
    }
    wick_step_copy(state, out, in, done, at);
    return at;
}

/* The length of the character at text[at] if a run is made of it, else 0. */
static unsigned run_at(const wick_step_texts *texts, const wick_normalized *in, size_t at)
{
    const uint32_t n = texts->n_pattern;
    if (n == 0)
        return space_at(in->bytes, at);
    return n <= in->n_bytes - at && memcmp(in->bytes + at, texts->pattern, n) == 0 ? n : 0;
}

/* Where the next character may stand that a run is made of; none can before. */
static size_t skip_others(const wick_step_texts *texts, const wick_normalized *in, size_t at)
{
    if (texts->n_pattern == 0)
        return at;
    const char *found = memchr(in->bytes + at, texts->pattern[0], in->n_bytes - at);
    return found ? (size_t)(found - in->bytes) : in->n_bytes;
}

size_t wick_step_replace_run(const wick_step_texts *texts, const wick_normalized *in, bool is_end,
                             wick_encoding_state *state, wick_normalized *out)
{
    size_t done = 0, at = 0;
    while ((at = skip_others(texts, in, at)) < in->n_bytes && !state->out_of_memory) {
        const size_t begin = at;
        size_t n_chars = 0;
        unsigned n;
        for (; at < in->n_bytes && (n = run_at(texts, in, at)) > 0; at += n)
            n_chars++;
        if (n_chars > 0 && at == in->n_bytes && !is_end) {
            at = begin; /* it may go on */
            break;
        }
        if (n_chars >= texts->min_run) {
            wick_step_copy(state, out, in, done, begin);
            wick_step_put_text(state, out, texts->content, texts->n_content, in->origins[at - 1]);
            done = at;
        } else if (n_chars == 0) {
            uint32_t c;
            at += wick_utf8_decode(in->bytes + at, &c);
        }
    }
    wick_step_copy(state, out, in, done, at);
    return at;
}
