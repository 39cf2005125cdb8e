/* SPDX-License-Identifier: Apache-2.0
 * Tests of reading tokenizer.json: what is refused says which part and field, and what is supported; what the tokenizers package passes over
 * is passed over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "support_files.h"
#include "text/tokenizer.h"

#define VOCAB "{\"[UNK]\": 0, \"[CLS]\": 1, \"[SEP]\": 2, \"a\": 3, \"##b\": 4}"
#define MODEL_WITH(vocab)                                                                                              \
    "{\"type\": \"WordPiece\", \"unk_token\": \"[UNK]\", \"continuing_subword_prefix\": \"##\", "                      \
    "\"max_input_chars_per_word\": 100, \"vocab\": " vocab "}"
#define ADDED(id, content, rest)                                                                                       \
    "{\"id\": " id ", \"content\": \"" content                                                                         \
    "\", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, \"normalized\": false, \"special\": false" rest \
    "}"
#define BERT "{\"type\": \"BertNormalizer\", \"clean_text\": true, \"handle_chinese_chars\": true, \"lowercase\": true}"
#define TEMPLATE(single, special)                                                                                      \
    "{\"type\": \"TemplateProcessing\", \"single\": [" single "], \"pair\": [], \"special_tokens\": {" special "}}"
#define ENTRY(name, ids, tokens) "\"" name "\": {\"id\": \"" name "\", \"ids\": " ids ", \"tokens\": " tokens "}"
#define A "{\"Sequence\": {\"id\": \"A\", \"type_id\": 0}}"
#define CLS "{\"SpecialToken\": {\"id\": \"[CLS]\", \"type_id\": 0}}"

#define GROWS                                                                                                          \
    "{\"type\": \"Replace\", \"pattern\": {\"String\": \"a\"}, \"content\": "                                          \
    "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}"
#define CHARSMAP(base64) "{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"" base64 "\"}"

#define TRUNCATION(more) "{\"max_length\": 512, \"strategy\": \"LongestFirst\", \"stride\": 0, " more "}"
#define PADDING(id)                                                                                                    \
    "{\"strategy\": \"BatchLongest\", \"direction\": \"Right\", \"pad_to_multiple_of\": null, \"pad_id\": " id         \
    ", \"pad_type_id\": 0, \"pad_token\": \"[PAD]\"}"

/* The parts of a document that a case replaces; NULL: the default. */
typedef struct parts {
    const char *truncation, *padding, *decoder, *added, *normalizer, *pre_tokenizer, *post_processor, *model, *more;
} parts;

static int parse(parts p, wick_tokenizer **out, wick_error *error)
{
    char json[4096];
    int n = snprintf(
        json, sizeof json,
        "{\"version\": \"1.0\", \"truncation\": %s, \"padding\": %s, \"decoder\": %s, "
        "\"added_tokens\": %s, \"normalizer\": %s, \"pre_tokenizer\": %s, \"post_processor\": %s, \"model\": %s%s}",
        p.truncation ? p.truncation : TRUNCATION("\"anything\": 1"), p.padding ? p.padding : PADDING("0"),
        p.decoder ? p.decoder : "{\"type\": \"WordPiece\", \"prefix\": \"##\", \"cleanup\": true, \"x\": 1}",
        p.added ? p.added : "[]", p.normalizer ? p.normalizer : BERT,
        p.pre_tokenizer ? p.pre_tokenizer : "{\"type\": \"BertPreTokenizer\"}",
        p.post_processor ? p.post_processor : "null", p.model ? p.model : MODEL_WITH(VOCAB), p.more ? p.more : "");
    assert_true(n > 0 && (size_t)n < sizeof json);
    return wick_tokenizer_parse(json, (size_t)n, "FILE", out, error);
}

typedef struct refusal {
    parts p;
    int code;
    const char *message[2]; /* both stand in the message */
} refusal;

static void check_refusals(const refusal *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        wick_tokenizer *tokenizer = (wick_tokenizer *)(uintptr_t)1;
        wick_error error = {0};
        int code = parse(cases[i].p, &tokenizer, &error);
        if (code != cases[i].code)
            fail_msg("case %zu: code %d, message \"%s\"", i, code, error.message);
        assert_null(tokenizer);
        assert_string_equal(error.where, "FILE");
        for (size_t k = 0; k < 2; k++)
            if (cases[i].message[k] && !strstr(error.message, cases[i].message[k]))
                fail_msg("case %zu: \"%s\" is not in \"%s\"", i, cases[i].message[k], error.message);
        assert_true(strlen(error.mend) > 0);
    }
}

#define REFUSALS(...)                                                                                                  \
    static const refusal cases[] = {__VA_ARGS__};                                                                      \
    check_refusals(cases, sizeof cases / sizeof *cases)

static void unsupported_parts(void **state)
{
    REFUSALS(
        {{.normalizer = "{\"type\": \"NFKX\"}"}, WICK_E_UNSUPPORTED, {"normalizer: NFKX", "supported: BertNormalizer"}},
        {{.normalizer =
              "{\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"Lowercase\"}, {\"type\": \"Stripe\"}]}"},
         WICK_E_UNSUPPORTED,
         {"normalizer.normalizers[1]: Stripe", "supported:"}},
        {{.normalizer = "{\"type\": \"Replace\", \"pattern\": {\"Regex\": \"a|b\"}, \"content\": \"x\"}"},
         WICK_E_UNSUPPORTED,
         {"normalizer: a|b"}},
        {{.normalizer = "{\"type\": \"Replace\", \"pattern\": {\"Regex\": \"[ab]+\"}, \"content\": \"x\"}"},
         WICK_E_UNSUPPORTED,
         {"normalizer: [ab]+"}},
        {{.normalizer = "{\"type\": \"Replace\", \"pattern\": {\"Regex\": \" {2,5}\"}, \"content\": \"x\"}"},
         WICK_E_UNSUPPORTED,
         {"normalizer:  {2,5}"}},
        {{.normalizer = "{\"type\": \"Replace\", \"pattern\": {\"Regex\": \" {2000,}\"}, \"content\": \"x\"}"},
         WICK_E_UNSUPPORTED,
         {"normalizer:  {2000,}"}},
        {{.normalizer = "{\"type\": \"Replace\", \"pattern\": {\"Regex\": \"ab+\"}, \"content\": \"x\"}"},
         WICK_E_UNSUPPORTED,
         {"normalizer: ab+"}},
        {{.normalizer = "{\"type\": \"Replace\", \"pattern\": {\"Regex\": \"\\\\d+\"}, \"content\": \"x\"}"},
         WICK_E_UNSUPPORTED,
         {"normalizer: \\d+"}},
        {{.normalizer = "{\"type\": \"Replace\", \"pattern\": {\"String\": \"\"}, \"content\": \"x\"}"},
         WICK_E_UNSUPPORTED,
         {"normalizer: an empty pattern"}},
        {{.normalizer = "{\"type\": \"Sequence\", \"normalizers\": [" GROWS ", " GROWS ", " GROWS "]}"},
         WICK_E_UNSUPPORTED,
         {"lengthens texts so much"}},
        {{.normalizer = "{\"type\": \"Sequence\", \"normalizers\": [" CHARSMAP("BAAAAAAAAAAA") ", " CHARSMAP(
              "BAAAAAAAAAAA") "]}"},
         WICK_E_UNSUPPORTED,
         {"normalizers[1]: a second Precompiled"}},
        {{.normalizer = "{\"type\": \"Lowercase\", \"locale\": \"tr\"}"}, WICK_E_UNSUPPORTED, {"\"locale\"", "type"}},
        {{.pre_tokenizer = "{\"type\": \"Words\"}"}, WICK_E_UNSUPPORTED, {"pre_tokenizer: Words", "BertPreTokenizer"}},
        {{.pre_tokenizer = "{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"ByteLevel\", "
                           "\"add_prefix_space\": true, \"trim_offsets\": true}, {\"type\": \"Whitespace\"}]}"},
         WICK_E_UNSUPPORTED,
         {"pre_tokenizer.pretokenizers[1]: a pre-tokenizer behind ByteLevel"}},
        {{.pre_tokenizer = "{\"type\": \"Whitespace\", \"x\": 1}"},
         WICK_E_UNSUPPORTED,
         {"pre_tokenizer: the field \"x\""}},
        {{.post_processor = "{\"type\": \"Rounding\"}"}, WICK_E_UNSUPPORTED, {"post_processor: Rounding"}},
        {{.post_processor = TEMPLATE(A ", " A, "")}, WICK_E_UNSUPPORTED, {"single[1]", "twice"}},
        {{.post_processor = TEMPLATE("", "")}, WICK_E_UNSUPPORTED, {"without the text"}},
        {{.model = "{\"type\": \"WordLevel\", \"vocab\": {}}"},
         WICK_E_UNSUPPORTED,
         {"model: WordLevel", "supported: WordPiece"}},
        {{.model = "{\"type\": \"Unigram\", \"vocab\": []}"},
         WICK_E_UNSUPPORTED,
         {"model: a Unigram without an unknown"}},
        {{.model = "{\"type\": \"Unigram\", \"unk_id\": null, \"vocab\": [[\"a\", 1]]}"},
         WICK_E_UNSUPPORTED,
         {"model: a Unigram without an unknown"}},
        {{.pre_tokenizer =
              "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"a|b\"}, \"behavior\": \"Removed\", \"invert\": false}"},
         WICK_E_UNSUPPORTED,
         {"pre_tokenizer: a|b"}},
        {{.pre_tokenizer =
              "{\"type\": \"Split\", \"pattern\": {\"String\": \"\"}, \"behavior\": \"Removed\", \"invert\": false}"},
         WICK_E_UNSUPPORTED,
         {"pre_tokenizer: an empty pattern"}},
        {{.pre_tokenizer =
              "{\"type\": \"Split\", \"pattern\": {\"String\": \"-\"}, \"behavior\": \"Kept\", \"invert\": false}"},
         WICK_E_CORRUPT,
         {"pre_tokenizer has \"Kept\" as \"behavior\""}},
        {{.pre_tokenizer = "{\"type\": \"Split\", \"pattern\": 7, \"behavior\": \"Removed\", \"invert\": false}"},
         WICK_E_CORRUPT,
         {"pre_tokenizer is an integer, not an object"}},
        {{.pre_tokenizer = "{\"type\": \"CharDelimiterSplit\", \"delimiter\": \"ab\"}"},
         WICK_E_CORRUPT,
         {"not one character"}},
        {{.pre_tokenizer =
              "{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Whitespace\"}, {\"type\": \"Words\"}]}"},
         WICK_E_UNSUPPORTED,
         {"pre_tokenizer.pretokenizers[1]: Words"}},
        {{.model = "{\"vocab\": {}}"}, WICK_E_UNSUPPORTED, {"without a type"}},
        {{.model = "{\"type\": \"WordPiece\", \"dropout\": 0.1}"},
         WICK_E_UNSUPPORTED,
         {"the field \"dropout\"", "max_input"}},
        {{.more = ", \"spaces\": 1"}, WICK_E_UNSUPPORTED, {"the field \"spaces\"", "post_processor"}},
        {{.truncation = "{\"direction\": \"Up\"}"},
         WICK_E_UNSUPPORTED,
         {"truncation.direction: Up", "supported: Left, Right"}},
        {{.truncation = "{\"direction\": 1}"}, WICK_E_CORRUPT, {"truncation.direction is not a string"}},
        {{.truncation = "{\"max_length\": 0}"}, WICK_E_CORRUPT, {"truncation.max_length is not a number of tokens"}},
        {{.truncation = "{\"max_length\": -1}"}, WICK_E_CORRUPT, {"truncation.max_length is not a number of tokens"}},
        {{.truncation = "{\"max_length\": \"512\"}"}, WICK_E_CORRUPT, {"truncation.max_length"}},
        {{.added = "[" ADDED("5", "x", ", \"trim\": 1") "]"},
         WICK_E_UNSUPPORTED,
         {"added_tokens[0]: the field \"trim\""}},
        {{.added =
              "[{\"id\": 5, \"content\": \"\\u0301\", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, "
              "\"normalized\": true, \"special\": false}]"},
         WICK_E_UNSUPPORTED,
         {"added_tokens: a token that is normalised to nothing"}});
}

static void malformed_normalizers(void **state)
{
    REFUSALS(
        {{.normalizer = "7"}, WICK_E_CORRUPT, {"normalizer is not an object"}},
        {{.normalizer = "{}"}, WICK_E_CORRUPT, {"\"type\""}},
        {{.normalizer = "{\"type\": 3}"}, WICK_E_CORRUPT, {"\"type\""}},
        {{.normalizer = "{\"type\": \"BertNormalizer\"}"}, WICK_E_CORRUPT, {"normalizer has no field \"clean_text\""}},
        {{.normalizer = "{\"type\": \"BertNormalizer\", \"clean_text\": 1}"},
         WICK_E_CORRUPT,
         {"an integer as \"clean_text\"", "boolean"}},
        {{.normalizer = "{\"type\": \"BertNormalizer\", \"clean_text\": true, \"handle_chinese_chars\": true, "
                        "\"lowercase\": true, "
                        "\"strip_accents\": \"yes\"}"},
         WICK_E_CORRUPT,
         {"\"strip_accents\""}},
        {{.normalizer = "{\"type\": \"Sequence\"}"}, WICK_E_CORRUPT, {"no list \"normalizers\""}},
        {{.normalizer = "{\"type\": \"Sequence\", \"normalizers\": [7]}"},
         WICK_E_CORRUPT,
         {"normalizers[0] is not an object"}},
        {{.normalizer = "{\"type\": \"Precompiled\"}"}, WICK_E_CORRUPT, {"null as \"precompiled_charsmap\""}},
        {{.normalizer = "{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"BAAAAAA\"}"},
         WICK_E_CORRUPT,
         {"not base64"}},
        {{.normalizer = "{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"BAAA!AAA\"}"},
         WICK_E_CORRUPT,
         {"not base64"}},
        {{.normalizer = "{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"\"}"}, WICK_E_CORRUPT, {"not base64"}},
        {{.normalizer = "{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"BAAA\"}"},
         WICK_E_CORRUPT,
         {"not base64"}},
        {{.normalizer = "{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"CAAAAAAAAAAA\"}"},
         WICK_E_CORRUPT,
         {"a double array of 8 bytes, of 9"}},
        {{.normalizer = "{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"AAAAAAAAAAAA\"}"},
         WICK_E_CORRUPT,
         {"of 0 bytes"}},
        {{.normalizer = "{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"BQAAAAAAAAAAAAAA\"}"},
         WICK_E_CORRUPT,
         {"of 5 bytes"}},
        {{.normalizer = "{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"BAAAAAAAAAD/AA==\"}"},
         WICK_E_CORRUPT,
         {"no UTF-8"}},
        {{.normalizer = "{\"type\": \"Precompiled\", \"precompiled_charsmap\": "
                        "\"BAAAAAAAAABhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh"
                        "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYW"
                        "FhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh"
                        "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhAA==\"}"},
         WICK_E_CORRUPT,
         {"longer than 255"}},
        {{.normalizer = "{\"type\": \"Strip\", \"strip_left\": true}"}, WICK_E_CORRUPT, {"\"strip_right\""}},
        {{.normalizer = "{\"type\": \"Prepend\"}"}, WICK_E_CORRUPT, {"no field \"prepend\""}},
        {{.normalizer = "{\"type\": \"Prepend\", \"prepend\": "
                        "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}"},
         WICK_E_UNSUPPORTED,
         {"so many bytes", "64 bytes"}},
        {{.normalizer = "{\"type\": \"Replace\", \"content\": \"x\"}"},
         WICK_E_CORRUPT,
         {"normalizer is null, not an object"}},
        {{.normalizer = "{\"type\": \"Replace\", \"content\": \"x\", \"pattern\": {}}"},
         WICK_E_CORRUPT,
         {"no String or Regex"}},
        {{.normalizer =
              "{\"type\": \"Replace\", \"content\": \"x\", \"pattern\": {\"String\": \"a\", \"Regex\": \"a\"}}"},
         WICK_E_CORRUPT,
         {"no String or Regex"}},
        {{.normalizer = "{\"type\": \"Replace\", \"pattern\": {\"String\": \"a\"}}"},
         WICK_E_CORRUPT,
         {"no field \"content\""}},
        {{.pre_tokenizer = "[]"}, WICK_E_CORRUPT, {"pre_tokenizer is not an object"}});
}

static void malformed_metaspace(void **state)
{
    REFUSALS(
        {{.pre_tokenizer = "{\"type\": \"Metaspace\", \"split\": true}"}, WICK_E_CORRUPT, {"no field \"replacement\""}},
        {{.pre_tokenizer = "{\"type\": \"Metaspace\", \"replacement\": \"\"}"}, WICK_E_CORRUPT, {"not one character"}},
        {{.pre_tokenizer = "{\"type\": \"Metaspace\", \"replacement\": \"ab\"}"},
         WICK_E_CORRUPT,
         {"not one character"}},
        {{.pre_tokenizer = "{\"type\": \"Metaspace\", \"replacement\": \"_\", \"prepend_scheme\": \"First\"}"},
         WICK_E_CORRUPT,
         {"\"First\" as \"prepend_scheme\""}},
        {{.pre_tokenizer = "{\"type\": \"Metaspace\", \"replacement\": \"_\", \"prepend_scheme\": null}"},
         WICK_E_CORRUPT,
         {"null as \"prepend_scheme\""}},
        {{.pre_tokenizer = "{\"type\": \"Metaspace\", \"replacement\": \"_\", \"add_prefix_space\": false}"},
         WICK_E_CORRUPT,
         {"does not go with"}},
        {{.pre_tokenizer = "{\"type\": \"Metaspace\", \"replacement\": \"_\", \"add_prefix_space\": 3}"},
         WICK_E_CORRUPT,
         {"\"add_prefix_space\""}},
        {{.pre_tokenizer = "{\"type\": \"Metaspace\", \"replacement\": \"_\", \"split\": 3}"},
         WICK_E_CORRUPT,
         {"\"split\""}},
        {{.pre_tokenizer = "{\"type\": \"Metaspace\", \"replacement\": \"_\", \"x\": 3}"},
         WICK_E_UNSUPPORTED,
         {"the field \"x\""}});
}

static void malformed_models(void **state)
{
    REFUSALS(
        {{.model = "null"}, WICK_E_CORRUPT, {"model is null"}},
        {{.model = "[]"}, WICK_E_CORRUPT, {"model is an array"}},
        {{.model = "{\"type\": 5}"}, WICK_E_CORRUPT, {"model has a \"type\""}},
        {{.model = "{\"type\": \"WordPiece\"}"}, WICK_E_CORRUPT, {"no field \"unk_token\""}},
        {{.model = "{\"type\": \"WordPiece\", \"unk_token\": null}"},
         WICK_E_CORRUPT,
         {"null as \"unk_token\"", "a string"}},
        {{.model = "{\"type\": \"WordPiece\", \"unk_token\": \"u\", \"continuing_subword_prefix\": \"\", "
                   "\"max_input_chars_per_word\": -1, \"vocab\": {\"u\": 0}}"},
         WICK_E_CORRUPT,
         {"-1", "max_input_chars_per_word"}},
        {{.model = "{\"type\": \"WordPiece\", \"unk_token\": \"u\", \"continuing_subword_prefix\": \"\", "
                   "\"max_input_chars_per_word\": 1.5, \"vocab\": {\"u\": 0}}"},
         WICK_E_CORRUPT,
         {"max_input_chars_per_word", "an integer"}},
        {{.model = MODEL_WITH("[\"[UNK]\"]")}, WICK_E_CORRUPT, {"an array as \"vocab\""}},
        {{.model = MODEL_WITH("{}")}, WICK_E_CORRUPT, {"\"[UNK]\" (\"unk_token\")"}},
        {{.model = MODEL_WITH("{\"a\": 0}")}, WICK_E_CORRUPT, {"\"[UNK]\" (\"unk_token\")"}},
        {{.model = MODEL_WITH("{\"[UNK]\": 0, \"a\": 0}")}, WICK_E_CORRUPT, {"the id 0 to \"[UNK]\" and to \"a\""}},
        {{.model = MODEL_WITH("{\"[UNK]\": 0, \"a\": -1}")}, WICK_E_CORRUPT, {"\"a\" the id -1"}},
        {{.model = MODEL_WITH("{\"[UNK]\": 0, \"a\": 4294967296}")}, WICK_E_CORRUPT, {"\"a\" the id 4294967296"}},
        {{.model = MODEL_WITH("{\"[UNK]\": 0, \"a\": 2000000000}")}, WICK_E_CORRUPT, {"outside of 0 to"}},
        {{.model = MODEL_WITH("{\"[UNK]\": 0, \"a\": \"1\"}")}, WICK_E_CORRUPT, {"\"a\" an id that is not an integer"}},
        {{.model = MODEL_WITH("{\"[UNK]\": 0, \"a\": 1.0}")}, WICK_E_CORRUPT, {"not an integer"}},
        {{.model = "{\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": {\"a\": 1}}"},
         WICK_E_CORRUPT,
         {"an object as \"vocab\", not an array"}},
        {{.model = "{\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": []}"},
         WICK_E_CORRUPT,
         {"\"unk_id\" 0", "0 tokens"}},
        {{.model = "{\"type\": \"Unigram\", \"unk_id\": 1, \"vocab\": [[\"a\", 1]]}"},
         WICK_E_CORRUPT,
         {"\"unk_id\" 1"}},
        {{.model = "{\"type\": \"Unigram\", \"unk_id\": -1, \"vocab\": [[\"a\", 1]]}"},
         WICK_E_CORRUPT,
         {"\"unk_id\" -1"}},
        {{.model = "{\"type\": \"Unigram\", \"unk_id\": \"a\", \"vocab\": [[\"a\", 1]]}"},
         WICK_E_CORRUPT,
         {"a string as \"unk_id\""}},
        {{.model = "{\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": [[\"a\", 1], 7]}"}, WICK_E_CORRUPT, {"entry 1"}},
        {{.model = "{\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": [[\"a\"]]}"}, WICK_E_CORRUPT, {"entry 0"}},
        {{.model = "{\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": [[\"a\", 1, 2]]}"}, WICK_E_CORRUPT, {"entry 0"}},
        {{.model = "{\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": [[1, \"a\"]]}"}, WICK_E_CORRUPT, {"entry 0"}},
        {{.model = "{\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": [[\"a\", null]]}"}, WICK_E_CORRUPT, {"entry 0"}},
        {{.model = "{\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": [[\"a\", -1e300]]}"},
         WICK_E_CORRUPT,
         {"\"a\" the score -1e+300"}},
        {{.model = "{\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": [[\"a\", 1]], \"byte_fallback\": 1}"},
         WICK_E_CORRUPT,
         {"\"byte_fallback\""}},
        {{.model = "{\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": [[\"a\", 1]], \"alpha\": 0.1}"},
         WICK_E_UNSUPPORTED,
         {"the field \"alpha\""}});
}

static void malformed_added_tokens(void **state)
{
    REFUSALS({{.added = "{}"}, WICK_E_CORRUPT, {"added_tokens is an object"}},
             {{.added = "[3]"}, WICK_E_CORRUPT, {"added_tokens[0] is an integer"}},
             {{.added = "[{\"id\": 5}]"}, WICK_E_CORRUPT, {"added_tokens[0] has no field \"content\""}},
             {{.added = "[" ADDED("-5", "x", "") "]"}, WICK_E_CORRUPT, {"added_tokens[0] has the id -5"}},
             {{.added = "[" ADDED("4294967296", "x", "") "]"}, WICK_E_CORRUPT, {"id 4294967296"}},
             {{.added = "[" ADDED("\"5\"", "x", "") "]"}, WICK_E_CORRUPT, {"a string as \"id\""}},
             /* The vocabulary has two tokens, so the added one gets id 2, which another has. */
             {{.added = "[" ADDED("2", "x", "") "]", .model = MODEL_WITH("{\"[UNK]\": 0, \"a\": 2}")},
              WICK_E_CORRUPT,
              {"added_tokens[0]", "the id 2 to \"a\" and to \"x\""}});
}

static void malformed_templates(void **state)
{
    REFUSALS(
        {{.post_processor = "\"none\""}, WICK_E_CORRUPT, {"post_processor is not an object"}},
        {{.post_processor = "{\"type\": \"TemplateProcessing\"}"}, WICK_E_CORRUPT, {"special_tokens is null"}},
        {{.post_processor = "{\"type\": \"TemplateProcessing\", \"special_tokens\": {}}"},
         WICK_E_CORRUPT,
         {"no list \"single\""}},
        {{.post_processor = "{\"type\": \"TemplateProcessing\", \"single\": [" A "], \"special_tokens\": {}}"},
         WICK_E_CORRUPT,
         {"no list \"pair\""}},
        {{.post_processor = TEMPLATE("{\"Sequence\": {\"id\": \"A\"}}", "")},
         WICK_E_CORRUPT,
         {"single[0] has no field \"type_id\""}},
        {{.post_processor =
              TEMPLATE("{\"SpecialToken\": {\"id\": \"[CLS]\"}}, " A, ENTRY("[CLS]", "[1]", "[\"[CLS]\"]"))},
         WICK_E_CORRUPT,
         {"single[0] has no field \"type_id\""}},
        {{.post_processor = TEMPLATE(A, ENTRY("[CLS]", "[1]", "7"))}, WICK_E_CORRUPT, {"[CLS] has no list \"tokens\""}},
        {{.post_processor = TEMPLATE(A, ENTRY("[CLS]", "[1]", "\"[CLS]\""))},
         WICK_E_CORRUPT,
         {"[CLS] has no list \"tokens\""}},
        {{.post_processor = TEMPLATE(A, ENTRY("[CLS]", "[1]", "[1]"))},
         WICK_E_CORRUPT,
         {"[CLS] has a token that is not a string"}},
        {{.post_processor = TEMPLATE(A, "\"[CLS]\": 5")}, WICK_E_CORRUPT, {"special_tokens.[CLS] is an integer"}},
        {{.post_processor = TEMPLATE(A, "\"[CLS]\": {\"ids\": [1], \"tokens\": []}")},
         WICK_E_CORRUPT,
         {"[CLS] has no field \"id\""}},
        {{.post_processor = TEMPLATE("7", "")}, WICK_E_CORRUPT, {"single[0] is an integer"}},
        {{.post_processor = TEMPLATE("{}", "")}, WICK_E_CORRUPT, {"single[0] is not one SpecialToken or Sequence"}},
        {{.post_processor = TEMPLATE("{\"Sequence\": {\"id\": \"B\", \"type_id\": 0}}", "")},
         WICK_E_CORRUPT,
         {"\"B\""}},
        {{.post_processor = TEMPLATE(CLS ", " A, "")}, WICK_E_CORRUPT, {"\"[CLS]\", which special_tokens lacks"}},
        {{.post_processor = TEMPLATE(CLS ", " A, "\"[CLS]\": {\"id\": \"[CLS]\", \"tokens\": []}")},
         WICK_E_CORRUPT,
         {"special_tokens.[CLS] has no list \"ids\""}},
        {{.post_processor = TEMPLATE(CLS ", " A, ENTRY("[CLS]", "[\"x\"]", "[\"[CLS]\"]"))},
         WICK_E_CORRUPT,
         {"not an integer"}},
        {{.post_processor = TEMPLATE(CLS ", " A, ENTRY("[CLS]", "[99]", "[\"[CLS]\"]"))},
         WICK_E_CORRUPT,
         {"the id 99, which no token has"}},
        {{.post_processor = TEMPLATE(CLS ", " A, ENTRY("[CLS]", "[-1]", "[\"[CLS]\"]"))},
         WICK_E_CORRUPT,
         {"the id -1"}},
        {{.post_processor = "{\"type\": \"BertProcessing\", \"cls\": [\"[CLS]\", 1]}"}, WICK_E_CORRUPT, {"\"sep\""}},
        {{.post_processor = "{\"type\": \"BertProcessing\", \"cls\": [1], \"sep\": [\"[SEP]\", 2]}"},
         WICK_E_CORRUPT,
         {"\"cls\""}});
}

/* What has no part in encoding is of the form that the tokenizers package reads, or refused as there. */
static void malformed_parts_that_are_passed_over(void **state)
{
    REFUSALS(
        {{.truncation = "\"the\""}, WICK_E_CORRUPT, {"truncation is a string, not an object"}},
        {{.truncation = "{}"}, WICK_E_CORRUPT, {"truncation.max_length is not a number of tokens"}},
        {{.truncation = "{\"max_length\": 8, \"stride\": 0}"},
         WICK_E_CORRUPT,
         {"truncation has no field \"strategy\""}},
        {{.truncation = "{\"max_length\": 8, \"strategy\": \"LongestFirst\"}"},
         WICK_E_CORRUPT,
         {"truncation has no field \"stride\""}},
        {{.truncation = "{\"max_length\": 8, \"strategy\": \"Longest\", \"stride\": 0}"},
         WICK_E_UNSUPPORTED,
         {"truncation.strategy: Longest"}},
        {{.truncation = "{\"max_length\": 8, \"strategy\": \"OnlyFirst\", \"stride\": -1}"},
         WICK_E_CORRUPT,
         {"truncation has -1 as \"stride\""}},
        {{.padding = "1"}, WICK_E_CORRUPT, {"padding is an integer, not an object"}},
        {{.padding = "{}"}, WICK_E_CORRUPT, {"padding.strategy is neither"}},
        {{.padding = "{\"strategy\": {\"Fixed\": \"x\"}}"}, WICK_E_CORRUPT, {"padding.strategy has a string"}},
        {{.padding = "{\"strategy\": \"BatchLongest\"}"}, WICK_E_CORRUPT, {"padding has no field \"direction\""}},
        {{.padding = PADDING("\"x\"")}, WICK_E_CORRUPT, {"padding has a string as \"pad_id\""}},
        {{.padding = PADDING("-1")}, WICK_E_CORRUPT, {"padding has -1 as \"pad_id\""}},
        {{.decoder = "1"}, WICK_E_CORRUPT, {"decoder is not an object"}},
        {{.decoder = "{}"}, WICK_E_CORRUPT, {"decoder is not an object with a \"type\""}},
        {{.decoder = "{\"type\": \"Unknown\"}"}, WICK_E_UNSUPPORTED, {"decoder: Unknown", "supported: BPEDecoder"}},
        {{.decoder = "{\"type\": \"WordPiece\", \"prefix\": \"##\"}"},
         WICK_E_CORRUPT,
         {"decoder is a WordPiece whose \"cleanup\""}},
        {{.decoder = "{\"type\": \"Strip\", \"content\": \"ab\", \"start\": 1, \"stop\": 0}"},
         WICK_E_CORRUPT,
         {"a Strip whose \"content\""}},
        {{.decoder = "{\"type\": \"Metaspace\", \"replacement\": \"_\", \"prepend_scheme\": \"X\"}"},
         WICK_E_CORRUPT,
         {"a Metaspace whose \"prepend_scheme\""}},
        {{.decoder = "{\"type\": \"Replace\", \"pattern\": {}, \"content\": \"\"}"},
         WICK_E_CORRUPT,
         {"a Replace whose \"pattern\""}},
        {{.decoder = "{\"type\": \"Sequence\", \"decoders\": [{\"type\": \"Fuse\"}, {\"type\": \"Fused\"}]}"},
         WICK_E_UNSUPPORTED,
         {"decoder.decoders[1]: Fused"}},
        {{.decoder = "{\"type\": \"Sequence\", \"decoders\": [{\"type\": \"Sequence\"}]}"},
         WICK_E_CORRUPT,
         {"decoder.decoders[0] is a Sequence whose \"decoders\""}});
}

/* And all that it reads is taken. */
static void parts_that_are_passed_over(void **state)
{
    static const char *const decoders[] = {
        "null",
        "{\"type\": \"BPEDecoder\", \"suffix\": \"\"}",
        "{\"type\": \"ByteLevel\", \"add_prefix_space\": true, \"trim_offsets\": false}",
        "{\"type\": \"CTC\", \"pad_token\": \"\", \"word_delimiter_token\": \"|\", \"cleanup\": false}",
        "{\"type\": \"Metaspace\", \"replacement\": \"\u2581\"}",
        "{\"type\": \"Metaspace\", \"replacement\": \"_\", \"prepend_scheme\": \"first\", \"split\": true}",
        "{\"type\": \"Sequence\", \"decoders\": [{\"type\": \"Replace\", \"pattern\": {\"Regex\": \"a\"}, \"content\": "
        "\"\"}, "
        "{\"type\": \"ByteFallback\"}, {\"type\": \"Sequence\", \"decoders\": []}, {\"type\": \"Fuse\"}, "
        "{\"type\": \"Strip\", \"content\": \" \", \"start\": 1, \"stop\": 0}]}",
        "{\"prefix\": \"##\", \"cleanup\": true}", /* older files have no type */
        "{\"suffix\": \"</w>\"}",
    };
    static const parts others[] = {{.padding = "null"},
                                   {.padding = "{\"strategy\": {\"Fixed\": 8}, \"direction\": \"Left\", \"pad_id\": 1, "
                                               "\"pad_type_id\": 0, \"pad_token\": \"\", \"pad_to_multiple_of\": 8}"},
                                   {.truncation = "null"},
                                   {.truncation = TRUNCATION("\"direction\": \"Left\"")}};
    wick_tokenizer *tokenizer;
    wick_error error;
    for (size_t i = 0; i < sizeof decoders / sizeof *decoders; i++) {
        if (parse((parts){.decoder = decoders[i]}, &tokenizer, &error) != WICK_OK)
            fail_msg("%s: %s", decoders[i], error.message);
        wick_tokenizer_free(tokenizer);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_int_equal(parse(others[i], &tokenizer, &error), WICK_OK);
        wick_tokenizer_free(tokenizer);
    }
}

/* RobertaProcessing that lacks a field of its own is BertProcessing, as in the tokenizers package: offsets keep their white space. */
static void roberta_without_its_fields(void **state)
{
    static const struct {
        const char *fields;
        uint32_t start; /* of " a" in "a a" */
    } cases[] = {{", \"trim_offsets\": true, \"add_prefix_space\": true", 2},
                 {", \"trim_offsets\": false, \"add_prefix_space\": true", 1},
                 {", \"trim_offsets\": true", 1},
                 {", \"add_prefix_space\": true", 1},
                 {"", 1}};
    wick_encoding *encoding = wick_encoding_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char post_processor[256];
        wick_tokenizer *tokenizer;
        wick_error error;
        snprintf(post_processor, sizeof post_processor,
                 "{\"type\": \"RobertaProcessing\", \"sep\": [\"</s>\", 1], \"cls\": [\"<s>\", 0]%s}", cases[i].fields);
        assert_int_equal(
            parse((parts){.normalizer = "null",
                          .pre_tokenizer = "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, "
                                           "\"trim_offsets\": true, \"use_regex\": true}",
                          .post_processor = post_processor,
                          .model = "{\"type\": \"BPE\", \"vocab\": {\"<s>\": 0, \"</s>\": 1, \"\\u0120\": 2, "
                                   "\"a\": 3, \"\\u0120a\": 4}, \"merges\": [[\"\\u0120\", \"a\"]]}"},
                  &tokenizer, &error),
            WICK_OK);
        assert_int_equal(wick_tokenize(tokenizer, "a a", 3, NULL, encoding, NULL), WICK_OK);
        assert_int_equal(encoding->n_tokens, 4);
        assert_int_equal(encoding->ids[2], 4);
        assert_int_equal(encoding->starts[2], cases[i].start);
        assert_int_equal(encoding->ends[2], 3);
        wick_tokenizer_free(tokenizer);
    }
    wick_encoding_free(encoding);
}

static void malformed_documents(void **state)
{
    static const struct {
        const char *json;
        int code;
        const char *message;
    } cases[] = {
        {"", WICK_E_CORRUPT, "malformed JSON"},
        {"{", WICK_E_CORRUPT, "malformed JSON at line 1"},
        {"[]", WICK_E_CORRUPT, "not an object"},
        {"{}", WICK_E_CORRUPT, "model is null"},
        {"{\"version\": 1}", WICK_E_CORRUPT, "version"},
        {"{\"version\": \"2.0\"}", WICK_E_UNSUPPORTED, "version: 2.0"},
        {"{\"model\": {}, \"model\": {}}", WICK_E_CORRUPT, "duplicate"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wick_tokenizer *tokenizer = NULL;
        wick_error error = {0};
        assert_int_equal(wick_tokenizer_parse(cases[i].json, strlen(cases[i].json), "FILE", &tokenizer, &error),
                         cases[i].code);
        if (!strstr(error.message, cases[i].message))
            fail_msg("case %zu: \"%s\" is not in \"%s\"", i, cases[i].message, error.message);
        assert_null(tokenizer);
    }
}

static void check_ids(const wick_tokenizer *tokenizer, const char *text, const int32_t *ids, size_t n)
{
    wick_encoding *encoding = wick_encoding_new();
    assert_int_equal(wick_tokenize(tokenizer, text, strlen(text), NULL, encoding, NULL), WICK_OK);
    assert_int_equal(encoding->n_tokens, n);
    assert_memory_equal(encoding->ids, ids, n * sizeof *ids);
    wick_encoding_free(encoding);
}

static void passed_over(void **state)
{
    wick_tokenizer *tokenizer;
    wick_error error;
    /* strip_accents, absent, follows lowercase; an old file's model has no type. */
    assert_int_equal(parse((parts){.model = "{\"unk_token\": \"[UNK]\", \"continuing_subword_prefix\": \"##\", "
                                            "\"max_input_chars_per_word\": 100, \"vocab\": " VOCAB "}"},
                           &tokenizer, &error),
                     WICK_OK);
    check_ids(tokenizer,
              "\xc3\x84"
              "B",
              (int32_t[]){3, 4}, 2);
    assert_int_equal(wick_tokenizer_vocab_size(tokenizer), 5);
    wick_tokenizer_free(tokenizer);
    /* Gaps between ids; an empty token, which is never found. */
    assert_int_equal(parse((parts){.model = MODEL_WITH("{\"[UNK]\": 7, \"\": 3, \"a\": 9}")}, &tokenizer, &error),
                     WICK_OK);
    check_ids(tokenizer, "a b", (int32_t[]){9, 7}, 2);
    assert_int_equal(wick_tokenizer_vocab_size(tokenizer), 10);
    assert_null(wick_tokenizer_token(tokenizer, 0));
    assert_string_equal(wick_tokenizer_token(tokenizer, 9), "a");
    wick_tokenizer_free(tokenizer);
}

/* Ids of added tokens are given as the tokenizers package gives them, whatever the file says; of equal contents the last counts. */
static void added_ids(void **state)
{
    wick_tokenizer *tokenizer;
    wick_error error;
    wick_log_set_level(WICK_LOG_OFF);
    assert_int_equal(parse((parts){.added = "[" ADDED("77", "<x>", "") ", " ADDED("3", "a", "") ", " ADDED(
                                       "0", "", "") ", " ADDED("9", "<x>", "") "]"},
                           &tokenizer, &error),
                     WICK_OK);
    check_ids(tokenizer, "<x>ab", (int32_t[]){5, 3, 0}, 3);
    assert_string_equal(wick_tokenizer_token(tokenizer, 5), "<x>");
    assert_int_equal(wick_tokenizer_vocab_size(tokenizer), 6);
    wick_tokenizer_free(tokenizer);
}

static void files(void **state)
{
    char folder[SUPPORT_PATH_BYTES], path[SUPPORT_PATH_BYTES];
    wick_tokenizer *tokenizer = NULL;
    wick_error error = {0};
    support_folder_make(folder);
    support_path(folder, "tokenizer.json", path);
    assert_int_equal(wick_tokenizer_read(path, &tokenizer, &error), WICK_E_IO);
    assert_string_equal(error.where, path);
    support_file_write(folder, "tokenizer.json", "{\"model\": ");
    assert_int_equal(wick_tokenizer_read(path, &tokenizer, &error), WICK_E_CORRUPT);
    assert_string_equal(error.where, path);
    assert_null(tokenizer);
    support_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unsupported_parts),
        cmocka_unit_test(malformed_normalizers),
        cmocka_unit_test(malformed_metaspace),
        cmocka_unit_test(malformed_models),
        cmocka_unit_test(malformed_added_tokens),
        cmocka_unit_test(malformed_templates),
        cmocka_unit_test(malformed_parts_that_are_passed_over),
        cmocka_unit_test(parts_that_are_passed_over),
        cmocka_unit_test(roberta_without_its_fields),
        cmocka_unit_test(malformed_documents),
        cmocka_unit_test(passed_over),
        cmocka_unit_test(added_ids),
        cmocka_unit_test(files),
    };
    return cmocka_run_group_tests_name("tokenizer.json", tests, NULL, NULL);
}
