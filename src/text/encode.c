/* SPDX-License-Identifier: Apache-2.0
 * encode.c: wick_tokenize: drives one text through the stages that tokenizer.c draws. The text is normalised in slices that stay in the
 * first-level cache, words are taken out of each as soon as they are complete, and work stops once max_tokens are there. Nothing is
 * allocated once the encoding's arrays are large enough. */
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "text/ascii.h"
#include "text/tokenizer_parts.h"

#define SLICE_BYTES 2048
#define SIZE_UNLIMITED SIZE_MAX
/* With truncation on the left, so many tokens more than are kept may gather before the oldest are dropped. */
#define LEFT_SLACK 4096

/* One text's way through the stages. */
typedef struct encoder {
    const wick_tokenizer *tk;
    wick_encoding_state *state;
    size_t n_before;     /* template tokens in front */
    size_t limit;        /* tokens of the text to keep; SIZE_UNLIMITED: all */
    bool left;           /* keep the last ones */
    bool full;           /* the first `limit` tokens are there */
    bool in_word;        /* a word has begun and not ended */
    wick_char_kind kind; /* of its characters */
    size_t word_begin;   /* its first byte in state->text */
    size_t counted;      /* its bytes before this one are in n_word_chars */
    size_t n_word_chars;
    bool too_long;                      /* its bytes are no longer kept */
    uint32_t first_origin, last_origin; /* of a word that is too long */
} encoder;

/* Keeps the last `limit` tokens of the text. */
static void drop_oldest(encoder *e)
{
    wick_encoding_state *s = e->state;
    size_t from = s->n_tokens - e->limit, to = e->n_before;
    memmove(s->ids + to, s->ids + from, e->limit * sizeof *s->ids);
    memmove(s->starts + to, s->starts + from, e->limit * sizeof *s->starts);
    memmove(s->ends + to, s->ends + from, e->limit * sizeof *s->ends);
    s->n_tokens = to + e->limit; /* is_special is 0 in all of them */
}

/* After tokens were added: stops at the limit, or drops the oldest from time to time; at the end (slack 0) for good. */
static void keep_limit(encoder *e, size_t slack)
{
    if (e->limit == SIZE_UNLIMITED || e->state->out_of_memory)
        return;
    size_t n = e->state->n_tokens - e->n_before;
    if (!e->left && n >= e->limit) {
        e->state->n_tokens = e->n_before + e->limit;
        e->full = true;
    } else if (n > e->limit && n - e->limit >= slack) {
        drop_oldest(e);
    }
}

static void add_token(encoder *e, int32_t id, uint32_t start, uint32_t end)
{
    wick_encoding_push(e->state, id, start, end, false);
    keep_limit(e, LEFT_SLACK);
}

/* Counts the word's characters up to byte `end`. What is within the limit by bytes needs no counting. */
static bool is_too_long(encoder *e, size_t end)
{
    size_t max = e->tk->model.max_word_chars;
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
        add_token(e, e->tk->model.unknown_id, e->first_origin, last + 1);
        return;
    }
    wick_wordpiece_run(&e->tk->model, text->bytes + e->word_begin, text->origins + e->word_begin, end - e->word_begin,
                       e->state);
    keep_limit(e, LEFT_SLACK);
}

/* Where the characters of the word's kind that begin at `at` end, as far as they are ASCII. */
static size_t skip_ascii(const encoder *e, size_t at, size_t end)
{
    const uint8_t *bytes = (const uint8_t *)e->state->text.bytes;
    const uint8_t *kinds = e->tk->pretokenizer.ascii;
    if (e->kind == WICK_CHARS_WORD && e->tk->pretokenizer.has_plain_words) {
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
    while (at < end && !e->full) {
        if (e->in_word && (at = skip_ascii(e, at, end)) == end)
            return;
        uint32_t c;
        unsigned length = wick_utf8_decode(bytes + at, &c);
        wick_char_kind kind = c < 0x80 ? e->tk->pretokenizer.ascii[c] : wick_pretokenizer_kind(&e->tk->pretokenizer, c);
        if (e->in_word && kind != e->kind)
            end_word(e, at);
        if (!e->in_word && kind != WICK_CHARS_GAP && !e->full) {
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
    while (source->at < source->end && !e->full && !e->state->out_of_memory) {
        size_t from = e->state->text.n_bytes;
        wick_normalizer_run(&e->tk->normalizer, source, SLICE_BYTES, e->state);
        if (e->state->out_of_memory)
            return;
        take_words(e, from, e->state->text.n_bytes);
        drop_taken(e);
    }
    if (e->in_word && !e->full)
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
    while (!e->full && !e->state->out_of_memory) {
        bool found =
            wick_added_tokens_next(&e->tk->added.normalized, text->bytes, text->n_bytes, &search, &start, &stop, &id);
        size_t piece_end = found ? start : text->n_bytes;
        if (done < piece_end)
            take_words(e, done, piece_end);
        if (e->in_word && !e->full)
            end_word(e, piece_end);
        if (!found)
            return;
        if (start < stop && !e->full)
            add_token(e, id, text->origins[start], text->origins[stop - 1] + 1);
        done = stop;
    }
}

static void encode_piece(encoder *e, wick_source *source)
{
    e->state->text.n_bytes = 0;
    e->state->run.n_marks = e->state->run.n_origins = 0;
    e->in_word = false;
    if (e->tk->added.normalized.n_tokens > 0)
        encode_whole(e, source);
    else
        encode_slices(e, source);
}

static uint32_t count_characters(const char *begin, const char *end)
{
    uint32_t n = 0;
    for (; begin < end; begin++)
        n += ((uint8_t)*begin & 0xC0) != 0x80;
    return n;
}

/* The whole text: added tokens of the original text, and the pieces between them. */
static void encode_text(encoder *e, const char *text, size_t n)
{
    wick_added_search search = {0};
    size_t start, stop, done = 0;
    uint32_t n_chars = 0; /* before text[done] */
    int32_t id;
    while (!e->full && !e->state->out_of_memory) {
        bool found = wick_added_tokens_next(&e->tk->added.original, text, n, &search, &start, &stop, &id);
        size_t piece_end = found ? start : n;
        if (done < piece_end) {
            wick_source source = {.at = text + done, .end = text + piece_end, .n_chars = n_chars};
            encode_piece(e, &source);
            n_chars = source.n_chars;
        } else if (piece_end < done) { /* it claims white space that the token before took */
            n_chars -= count_characters(text + piece_end, text + done);
        }
        if (!found || e->full)
            return;
        uint32_t n_token_chars = count_characters(text + start, text + stop);
        if (n_token_chars > 0)
            add_token(e, id, n_chars, n_chars + n_token_chars);
        n_chars += n_token_chars;
        done = stop;
    }
}

static void add_template(wick_encoding_state *state, const int32_t *ids, size_t n)
{
    for (size_t i = 0; i < n; i++)
        wick_encoding_push(state, ids[i], 0, 0, true);
}

void wick_tokenize_options_init_sized(wick_tokenize_options *options, size_t options_bytes)
{
    wick_tokenize_options defaults = {.add_special_tokens = true};
    defaults.size = options_bytes < sizeof defaults ? options_bytes : sizeof defaults;
    if (defaults.size >= sizeof defaults.size)
        memcpy(options, &defaults, defaults.size);
}

static int check(const wick_tokenizer *tokenizer, const char *text, size_t n, const wick_tokenize_options *options,
                 wick_error *error)
{
    size_t bad = 0;
    size_t n_special = options->add_special_tokens ? tokenizer->special.n_before + tokenizer->special.n_after : 0;
    if (options->truncate_side > WICK_TRUNCATE_RIGHT)
        return wick_fail(error, WICK_E_INVALID_INPUT, "truncate_side", "use one of WICK_TRUNCATE_*",
                         "truncate_side is %u", options->truncate_side);
    if (n > UINT32_MAX - 1)
        return wick_fail(error, WICK_E_INVALID_INPUT, "text", "split the text", "a text of %zu bytes is over 4 GiB", n);
    if (options->max_tokens > 0 && options->max_tokens < n_special)
        return wick_fail(error, WICK_E_INVALID_INPUT, "max_tokens", "raise max_tokens or switch add_special_tokens off",
                         "max_tokens %zu has no room for %zu special tokens", options->max_tokens, n_special);
    if (!wick_utf8_valid(text, n, &bad))
        return wick_fail(error, WICK_E_INVALID_INPUT, "text", "pass the text as UTF-8", "invalid UTF-8 at byte %zu",
                         bad);
    return WICK_OK;
}

/* Whether the beginning is cut off: what is asked for beats the model's files, of which tokenizer.json speaks last. */
static bool cuts_left(const wick_tokenizer *tokenizer, const wick_tokenize_options *options)
{
    const uint8_t side = options->truncate_side ? options->truncate_side : tokenizer->truncate_side;
    return side == WICK_TRUNCATE_DEFAULT ? tokenizer->truncation.is_left : side == WICK_TRUNCATE_LEFT;
}

/* The caller's options over the defaults, as far as the caller's struct goes. */
static int read_options(const wick_tokenize_options *given, wick_tokenize_options *out, wick_error *error)
{
    wick_tokenize_options_init(out);
    if (!given)
        return WICK_OK;
    if (given->size < sizeof given->size)
        return wick_fail(error, WICK_E_INVALID_INPUT, "options->size", "call wick_tokenize_options_init first",
                         "options->size is %zu", given->size);
    memcpy(out, given, given->size < sizeof *out ? given->size : sizeof *out);
    return WICK_OK;
}

int wick_tokenize(const wick_tokenizer *tokenizer, const char *text, size_t text_bytes,
                  const wick_tokenize_options *options, wick_encoding *out, wick_error *error)
{
    wick_tokenize_options wanted;
    if (!tokenizer || !out || (!text && text_bytes > 0))
        return wick_fail(error, WICK_E_INVALID_INPUT, "wick_tokenize", NULL, "%s is NULL",
                         !tokenizer ? "tokenizer"
                         : !out     ? "out"
                                    : "text");
    wick_encoding_state *state = (wick_encoding_state *)(void *)out;
    state->shown = (wick_encoding){0}; /* what was shown moves, or is of another text */
    int code = read_options(options, &wanted, error);
    wanted.add_special_tokens = wanted.add_special_tokens && !tokenizer->is_bare;
    if (code == WICK_OK)
        code = check(tokenizer, text, text_bytes, &wanted, error);
    if (code != WICK_OK)
        return code;
    const wick_template *special = &tokenizer->special;
    size_t n_special = wanted.add_special_tokens ? special->n_before + special->n_after : 0;
    encoder e = {.tk = tokenizer,
                 .state = state,
                 .n_before = wanted.add_special_tokens ? special->n_before : 0,
                 .limit = wanted.max_tokens > 0 ? wanted.max_tokens - n_special : SIZE_UNLIMITED,
                 .left = cuts_left(tokenizer, &wanted)};
    e.full = e.limit == 0;
    state->n_tokens = 0;
    state->out_of_memory = false;
    if (wanted.add_special_tokens)
        add_template(state, special->before, special->n_before);
    encode_text(&e, text, text_bytes);
    keep_limit(&e, 0);
    if (wanted.add_special_tokens)
        add_template(state, special->after, special->n_after);
    if (state->out_of_memory)
        return wick_fail_memory(error, "a text's tokens");
    state->shown = (wick_encoding){.n_tokens = state->n_tokens,
                                   .ids = state->ids,
                                   .starts = state->starts,
                                   .ends = state->ends,
                                   .is_special = state->is_special};
    return WICK_OK;
}
