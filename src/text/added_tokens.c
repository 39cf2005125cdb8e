/* SPDX-License-Identifier: Apache-2.0
 * added_tokens.c: finding added tokens in a text (added_tokens.h): leftmost, then longest; a match that fails single_word is passed over
 * as a whole, as in the tokenizers package. Linear in the text. */
#include "text/added_tokens.h"

#include <string.h>

#include "base/utf8.h"
#include "text/unicode.h"

/* The character that ends before text[at]; at > 0. */
static uint32_t character_before(const char *text, size_t at, size_t *begin)
{
    uint32_t c;
    do
        at--;
    while (((uint8_t)text[at] & 0xC0) == 0x80);
    *begin = at;
    wick_utf8_decode(text + at, &c);
    return c;
}

static bool word_before(const char *text, size_t at)
{
    size_t begin;
    return at > 0 && (wick_unicode_of(character_before(text, at, &begin))->flags & WICK_CHAR_WORD);
}

static bool word_after(const char *text, size_t n, size_t at)
{
    uint32_t c = 0;
    if (at == n)
        return false;
    wick_utf8_decode(text + at, &c);
    return wick_unicode_of(c)->flags & WICK_CHAR_WORD;
}

/* Where the white space that ends at `at` begins, at the earliest `first`. */
static size_t white_begin(const char *text, size_t first, size_t at)
{
    size_t begin;
    while (at > first && (wick_unicode_of(character_before(text, at, &begin))->flags & WICK_CHAR_SPACE))
        at = begin;
    return at;
}

/* Where the white space that begins at `at` ends. */
static size_t white_end(const char *text, size_t n, size_t at, wick_added_search *search)
{
    if (search->white_begin <= at && at < search->white_end)
        return search->white_end;
    search->white_begin = at;
    while (at < n) {
        uint32_t c;
        unsigned length = wick_utf8_decode(text + at, &c);
        if (!(wick_unicode_of(c)->flags & WICK_CHAR_SPACE))
            break;
        at += length;
    }
    search->white_end = at;
    return at;
}

/* The next byte from `at` on that a pattern may begin with; n where there is none. */
static size_t next_candidate(const wick_added_set *set, const char *text, size_t n, size_t at)
{
    if (set->only_first >= 0) {
        const char *found = at < n ? memchr(text + at, set->only_first, n - at) : NULL;
        return found ? (size_t)(found - text) : n;
    }
    while (at < n && !set->begins[(uint8_t)text[at]])
        at++;
    return at;
}

bool wick_added_tokens_next(const wick_added_set *set, const char *text, size_t n, wick_added_search *search,
                            size_t *start, size_t *stop, int32_t *id)
{
    if (set->n_tokens == 0)
        return false;
    while ((search->at = next_candidate(set, text, n, search->at)) < n) {
        uint32_t index;
        size_t begin = search->at, length = wick_token_trie_longest(&set->patterns, text + begin, n - begin, &index);
        if (length == 0) {
            search->at++;
            continue;
        }
        const wick_added_token *token = &set->tokens[index];
        size_t end = search->at = begin + length;
        if (token->single_word && (word_before(text, begin) || word_after(text, n, end)))
            continue;
        if (token->lstrip)
            begin = begin > search->done ? white_begin(text, search->done, begin) : search->done;
        if (token->rstrip)
            end = white_end(text, n, end, search);
        *start = begin < end ? begin : end;
        *stop = end;
        *id = token->id;
        search->done = end;
        return true;
    }
    return false;
}
