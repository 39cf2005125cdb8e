/* SPDX-License-Identifier: Apache-2.0
 * test_heads_json.c: what config.json and the modules' files say of heads (src/model/heads.h, multi_vector.h, modules.h), and that what is wrong in them, or missing among the
 * weights, is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/heads.h"
#include "model/modules.h"
#include "model/multi_vector.h"
#include "support_model.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define IDENTITY "torch.nn.modules.linear.Identity"
#define SIGMOID "torch.nn.modules.activation.Sigmoid"

static int parse(const char *text, const char *architecture, wick_head_kind kind, wick_arena *arena,
                 wick_output_head *out, wick_error *error)
{
    wick_model_files files = {.architecture = architecture, .encoder = {.vocab_size = 99, .hidden_size = 8}};
    const int code = wick_head_parse(text, strlen(text), "config.json", kind, arena, &files, error);
    *out = files.head;
    return code;
}

static void test_kind(void **state)
{
    static const struct {
        const char *text;
        wick_head_kind expected;
    } cases[] = {
        {"{\"architectures\":[\"BertForSequenceClassification\"]}", WICK_HEAD_LABELS},
        {"{\"architectures\":[\"BertForMaskedLM\"]}", WICK_HEAD_NONE},
        {"{\"architectures\":[]}", WICK_HEAD_NONE},
        {"{\"architectures\":[7]}", WICK_HEAD_NONE},
        {"{\"architectures\":\"BertForSequenceClassification\"}", WICK_HEAD_NONE},
        {"{}", WICK_HEAD_NONE},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        wick_head_kind kind = WICK_HEAD_TERMS;
        assert_int_equal(wick_head_kind_parse(cases[i].text, strlen(cases[i].text), "c", &kind, NULL), WICK_OK);
        assert_int_equal(kind, cases[i].expected);
    }
}

static void test_labels(void **state)
{
    wick_arena arena = {0};
    wick_output_head head;
    assert_int_equal(parse("{\"id2label\":{\"1\":\"b\",\"0\":\"a\"}}", "bert", WICK_HEAD_LABELS, &arena, &head, NULL),
                     WICK_OK);
    assert_int_equal(head.n_out, 2);
    assert_string_equal(head.labels[0], "a");
    assert_string_equal(head.labels[1], "b");
    assert_false(head.has_sigmoid);
    assert_int_equal(parse("{}", "roberta", WICK_HEAD_LABELS, &arena, &head, NULL), WICK_OK);
    assert_int_equal(head.n_out, 2); /* transformers' default */
    assert_string_equal(head.labels[1], "LABEL_1");
    assert_int_equal(parse("{\"num_labels\":1}", "distilbert", WICK_HEAD_LABELS, &arena, &head, NULL), WICK_OK);
    assert_int_equal(head.n_out, 1);
    assert_true(head.has_sigmoid);
    wick_arena_clear(&arena);
}

static void test_activation_of_scores(void **state)
{
    static const struct {
        const char *text;
        bool has_sigmoid;
    } cases[] = {
        {"{\"num_labels\":1}", true},
        {"{\"num_labels\":3}", false},
        {"{\"num_labels\":1,\"sentence_transformers\":{\"activation_fn\":\"" IDENTITY "\",\"version\":\"4.1.0\"}}",
         false},
        {"{\"num_labels\":3,\"sentence_transformers\":{\"activation_fn\":\"" SIGMOID "\"}}", true},
        {"{\"num_labels\":1,\"sbert_ce_default_activation_function\":\"" IDENTITY "\"}", false},
        {"{\"num_labels\":1,\"sbert_ce_default_activation_function\":null}", true},
        /* not trusted: the default */
        {"{\"num_labels\":1,\"sentence_transformers\":{\"activation_fn\":\"mine.Identity\"}}", true},
        /* the newer key counts */
        {"{\"num_labels\":1,\"sentence_transformers\":{\"activation_fn\":\"" SIGMOID
         "\"},\"sbert_ce_default_activation_function\":\"" IDENTITY "\"}",
         true},
    };
    wick_arena arena = {0};
    for (size_t i = 0; i < COUNT(cases); i++) {
        wick_output_head head;
        assert_int_equal(parse(cases[i].text, "bert", WICK_HEAD_LABELS, &arena, &head, NULL), WICK_OK);
        assert_int_equal(head.has_sigmoid, cases[i].has_sigmoid);
    }
    wick_output_head head = {.has_sigmoid = true};
    static const char own[] = "{\"activation_fn\":\"" IDENTITY "\"}", none[] = "{\"activation_fn\":null}";
    assert_int_equal(wick_head_activation_parse(none, sizeof none - 1, "c", &head, NULL), WICK_OK);
    assert_true(head.has_sigmoid);
    assert_int_equal(wick_head_activation_parse(own, sizeof own - 1, "c", &head, NULL), WICK_OK);
    assert_false(head.has_sigmoid);
    wick_arena_clear(&arena);
}

static void test_token_types(void **state)
{
    static const struct {
        const char *text;
        bool expected;
    } cases[] = {
        {"{}", true}, /* as it was */
        {"{\"tokenizer_class\":\"BertTokenizer\"}", true},
        {"{\"tokenizer_class\":\"BertTokenizerFast\"}", true},
        {"{\"tokenizer_class\":\"TokenizersBackend\"}", false},
        {"{\"tokenizer_class\":\"PreTrainedTokenizerFast\",\"model_input_names\":[\"input_ids\",\"token_type_ids\"]}",
         true},
        {"{\"tokenizer_class\":\"BertTokenizer\",\"model_input_names\":[\"input_ids\",7]}", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        wick_output_head head = {.has_types = true};
        assert_int_equal(wick_head_types_parse(cases[i].text, strlen(cases[i].text), "t", &head, NULL), WICK_OK);
        assert_int_equal(head.has_types, cases[i].expected);
    }
    wick_arena arena = {0};
    wick_output_head head;
    assert_int_equal(parse("{}", "bert", WICK_HEAD_LABELS, &arena, &head, NULL), WICK_OK);
    assert_true(head.has_types);
    assert_int_equal(parse("{}", "xlm-roberta", WICK_HEAD_LABELS, &arena, &head, NULL), WICK_OK);
    assert_false(head.has_types);
    wick_arena_clear(&arena);
}

static void test_modernbert_chooses(void **state)
{
    wick_arena arena = {0};
    wick_output_head head;
    assert_int_equal(parse("{}", "modernbert", WICK_HEAD_LABELS, &arena, &head, NULL), WICK_OK);
    assert_true(head.row == WICK_POOL_CLS && head.has_norm && !head.has_dense_bias && !head.has_norm_bias &&
                head.has_last_bias && head.activation == WICK_ACT_GELU);
    assert_int_equal(parse("{\"classifier_pooling\":\"mean\",\"classifier_bias\":true,\"norm_bias\":true,"
                           "\"classifier_activation\":\"silu\",\"decoder_bias\":false}",
                           "modernbert", WICK_HEAD_LABELS, &arena, &head, NULL),
                     WICK_OK);
    assert_true(head.row == WICK_POOL_MEAN && head.has_dense_bias && head.has_norm_bias && head.has_last_bias &&
                head.activation == WICK_ACT_SILU);
    assert_int_equal(parse("{\"decoder_bias\":false}", "modernbert", WICK_HEAD_TERMS, &arena, &head, NULL), WICK_OK);
    assert_true(!head.has_last_bias && head.n_out == 99);
    wick_arena_clear(&arena);
}

typedef struct refusal {
    const char *text;
    int code;
    const char *fragment;
} refusal;

static void test_head_refuses(void **state)
{
    static const refusal cases[] = {
        {"[]", WICK_E_CORRUPT, "expected an object"},
        {"{\"id2label\":[]}", WICK_E_CORRUPT, "id2label is not an object"},
        {"{\"id2label\":{}}", WICK_E_CORRUPT, "id2label has no labels"},
        {"{\"id2label\":{\"1\":\"a\"}}", WICK_E_CORRUPT, "id2label: its keys"},
        {"{\"id2label\":{\"00\":\"a\"}}", WICK_E_CORRUPT, "id2label: its keys"},
        {"{\"id2label\":{\"-0\":\"a\"}}", WICK_E_CORRUPT, "id2label: its keys"},
        {"{\"id2label\":{\"\":\"a\"}}", WICK_E_CORRUPT, "id2label: its keys"},
        {"{\"id2label\":{\"0\":7}}", WICK_E_CORRUPT, "id2label: a label is not a string"},
        {"{\"num_labels\":0}", WICK_E_CORRUPT, "num_labels"},
        {"{\"num_labels\":65537}", WICK_E_CORRUPT, "num_labels"},
        {"{\"sentence_transformers\":{\"activation_fn\":\"torch.nn.Softmax\"}}", WICK_E_UNSUPPORTED,
         "sentence_transformers.activation_fn torch.nn.Softmax"},
        {"{\"sbert_ce_default_activation_function\":7}", WICK_E_CORRUPT, "sbert_ce_default_activation_function"},
        {"{\"classifier_pooling\":\"max\"}", WICK_E_UNSUPPORTED, "classifier_pooling max"},
        {"{\"classifier_activation\":\"mish\"}", WICK_E_UNSUPPORTED, "classifier_activation mish"},
        {"{\"norm_bias\":1}", WICK_E_CORRUPT, "norm_bias"},
    };
    wick_arena arena = {0};
    wick_output_head head;
    for (size_t i = 0; i < COUNT(cases); i++) {
        wick_error error = {0};
        const int code = parse(cases[i].text, "modernbert", WICK_HEAD_LABELS, &arena, &head, &error);
        support_error_check(cases[i].text, code, &error, cases[i].code, cases[i].fragment, "config.json");
    }
    wick_error error = {0};
    const int code = parse("{}", "nomic_bert", WICK_HEAD_TERMS, &arena, &head, &error);
    support_error_check("nomic", code, &error, WICK_E_UNSUPPORTED, "masked words on model_type nomic_bert",
                        "config.json");
    wick_arena_clear(&arena);
}

static void test_splade(void **state)
{
    static const struct {
        const char *text;
        bool sums, twice;
    } good[] = {
        {"{}", false, false},
        {"{\"pooling_strategy\":\"max\",\"activation_function\":\"relu\"}", false, false},
        {"{\"pooling_strategy\":\"sum\",\"activation_function\":\"log1p_relu\"}", true, true},
    };
    static const refusal bad[] = {
        {"{\"pooling_strategy\":\"mean\"}", WICK_E_UNSUPPORTED,
         "pooling_strategy mean is not supported, only: max, sum"},
        {"{\"pooling_strategy\":\"ma\"}", WICK_E_UNSUPPORTED, "pooling_strategy ma "},
        {"{\"activation_function\":\"gelu\"}", WICK_E_UNSUPPORTED, "activation_function gelu"},
        {"{\"activation_function\":7}", WICK_E_CORRUPT, "activation_function"},
    };
    for (size_t i = 0; i < COUNT(good); i++) {
        wick_output_head head = {.sums_tokens = !good[i].sums, .has_second_log = !good[i].twice};
        assert_int_equal(wick_head_splade_parse(good[i].text, strlen(good[i].text), "s", &head, NULL), WICK_OK);
        assert_true(head.sums_tokens == good[i].sums && head.has_second_log == good[i].twice);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        wick_output_head head = {0};
        wick_error error = {0};
        const int code = wick_head_splade_parse(bad[i].text, strlen(bad[i].text), "s.json", &head, &error);
        support_error_check(bad[i].text, code, &error, bad[i].code, bad[i].fragment, "s.json");
    }
}

static void test_mask_and_normalize(void **state)
{
    wick_arena arena = {0};
    wick_token_vectors tokens = {0};
    static const char mask[] = "{\"skiplist_words\":[\"!\",\"\\u0000\"],\"skiplist_tasks\":\"query\"}";
    assert_int_equal(wick_multi_vector_mask_parse(mask, sizeof mask - 1, "m", &arena, &tokens, NULL), WICK_OK);
    assert_true(tokens.n_skipped == 2 && tokens.skips_in_query && !tokens.skips_in_document);
    assert_string_equal(tokens.skipped[0], "!");
    static const refusal bad[] = {
        {"{\"skiplist_words\":\"!\"}", WICK_E_CORRUPT, "skiplist_words"},
        {"{\"skiplist_words\":[7]}", WICK_E_CORRUPT, "skiplist_words"},
        {"{\"skiplist_tasks\":[7]}", WICK_E_CORRUPT, "skiplist_tasks"},
        {"{\"keep_only_token_ids\":[7]}", WICK_E_UNSUPPORTED, "keep_only_token_ids"},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        wick_error error = {0};
        const int code =
            wick_multi_vector_mask_parse(bad[i].text, strlen(bad[i].text), "m.json", &arena, &tokens, &error);
        support_error_check(bad[i].text, code, &error, bad[i].code, bad[i].fragment, "m.json");
    }
    static const struct {
        const char *text;
        bool expected;
    } norms[] = {{"{}", false}, {"{\"module_input_name\":\"token_embeddings\"}", true}};
    for (size_t i = 0; i < COUNT(norms); i++) {
        bool is_there = !norms[i].expected;
        assert_int_equal(wick_multi_vector_normalize_parse(norms[i].text, strlen(norms[i].text), "n", &is_there, NULL),
                         WICK_OK);
        assert_int_equal(is_there, norms[i].expected);
    }
    wick_arena_clear(&arena);
}

#define BASE "sentence_transformers.base.modules."
#define SPARSE "sentence_transformers.sparse_encoder."
#define MULTI "sentence_transformers.multi_vector_encoder.modules."
#define MODULE(type, path) "{\"type\":\"" type "\",\"path\":\"" path "\"}"
#define FIRST "[" MODULE(BASE "transformer.Transformer", "")
#define DENSE "," MODULE(BASE "dense.Dense", "1")
#define MASK "," MODULE(MULTI "multi_vector_mask.MultiVectorMask", "2")
#define NORMALIZE "," MODULE(BASE "normalize.Normalize", "3")

static void test_pipelines(void **state)
{
    static const struct {
        const char *text;
        wick_pipeline expected;
    } good[] = {
        {FIRST "]", WICK_PIPELINE_LABELS},
        {FIRST "," MODULE(SPARSE "modules.splade_pooling.SpladePooling", "1") "]", WICK_PIPELINE_TERMS},
        {"[" MODULE(SPARSE "models.MLMTransformer", "") "," MODULE(SPARSE "models.SpladePooling", "1") "]",
         WICK_PIPELINE_TERMS},
        {FIRST DENSE MASK NORMALIZE "]", WICK_PIPELINE_TOKENS},
        {FIRST DENSE NORMALIZE MASK "]", WICK_PIPELINE_TOKENS},
        {FIRST DENSE DENSE "]", WICK_PIPELINE_TOKENS},
        {FIRST MASK "]", WICK_PIPELINE_TOKENS},
    };
    static const char *const bad[] = {FIRST NORMALIZE "]", FIRST MASK DENSE "]", FIRST DENSE MASK MASK "]",
                                      FIRST DENSE DENSE DENSE DENSE DENSE MASK NORMALIZE "]"};
    wick_module_list list;
    for (size_t i = 0; i < COUNT(good); i++) {
        wick_error error = {0};
        if (wick_modules_parse(good[i].text, strlen(good[i].text), "modules.json", &list, &error) != WICK_OK)
            fail_msg("%s: %s", good[i].text, error.message);
        assert_int_equal(list.pipeline, good[i].expected);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        wick_error error = {0};
        const int code = wick_modules_parse(bad[i], strlen(bad[i]), "modules.json", &list, &error);
        support_error_check(bad[i], code, &error, WICK_E_UNSUPPORTED, "modules", "modules.json");
    }
}

static void test_missing_tensors_are_named(void **state)
{
    static const struct {
        const char *modules, *task, *fragment;
    } cases[] = {
        {FIRST "]", "sequence-classification", "classifier.weight"},
        {FIRST "," MODULE(SPARSE "modules.splade_pooling.SpladePooling", "1_Pooling") "]", "fill-mask",
         "cls.predictions.transform.dense.weight"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char folder[SUPPORT_PATH_BYTES], text[256];
        wick_model_files *files = NULL;
        wick_error error = {0};
        support_tiny_make(folder);
        snprintf(text, sizeof text, "{\"transformer_task\":\"%s\"}", cases[i].task);
        support_bytes_write(folder, "modules.json", cases[i].modules, strlen(cases[i].modules));
        support_bytes_write(folder, "sentence_bert_config.json", text, strlen(text));
        const int code = wick_model_files_open(folder, &files, &error);
        support_error_check(cases[i].task, code, &error, WICK_E_CORRUPT, cases[i].fragment, "model.safetensors");
        support_folder_remove(folder);
    }
}

/* What the transformer gives must be what the modules take. */
static void test_tasks_must_fit(void **state)
{
    static const struct {
        const char *modules, *task;
    } cases[] = {{FIRST "]", "feature-extraction"},
                 {FIRST "]", "fill-mask"},
                 {FIRST "," MODULE("sentence_transformers.models.Pooling", "1_Pooling") "]", "sequence-classification"},
                 {FIRST DENSE "]", "fill-mask"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        char folder[SUPPORT_PATH_BYTES], text[256], fragment[128];
        wick_model_files *files = NULL;
        wick_error error = {0};
        support_tiny_make(folder);
        snprintf(text, sizeof text, "{\"transformer_task\":\"%s\"}", cases[i].task);
        snprintf(fragment, sizeof fragment, "transformer_task %s is not supported with these modules", cases[i].task);
        support_bytes_write(folder, "modules.json", cases[i].modules, strlen(cases[i].modules));
        support_bytes_write(folder, "sentence_bert_config.json", text, strlen(text));
        const int code = wick_model_files_open(folder, &files, &error);
        support_error_check(cases[i].task, code, &error, WICK_E_UNSUPPORTED, fragment, folder);
        support_folder_remove(folder);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kind),
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_activation_of_scores),
        cmocka_unit_test(test_token_types),
        cmocka_unit_test(test_modernbert_chooses),
        cmocka_unit_test(test_head_refuses),
        cmocka_unit_test(test_splade),
        cmocka_unit_test(test_mask_and_normalize),
        cmocka_unit_test(test_pipelines),
        cmocka_unit_test(test_missing_tensors_are_named),
        cmocka_unit_test(test_tasks_must_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
