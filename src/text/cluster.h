/* SPDX-License-Identifier: Apache-2.0
 * cluster.h: where grapheme clusters end (UAX #29, of the tokenizers package's Unicode version), a character at a time. Flags of two letters are not told apart: nobody
 * who asks can see the difference (make_form_tables.py). Used by step_charsmap.c. */
#ifndef WICK_TEXT_CLUSTER_H
#define WICK_TEXT_CLUSTER_H
#include <stdbool.h>

#include "text/form_tables.h"

/* Start with {0}: nothing stands before. */
typedef struct wick_cluster {
    uint8_t last; /* wick_cluster_class of the character before, plus 1; 0: none */
    /* Behind it another picture, another consonant would join, once a joiner or a linker has come (rules GB11, GB9c). */
    bool picture, picture_joined, consonant, consonant_linked;
} wick_cluster;

#define WICK_CLUSTER_BIT(name) (1u << WICK_CLUSTER_##name)

/* Hangul: what goes on a syllable (rules GB6 to GB8). */
static inline bool wick_cluster_goes_on_syllable(wick_cluster_class last, unsigned bit)
{
    const unsigned tail = WICK_CLUSTER_BIT(TAIL), vowel = WICK_CLUSTER_BIT(VOWEL);
    switch (last) {
    case WICK_CLUSTER_LEAD:
        return bit &
               (WICK_CLUSTER_BIT(LEAD) | vowel | WICK_CLUSTER_BIT(LEAD_VOWEL) | WICK_CLUSTER_BIT(LEAD_VOWEL_TAIL));
    case WICK_CLUSTER_VOWEL:
    case WICK_CLUSTER_LEAD_VOWEL:
        return bit & (vowel | tail);
    case WICK_CLUSTER_TAIL:
    case WICK_CLUSTER_LEAD_VOWEL_TAIL:
        return bit & tail;
    default:
        return false;
    }
}

/* Whether the character is in one cluster with the one before; then it is the one before. */
static inline bool wick_cluster_joins(wick_cluster *cluster, wick_cluster_class class)
{
    const unsigned bit = 1u << class;
    const unsigned breaks = WICK_CLUSTER_BIT(CR) | WICK_CLUSTER_BIT(LF) | WICK_CLUSTER_BIT(CONTROL);
    const unsigned linking = WICK_CLUSTER_BIT(LINKED_EXTEND) | WICK_CLUSTER_BIT(LINKER) | WICK_CLUSTER_BIT(ZWJ);
    const unsigned extends = WICK_CLUSTER_BIT(EXTEND) | linking;
    bool joins = false;
    if (cluster->last > 0) {
        const wick_cluster_class last = (wick_cluster_class)(cluster->last - 1);
        if (((1u << last) | bit) & breaks)
            joins = last == WICK_CLUSTER_CR && class == WICK_CLUSTER_LF;
        else
            joins = (bit & (extends | WICK_CLUSTER_BIT(SPACING))) || last == WICK_CLUSTER_PREPEND ||
                    (class == WICK_CLUSTER_PICTURE && cluster->picture_joined) ||
                    (class == WICK_CLUSTER_CONSONANT && cluster->consonant_linked) ||
                    wick_cluster_goes_on_syllable(last, bit);
    }
    cluster->last = (uint8_t)(class + 1);
    cluster->picture_joined = cluster->picture && class == WICK_CLUSTER_ZWJ;
    cluster->picture =
        class == WICK_CLUSTER_PICTURE || (cluster->picture && (bit & extends) && class != WICK_CLUSTER_ZWJ);
    cluster->consonant_linked =
        cluster->consonant && (bit & linking) && (class == WICK_CLUSTER_LINKER || cluster->consonant_linked);
    cluster->consonant = class == WICK_CLUSTER_CONSONANT || (cluster->consonant && (bit & linking));
    return joins;
}

#endif
