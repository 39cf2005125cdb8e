/* SPDX-License-Identifier: Apache-2.0
 * bpe_known.h: words laid out of whole tokens instead of merged symbol by symbol; called by bpe.c. What comes out is what merging gives, exactly:
 *
 * Merging takes the pair of the lowest rank, of these the leftmost, until none is left. Say a token is *sound* when merging its own text gives it alone, and two sound tokens *fit*
 * when merging the text of both gives the two. Then sound tokens side by side, each fitting the next, are what merging their whole text gives. For look at the first merge that would
 * cross a place between two of them: all merges before it stayed within tokens, each was the lowest of all pairs and so the lowest of those within the two tokens, so that merging these
 * two alone does the same steps and then the same crossing; but they fit. So none crosses, and within each token merging does what it does to the token alone. Nothing is left to
 * merge at the end, for the last two parts of neighbours that fit are no pair. It follows that there is one such row of tokens at most, whatever the order in which it is looked for.
 *
 * Whether two tokens fit is told by how each was merged. Only tokens count whose merges rise in rank, parts before wholes (as trained ones all do): then merging the two does the merges of
 * both in order of rank, and a crossing pair, of a part that ends the left one and a part that begins the right one, is merged if its rank is below that of the merge that takes either part away.
 *
 * A trie of all tokens finds those that a text begins with. It takes long to make, so it is made once for each model when so much was merged that it pays, by the thread that finds that
 * out; others go on merging meanwhile. How a token was merged is noted when it is first met. All threads note the same, without locks. */
#ifndef WICK_TEXT_BPE_KNOWN_H
#define WICK_TEXT_BPE_KNOWN_H
#include "text/bpe.h"

/* Words of more bytes are merged. */
#define WICK_KNOWN_BYTES 63

/* Of a model; in its arena. */
typedef struct wick_bpe_known wick_bpe_known;

/* Not made yet. NULL: out of memory. */
wick_bpe_known *wick_bpe_known_new(wick_arena *arena);
/* Frees what it holds, not itself. */
void wick_bpe_known_clear(wick_bpe_known *known);

/* n bytes more are about to be merged in that encoding: makes it if that pays. */
void wick_bpe_known_count(const wick_bpe *model, size_t n, wick_encoding_state *state);
bool wick_bpe_known_is_made(const wick_bpe_known *known);
/* Lays word[0..n) out of tokens: *n_symbols of them, in the scratch memory, which has room for n. False: that must be merged, and nothing is there. */
bool wick_bpe_known_lay(const wick_bpe *model, const char *word, size_t n, wick_bpe_symbol *symbols, size_t *n_symbols);

#endif
