/* SPDX-License-Identifier: Apache-2.0
 * split_patterns.h: the regular expressions by which byte-level tokenizers split texts, each matched by hand: one pass, no backtracking over more than a character. Every one matches every
 * text from its beginning to its end without gaps. \p{L}, \p{N} and \s are those of the tokenizers package (unicode_tables.h). Called by splitter.c. */
#ifndef WICK_TEXT_SPLIT_PATTERNS_H
#define WICK_TEXT_SPLIT_PATTERNS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As files have them, character by character. GPT-2 (also ByteLevel's own), RoBERTa, ModernBERT; Qwen2, Qwen3; Llama 3, EuroBERT; tiktoken's cl100k_base, which says the same with possessive
 * quantifiers and one line break where the others have several, of which the last ends the match anyway. */
#define WICK_REGEX_GPT2 "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
#define WICK_REGEX_AFTER_DIGITS "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define WICK_REGEX_QWEN2 "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}" WICK_REGEX_AFTER_DIGITS
#define WICK_REGEX_LLAMA3                                                                                              \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}" WICK_REGEX_AFTER_DIGITS
#define WICK_REGEX_CL100K                                                                                              \
    "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|"   \
    "\\s+(?!\\S)|\\s+"

/* Where the match that begins at `at` ends, at < end; 0: that depends on what follows `end`, never where is_last says that nothing does. WICK_NORMALIZED_PAD bytes behind end may be read. */
size_t wick_match_gpt2(const char *text, size_t at, size_t end, bool is_last);
size_t wick_match_qwen2(const char *text, size_t at, size_t end, bool is_last, uint32_t max_digits);

#endif
