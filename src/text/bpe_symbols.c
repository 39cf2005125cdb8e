/* SPDX-License-Identifier: Apache-2.0
 * bpe_symbols.c: the symbols that a word begins with (bpe_symbols.h). */
#include "text/bpe_symbols.h"

#include "text/byte_level.h"

/* ---- all of the vocabulary ------------------------------------------------------------------------------------------ */

static size_t plain_bytes(const wick_bpe *model, const char *word, size_t n, wick_bpe_symbol *symbols)
{
    int32_t all = 0;
    for (size_t at = 0; at < n; at++) {
        const int32_t id = model->first_ids[(uint8_t)word[at]];
        all |= id;
        symbols[at] = (wick_bpe_symbol){(uint32_t)id, (uint32_t)at + 1};
    }
    return all >= 0 ? n : 0;
}

size_t wick_bpe_plain_symbols(const wick_bpe *model, const char *word, size_t n, wick_bpe_symbol *symbols)
{
    size_t n_symbols = 0;
    if (model->byte_level)
        return plain_bytes(model, word, n, symbols);
    for (size_t at = 0; at < n;) {
        uint32_t c;
        at += wick_utf8_decode(word + at, &c);
        const int32_t id = wick_bpe_character_id(model, c);
        if (id < 0)
            return 0;
        symbols[n_symbols++] = (wick_bpe_symbol){(uint32_t)id, (uint32_t)at};
    }
    return n_symbols;
}

/* ---- any ------------------------------------------------------------------------------------------------------------ */

/* What is being built. */
typedef struct building {
    wick_bpe_symbol *symbols;
    size_t n;
    uint32_t end;             /* of the last symbol, in bytes */
    uint32_t n_unknown_bytes; /* of unknown characters that wait to be one token; 0: none */
} building;

static void add_symbol(building *b, int32_t id, uint32_t n_bytes)
{
    b->end += n_bytes;
    b->symbols[b->n++] = (wick_bpe_symbol){(uint32_t)id, b->end};
}

static void end_unknown(building *b, int32_t unknown_id)
{
    if (b->n_unknown_bytes > 0)
        add_symbol(b, unknown_id, b->n_unknown_bytes);
    b->n_unknown_bytes = 0;
}

static bool has_fallback(const wick_bpe *model, const char *character, unsigned n)
{
    if (!model->byte_fallback)
        return false;
    for (unsigned i = 0; i < n; i++)
        if (model->fallback_ids[(uint8_t)character[i]] < 0)
            return false;
    return true;
}

/* A character that the vocabulary lacks. Unknown ones wait for others behind them, also where byte tokens stand in between: so does the package. */
static void add_unknown(const wick_bpe *model, building *b, const char *character, unsigned n, uint32_t n_bytes)
{
    if (has_fallback(model, character, n)) {
        for (unsigned i = 0; i < n; i++)
            add_symbol(b, model->fallback_ids[(uint8_t)character[i]], 1);
        return;
    }
    if (model->unknown_id < 0)
        return; /* left out; what follows is counted as if it stood here */
    if (!model->fuse_unknown)
        end_unknown(b, model->unknown_id);
    b->n_unknown_bytes += n_bytes;
}

static void add_characters(const wick_bpe *model, building *b, const char *word, size_t n)
{
    for (size_t at = 0; at < n;) {
        uint32_t c;
        const unsigned length = wick_utf8_decode(word + at, &c);
        const int32_t id = wick_bpe_character_id(model, c);
        if (id >= 0) {
            end_unknown(b, model->unknown_id);
            add_symbol(b, id, length);
        } else {
            add_unknown(model, b, word + at, length, length);
        }
        at += length;
    }
    end_unknown(b, model->unknown_id);
}

/* Bytes, of which the vocabulary lacks some: places are counted in the characters that stand for them. */
static void add_written_bytes(const wick_bpe *model, building *b, const char *word, size_t n)
{
    for (size_t at = 0; at < n; at++) {
        const uint8_t byte = (uint8_t)word[at];
        char written[4];
        if (model->first_ids[byte] >= 0) {
            end_unknown(b, model->unknown_id);
            add_symbol(b, model->first_ids[byte], wick_bpe_written_bytes(byte));
        } else {
            const unsigned length = wick_utf8_encode(wick_byte_level_character(byte), written);
            add_unknown(model, b, written, length, length);
        }
    }
    end_unknown(b, model->unknown_id);
}

size_t wick_bpe_any_symbols(const wick_bpe *model, const char *word, size_t n, wick_bpe_symbol *symbols)
{
    building b = {.symbols = symbols};
    if (model->byte_level)
        add_written_bytes(model, &b, word, n);
    else
        add_characters(model, &b, word, n);
    return b.n;
}
