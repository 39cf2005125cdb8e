/* SPDX-License-Identifier: Apache-2.0
 * encode_kinds.c: a piece of text -> tokens, for WordPiece behind one pre-tokenizer that parts kinds of characters (encode_internal.h). The text is
 * normalised in slices that stay in the first-level cache, words are taken out of each as soon as they are complete, and work stops once max_tokens are there. */
#include <string.h>

#include "base/utf8.h"
#include "text/ascii.h"
#include "text/encode_internal.h"

/* The walk over a piece. */
typedef struct encoder {
    wick_tokenizing *t;
    const wick_tokenizer *tk;
    wick_encoding_state *state;
    bool in_word;        /* a word has begun and not ended */
    wick_char_kind kind; /* of its characters */
    size_t word_begin;   /* its first byte in state->text */
    size_t counted;      /* its bytes before this one are in n_word_chars */
    size_t n_word_chars;
    bool too_long;                      /* its bytes are no longer kept */
    uint32_t first_origin, last_origin; /* of a word that is too long */
} encoder;

/* Counts the word's characters up to byte `end`. What is within the limit by bytes needs no counting. */
static bool is_too_long(encoder *e, size_t end)
{
    size_t max = e->tk->model.wordpiece.max_word_chars;
    if (e->too_long)
        return true;
    if (end - e->word_begin <= max)
        return false;
    const char *bytes = e->state->text.bytes;
    for (; e->counted < end; e->counted++)
        e->n_word_chars += ((uint8_t)bytes[e->counted] & 0xC0) != 0x80;
    return e->n_word_chars > max;
}

static void begin_word(encoder *e, size_t at, wick_char_kind kind)
{
    e->in_word = true;
    e->kind = kind;
    e->word_begin = e->counted = at;
    e->n_word_chars = 0;
    e->too_long = false;
    e->first_origin = e->state->text.origins[at];
}

static void end_word(encoder *e, size_t end)
{
    const wick_normalized *text = &e->state->text;
    e->in_word = false;
    if (is_too_long(e, end)) {
        uint32_t last = end > e->word_begin ? text->origins[end - 1] : e->last_origin;
        wick_tokenizing_add(e->t, e->tk->model.wordpiece.unknown_id, e->first_origin, last + 1);
        return;
    }
    wick_wordpiece_run(&e->tk->model.wordpiece, text->bytes + e->word_begin, text->origins + e->word_begin,
                       end - e->word_begin, e->state);
    wick_tokenizing_keep_limit(e->t, WICK_LEFT_SLACK);
}

/* Where the characters of the word's kind that begin at `at` end, as far as they are ASCII. */
static size_t skip_ascii(const encoder *e, size_t at, size_t end)
{
    const uint8_t *bytes = (const uint8_t *)e->state->text.bytes;
    const uint8_t *kinds = e->tk->pretokenizer.kinds.ascii;
    if (e->kind == WICK_CHARS_WORD && e->tk->pretokenizer.kinds.has_plain_words) {
        unsigned n;
        do {
            wick_bytes16 v = wick_ascii_load(bytes + at);
            n = wick_ascii_leading(wick_ascii_within(v | 0x20, 'a', 'z') | wick_ascii_within(v, '0', '9'));
            at += n;
        } while (n == WICK_ASCII_STEP && at < end);
        at = at < end ? at : end;
    }
    while (at < end && bytes[at] < 0x80 && kinds[bytes[at]] == e->kind)
        at++;
    return at;
}

/* Takes the words out of the normalised bytes [at, end). The last one stays open. */
static void take_words(encoder *e, size_t at, size_t end)
{
    const char *bytes = e->state->text.bytes;
    while (at < end && !e->t->full) {
        if (e->in_word && (at = skip_ascii(e, at, end)) == end)
            return;
        uint32_t c;
        unsigned length = wick_utf8_decode(bytes + at, &c);
        wick_char_kind kind =
            c < 0x80 ? e->tk->pretokenizer.kinds.ascii[c] : wick_char_kind_of(&e->tk->pretokenizer.kinds, c);
        if (e->in_word && kind != e->kind)
            end_word(e, at);
        if (!e->in_word && kind != WICK_CHARS_GAP && !e->t->full) {
            begin_word(e, at, kind);
            if (kind == WICK_CHARS_ALONE)
                end_word(e, at + length);
        }
        at += length;
    }
}

/* Between two slices: keeps only the open word's bytes, and of a word that is too long only its ends. */
static void drop_taken(encoder *e)
{
    wick_normalized *text = &e->state->text;
    if (!e->in_word) {
        text->n_bytes = 0;
        return;
    }
    if (is_too_long(e, text->n_bytes)) {
        if (text->n_bytes > e->word_begin)
            e->last_origin = text->origins[text->n_bytes - 1];
        e->too_long = true;
        e->word_begin = text->n_bytes = 0;
        return;
    }
    size_t begin = e->word_begin, n = text->n_bytes - begin;
    if (begin > 0) {
        memmove(text->bytes, text->bytes + begin, n);
        memmove(text->origins, text->origins + begin, n * sizeof *text->origins);
    }
    text->n_bytes = n;
    e->counted -= begin;
    e->word_begin = 0;
}

/* A piece of text between added tokens, slice by slice. */
static void encode_slices(encoder *e, wick_source *source)
{
    while (source->at < source->end && !e->t->full && !e->state->out_of_memory) {
        size_t from = e->state->text.n_bytes;
        wick_normalizer_run(&e->tk->normalizer, source, WICK_SLICE_BYTES, e->state);
        if (e->state->out_of_memory)
            return;
        take_words(e, from, e->state->text.n_bytes);
        drop_taken(e);
    }
    if (e->in_word && !e->t->full)
        end_word(e, e->state->text.n_bytes);
}

/* The same where added tokens are looked for in the normalised text: that needs all of the piece at once. */
static void encode_whole(encoder *e, wick_source *source)
{
    wick_normalized *text = &e->state->text;
    wick_added_search search = {0};
    size_t start, stop, done = 0;
    int32_t id;
    wick_normalizer_run(&e->tk->normalizer, source, SIZE_MAX, e->state);
    while (!e->t->full && !e->state->out_of_memory) {
        bool found =
            wick_added_tokens_next(&e->tk->added.normalized, text->bytes, text->n_bytes, &search, &start, &stop, &id);
        size_t piece_end = found ? start : text->n_bytes;
        if (done < piece_end)
            take_words(e, done, piece_end);
        if (e->in_word && !e->t->full)
            end_word(e, piece_end);
        if (!found)
            return;
        if (start < stop && !e->t->full)
            wick_tokenizing_add_found(e->t, id, text->bytes + start, stop - start, text->origins[start],
                                      text->origins[stop - 1] + 1);
        done = stop;
    }
}

void wick_encode_kinds(wick_tokenizing *t, wick_source *source)
{
    encoder e = {.t = t, .tk = t->tk, .state = t->state};
    if (t->tk->added.normalized.n_tokens > 0)
        encode_whole(&e, source);
    else
        encode_slices(&e, source);
}
