/* SPDX-License-Identifier: Apache-2.0
 * encode.c: wick_tokenize: drives one text through the stages that tokenizer.c draws: added tokens of the original text are cut out here, the pieces between
 * them go through encode_kinds.c or encode_splits.c. Nothing is allocated once the encoding's arrays are large enough. */
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "text/encode_internal.h"
#include "text/pair.h"

void wick_tokenizing_drop_oldest(wick_tokenizing *t)
{
    wick_encoding_state *s = t->state;
    size_t from = s->n_tokens - t->limit, to = t->n_before;
    memmove(s->ids + to, s->ids + from, t->limit * sizeof *s->ids);
    memmove(s->starts + to, s->starts + from, t->limit * sizeof *s->starts);
    memmove(s->ends + to, s->ends + from, t->limit * sizeof *s->ends);
    memmove(s->is_special + to, s->is_special + from, t->limit * sizeof *s->is_special);
    memmove(s->spaces + to, s->spaces + from, t->limit * sizeof *s->spaces);
    s->n_tokens = to + t->limit;
}

void wick_tokenizing_add_found(wick_tokenizing *t, int32_t id, const char *text, size_t n, uint32_t start, uint32_t end)
{
    wick_encoding_push(t->state, id, start, end, false);
    if (t->tk->special.trim.spaces && !t->state->out_of_memory)
        wick_template_note_space(t->state, text, n);
    wick_tokenizing_keep_limit(t, WICK_LEFT_SLACK);
}

static void encode_piece(wick_tokenizing *t, wick_source *source)
{
    t->state->text.n_bytes = 0;
    wick_normalizer_begin(&t->tk->normalizer, t->state);
    if (t->tk->by_kinds)
        wick_encode_kinds(t, source);
    else
        wick_encode_splits(t, source);
}

static uint32_t count_characters(const char *begin, const char *end)
{
    uint32_t n = 0;
    for (; begin < end; begin++)
        n += ((uint8_t)*begin & 0xC0) != 0x80;
    return n;
}

/* The whole text: added tokens of the original text, and the pieces between them. */
static void encode_text(wick_tokenizing *t, const char *text, size_t n)
{
    wick_added_search search = {0};
    size_t start, stop, done = 0;
    uint32_t n_chars = 0; /* before text[done] */
    int32_t id;
    while (!t->full && !t->state->out_of_memory) {
        bool found = wick_added_tokens_next(&t->tk->added.original, text, n, &search, &start, &stop, &id);
        size_t piece_end = found ? start : n;
        if (done < piece_end) {
            wick_source source = {.at = text + done, .end = text + piece_end, .n_chars = n_chars};
            encode_piece(t, &source);
            n_chars = source.n_chars;
        } else if (piece_end < done) { /* it claims white space that the token before took */
            n_chars -= count_characters(text + piece_end, text + done);
        }
        if (!found || t->full)
            return;
        uint32_t n_token_chars = count_characters(text + start, text + stop);
        if (n_token_chars > 0)
            wick_tokenizing_add_found(t, id, text + start, stop - start, n_chars, n_chars + n_token_chars);
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
                         bad + 1);
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

/* The text's tokens, with special ones around them as wanted; trims: offsets are trimmed as the tokenizer does. */
static int encode(const wick_tokenizer *tokenizer, const char *text, size_t n, const wick_tokenize_options *wanted,
                  bool trims, wick_encoding_state *state, wick_error *error)
{
    const wick_template *special = &tokenizer->special;
    size_t n_special = wanted->add_special_tokens ? special->n_before + special->n_after : 0;
    wick_tokenizing t = {.tk = tokenizer,
                         .state = state,
                         .n_before = wanted->add_special_tokens ? special->n_before : 0,
                         .limit = wanted->max_tokens > 0 ? wanted->max_tokens - n_special : WICK_SIZE_UNLIMITED,
                         .left = cuts_left(tokenizer, wanted)};
    t.full = t.limit == 0;
    state->n_tokens = 0;
    state->out_of_memory = false;
    if (wanted->add_special_tokens)
        add_template(state, special->before, special->n_before);
    encode_text(&t, text, n);
    wick_tokenizing_keep_limit(&t, 0);
    if (trims && !state->out_of_memory)
        wick_template_trim(&special->trim, state, t.n_before, state->n_tokens);
    if (wanted->add_special_tokens)
        add_template(state, special->after, special->n_after);
    if (state->out_of_memory)
        return wick_fail_memory(error, "a text's tokens");
    wick_encoding_show(state);
    return WICK_OK;
}

static int check_arguments(const wick_tokenizer *tokenizer, const char *text, size_t n, const wick_encoding *out,
                           wick_error *error)
{
    if (tokenizer && out && (text || n == 0))
        return WICK_OK;
    return wick_fail_null(error, !tokenizer ? "tokenizer" : !out ? "out" : "text");
}

int wick_tokenize(const wick_tokenizer *tokenizer, const char *text, size_t text_bytes,
                  const wick_tokenize_options *options, wick_encoding *out, wick_error *error)
{
    wick_tokenize_options wanted;
    int code = check_arguments(tokenizer, text, text_bytes, out, error);
    if (code != WICK_OK)
        return code;
    text_bytes = text_bytes == SIZE_MAX ? strlen(text) : text_bytes;
    wick_encoding_state *state = (wick_encoding_state *)(void *)out;
    state->shown = (wick_encoding){0}; /* what was shown moves, or is of another text */
    code = read_options(options, &wanted, error);
    wanted.add_special_tokens = wanted.add_special_tokens && !tokenizer->is_bare;
    if (code == WICK_OK)
        code = check(tokenizer, text, text_bytes, &wanted, error);
    return code == WICK_OK ? encode(tokenizer, text, text_bytes, &wanted, true, state, error) : code;
}

int wick_tokenize_part(const wick_tokenizer *tokenizer, const char *text, size_t n, size_t max_tokens,
                       uint8_t truncate_side, wick_encoding *out, wick_error *error)
{
    wick_tokenize_options wanted;
    int code = check_arguments(tokenizer, text, n, out, error);
    if (code != WICK_OK)
        return code;
    wick_encoding_state *state = (wick_encoding_state *)(void *)out;
    state->shown = (wick_encoding){0};
    wick_tokenize_options_init(&wanted);
    wanted.add_special_tokens = false;
    wanted.max_tokens = max_tokens;
    wanted.truncate_side = truncate_side;
    code = check(tokenizer, text, n, &wanted, error);
    return code == WICK_OK ? encode(tokenizer, text, n, &wanted, false, state, error) : code;
}

bool wick_tokenizer_cuts_left(const wick_tokenizer *tokenizer, uint8_t truncate_side)
{
    const wick_tokenize_options options = {.truncate_side = truncate_side};
    return cuts_left(tokenizer, &options);
}
