/* SPDX-License-Identifier: Apache-2.0
 * step_forms.c: NFC, NFD, NFKC and NFKD (normalizer_steps.h; Unicode Standard Annex #15), with the tables of the tokenizers package. Characters that a form leaves
 * alone wherever they stand are copied. Any other is decomposed; marks wait for their order, and where the form composes, a starter waits for what
 * follows. What is held back at the end of a slice is not taken: the step goes back to the last character before which nothing waited. */
#include "text/ascii.h"
#include "text/mark_run.h"
#include "text/normalizer_steps.h"
#include "text/unicode_forms.h"

#define NO_STARTER UINT32_MAX

typedef struct forming {
    const wick_normalized *in;
    wick_normalized *out;
    wick_encoding_state *state;
    bool composes, is_compatible;
    uint32_t starter; /* waits; NO_STARTER: none does */
    int64_t change;   /* the starter's; see put */
    size_t consumed;  /* bytes of `in` whose origins are given away */
    size_t n_taken;   /* bytes of `in` before the last place where nothing waited */
    size_t n_out;     /* bytes of `out` then */
} forming;

/* Appends a character. change, as the tokenizers package counts it: 1, an addition; 0, it takes the place of the next character of the input; -n, and of n more
 * behind that. */
static void put(forming *f, uint32_t c, int64_t change)
{
    const wick_normalized *in = f->in;
    size_t at = f->consumed;
    if (change > 0) {
        wick_step_put(f->state, f->out, c, in->origins[at > 0 ? at - 1 : 0]);
        return;
    }
    wick_step_put(f->state, f->out, c, in->origins[at < in->n_bytes ? at : in->n_bytes - 1]);
    for (; change <= 0 && at < in->n_bytes; change++)
        do
            at++;
        while (at < in->n_bytes && ((uint8_t)in->bytes[at] & 0xC0) == 0x80);
    f->consumed = at;
}

/* What first and second become together; 0: nothing. */
static uint32_t compose(uint32_t first, uint32_t second)
{
    size_t low = 0, high = WICK_N_COMPOSITIONS;
    const uint32_t syllable = wick_unicode_compose_hangul(first, second);
    if (syllable)
        return syllable;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const wick_composition *pair = &wick_compositions[middle];
        if (pair->first == first && pair->second == second)
            return pair->composed;
        if (pair->first < first || (pair->first == first && pair->second < second))
            low = middle + 1;
        else
            high = middle;
    }
    return 0;
}

/* Composes the starter with the character, which is `added` to the input or not. */
static bool join(forming *f, uint32_t c, bool added)
{
    const uint32_t composed = f->composes && f->starter != NO_STARTER ? compose(f->starter, c) : 0;
    if (!composed)
        return false;
    f->starter = composed;
    f->change += (int64_t)added - 1;
    return true;
}

/* Orders the marks, composes those that join the starter and keeps the rest. */
static void order_marks(forming *f)
{
    wick_mark_run *run = &f->state->run;
    size_t n_kept = 0;
    unsigned last_class = 0; /* of the mark kept last */
    wick_mark_run_sort(run);
    for (size_t i = 0; i < run->n_marks; i++) {
        const uint32_t mark = run->marks[i];
        if (last_class < WICK_MARK_CLASS(mark) && join(f, WICK_MARK_CODE_POINT(mark), mark & WICK_MARK_ADDED))
            continue;
        last_class = WICK_MARK_CLASS(mark);
        run->marks[n_kept++] = mark;
    }
    run->n_marks = n_kept;
}

/* Appends the starter and the marks that wait, which are in order. */
static void flush(forming *f)
{
    wick_mark_run *run = &f->state->run;
    if (f->starter != NO_STARTER)
        put(f, f->starter, f->change);
    f->starter = NO_STARTER;
    for (size_t i = 0; i < run->n_marks; i++)
        put(f, WICK_MARK_CODE_POINT(run->marks[i]), (run->marks[i] & WICK_MARK_ADDED) != 0);
    run->n_marks = 0;
}

/* Nothing waits before in's byte `at`. */
static void note_place(forming *f, size_t at)
{
    f->n_taken = at;
    f->n_out = f->out->n_bytes;
}

/* A part of a decomposition of the character at `at`, or the character itself. added: it is not the first part. */
static void take_part(forming *f, uint32_t c, bool added, size_t at)
{
    wick_mark_run *run = &f->state->run;
    const unsigned class = wick_unicode_of(c)->combining_class;
    if (class > 0) {
        if (wick_mark_run_reserve(f->state))
            run->marks[run->n_marks++] = c | class << WICK_MARK_CLASS_SHIFT | (added ? WICK_MARK_ADDED : 0);
        return;
    }
    order_marks(f);
    if (run->n_marks == 0 && join(f, c, added))
        return;
    flush(f);
    if (!added)
        note_place(f, at);
    if (!f->composes) {
        put(f, c, added);
        return;
    }
    f->starter = c;
    f->change = added;
}

static void take_character(forming *f, uint32_t c, uint8_t form, size_t at)
{
    const uint32_t flags = wick_unicode_of(c)->flags;
    uint32_t jamo[WICK_HANGUL_MAX_PARTS];
    const uint32_t *parts = &c;
    unsigned n = 1;
    if (f->is_compatible && (form & WICK_FORM_COMPATIBLE)) {
        parts = wick_unicode_compatible(c, &n);
    } else if (flags & WICK_CHAR_DECOMPOSES) {
        parts = wick_unicode_decomposition(c, &n);
    } else if (flags & WICK_CHAR_HANGUL) {
        n = wick_unicode_hangul(c, jamo);
        parts = jamo;
    }
    for (unsigned i = 0; i < n; i++)
        take_part(f, parts[i], i > 0, at);
}

/* The form leaves the character as it is, if one like it follows, and nothing before it joins it. */
static bool is_safe(const forming *f, uint32_t c, uint8_t form)
{
    if (f->is_compatible && (form & WICK_FORM_COMPATIBLE))
        return false;
    if (f->composes)
        return !(form & WICK_FORM_UNSAFE);
    return !(wick_unicode_of(c)->flags & (WICK_CHAR_DECOMPOSES | WICK_CHAR_HANGUL | WICK_CHAR_NONSTARTER));
}

/* How many bytes from text[0..n) on are ASCII. */
static size_t n_ascii(const char *text, size_t n)
{
    size_t at = 0;
    unsigned n_low = WICK_ASCII_STEP;
    for (; n_low == WICK_ASCII_STEP && at < n; at += n_low)
        n_low = wick_ascii_leading(wick_ascii_within(wick_ascii_load(text + at), 0, 0x7F));
    return at < n ? at : n;
}

/* Copies the safe characters from `at` on, up to the last one that is followed by one. Returns where they end. */
static size_t copy_safe(forming *f, size_t at, bool is_end)
{
    const wick_normalized *in = f->in;
    size_t end = at;           /* behind the last character that may be copied */
    for (size_t next = at;;) { /* the characters before `next` are safe */
        const size_t n = n_ascii(in->bytes + next, in->n_bytes - next);
        next += n;
        if (n > 0)
            end = f->composes ? next - 1 : next;
        if (next == in->n_bytes) {
            end = is_end ? next : end;
            break;
        }
        uint32_t c;
        const unsigned n_bytes = wick_utf8_decode(in->bytes + next, &c);
        if (!is_safe(f, c, wick_unicode_form(c)))
            break;
        end = f->composes ? next : next + n_bytes;
        next += n_bytes;
    }
    if (end > at) {
        order_marks(f);
        flush(f);
        wick_step_copy(f->state, f->out, in, at, end);
        f->consumed = end;
        note_place(f, end);
    }
    return end;
}

size_t wick_step_forms(wick_normalizer_step step, const wick_normalized *in, bool is_end, wick_encoding_state *state,
                       wick_normalized *out)
{
    forming f = {.in = in,
                 .out = out,
                 .state = state,
                 .composes = step == WICK_STEP_NFC || step == WICK_STEP_NFKC,
                 .is_compatible = step == WICK_STEP_NFKC || step == WICK_STEP_NFKD,
                 .starter = NO_STARTER,
                 .n_out = out->n_bytes};
    size_t at = 0;
    state->run.n_marks = 0;
    while (at < in->n_bytes && !state->out_of_memory) {
        uint32_t c;
        at = copy_safe(&f, at, is_end);
        if (at == in->n_bytes)
            break;
        const unsigned n = wick_utf8_decode(in->bytes + at, &c);
        take_character(&f, c, wick_unicode_form(c), at);
        at += n;
    }
    if (is_end) {
        order_marks(&f);
        flush(&f);
        return in->n_bytes;
    }
    state->run.n_marks = 0;
    out->n_bytes = f.n_out;
    return f.n_taken;
}
