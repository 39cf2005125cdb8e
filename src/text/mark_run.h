/* SPDX-License-Identifier: Apache-2.0
 * mark_run.h: combining marks that wait for canonical ordering, packed (encoding.h holds the run). Used by normalizer_bert.c and step_forms.c. */
#ifndef WICK_TEXT_MARK_RUN_H
#define WICK_TEXT_MARK_RUN_H
#include "text/encoding.h"

/* A mark in the run: code point, combining class above it, and on top whether its decomposition added it. */
#define WICK_MARK_CLASS_SHIFT 21
#define WICK_MARK_ADDED (1u << 29)
#define WICK_MARK_CODE_POINT(mark) ((mark)&0x1FFFFFu)
#define WICK_MARK_CLASS(mark) (((mark) >> WICK_MARK_CLASS_SHIFT) & 0xFFu)

/* Stable, by combining class. */
void wick_mark_run_sort(wick_mark_run *run);

#endif
