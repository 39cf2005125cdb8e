/* SPDX-License-Identifier: Apache-2.0
 * test_model_json.c: the parsers of config.json, modules.json, 1_Pooling, N_Dense and the sentence-transformers
 * files, on memory: what they take, and that whatever they refuse is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/config.h"
#include "model/dense.h"
#include "model/modules.h"
#include "model/pooling.h"
#include "model/sentence_bert.h"
#include "support_model.h"

typedef struct refusal {
    const char *text;
    int code;
    const char *fragment;
} refusal;

#define COUNT(array) (sizeof(array) / sizeof *(array))

static int parse_config(const char *text, wick_model_files *files, wick_error *error)
{
    const wick_architecture *architecture = NULL;
    int code = wick_model_config_parse(text, strlen(text), "config.json", &architecture, files, error);
    assert_true((architecture != NULL) || code != WICK_OK);
    return code;
}

static void test_config_takes(void **state)
{
    wick_model_files files = {0};
    assert_int_equal(
        parse_config("{\"model_type\":\"bert\",\"hidden_size\":48,\"num_attention_heads\":6,"
                     "\"num_hidden_layers\":1024,\"intermediate_size\":7,\"vocab_size\":11,"
                     "\"max_position_embeddings\":13,\"type_vocab_size\":1,\"layer_norm_eps\":1e-5,"
                     "\"hidden_act\":\"silu\",\"is_decoder\":null,\"position_embedding_type\":\"absolute\"}",
                     &files, NULL),
        WICK_OK);
    assert_string_equal(files.architecture, "bert");
    assert_int_equal(files.encoder.hidden_size, 48);
    assert_int_equal(files.encoder.n_heads, 6);
    assert_int_equal(files.encoder.head_dim, 8);
    assert_int_equal(files.encoder.n_layers, 1024);
    assert_int_equal(files.encoder.intermediate_size, 7);
    assert_int_equal(files.encoder.vocab_size, 11);
    assert_int_equal(files.encoder.max_positions, 13);
    assert_int_equal(files.max_tokens, 13);
    assert_int_equal(files.encoder.type_vocab_size, 1);
    assert_true(files.encoder.norm_eps == 1e-5);
    assert_int_equal(files.encoder.activation, WICK_ACT_SILU);
}

static void test_config_defaults_are_those_of_transformers(void **state)
{
    wick_model_files files = {0};
    assert_int_equal(parse_config("{\"model_type\":\"bert\"}", &files, NULL), WICK_OK);
    assert_int_equal(files.encoder.hidden_size, 768);
    assert_int_equal(files.encoder.n_layers, 12);
    assert_int_equal(files.encoder.head_dim, 64);
    assert_int_equal(files.encoder.intermediate_size, 3072);
    assert_int_equal(files.encoder.vocab_size, 30522);
    assert_int_equal(files.encoder.max_positions, 512);
    assert_int_equal(files.encoder.type_vocab_size, 2);
    assert_true(files.encoder.norm_eps == 1e-12);
    assert_int_equal(files.encoder.activation, WICK_ACT_GELU);
}

static void test_config_activations(void **state)
{
    static const struct {
        const char *text;
        wick_activation expected;
    } cases[] = {
        {"{\"model_type\":\"bert\",\"hidden_act\":\"gelu\"}", WICK_ACT_GELU},
        {"{\"model_type\":\"bert\",\"hidden_act\":\"gelu_new\"}", WICK_ACT_GELU_TANH},
        {"{\"model_type\":\"bert\",\"hidden_act\":\"gelu_pytorch_tanh\"}", WICK_ACT_GELU_TANH},
        {"{\"model_type\":\"bert\",\"hidden_act\":\"relu\"}", WICK_ACT_RELU},
        {"{\"model_type\":\"bert\",\"hidden_act\":\"swish\"}", WICK_ACT_SILU},
        {"{\"model_type\":\"bert\",\"hidden_act\":\"tanh\"}", WICK_ACT_TANH},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        wick_model_files files = {0};
        assert_int_equal(parse_config(cases[i].text, &files, NULL), WICK_OK);
        assert_int_equal(files.encoder.activation, cases[i].expected);
    }
}

#define BERT(rest) "{\"model_type\":\"bert\"," rest "}"

static void test_config_refuses(void **state)
{
    static const refusal cases[] = {
        {"", WICK_E_CORRUPT, "malformed JSON"},
        {"[]", WICK_E_CORRUPT, "an array, expected an object"},
        {"{\"model_type\":\"bert\"", WICK_E_CORRUPT, "malformed JSON"},
        {"{}", WICK_E_CORRUPT, "model_type is absent"},
        {"{\"model_type\":null}", WICK_E_CORRUPT, "model_type is absent"},
        {"{\"model_type\":7}", WICK_E_CORRUPT, "model_type is an integer, expected a string"},
        {"{\"model_type\":\"bert\\u0000x\"}", WICK_E_CORRUPT, "model_type holds a NUL"},
        {"{\"model_type\":\"t5\"}", WICK_E_UNSUPPORTED, "model_type t5 is not supported, only: bert, roberta"},
        {"{\"model_type\":\"\"}", WICK_E_UNSUPPORTED, "model_type"},
        {BERT("\"hidden_size\":null"), WICK_E_CORRUPT, "hidden_size is null, expected an integer"},
        {BERT("\"hidden_size\":\"768\""), WICK_E_CORRUPT, "hidden_size is a string"},
        {BERT("\"hidden_size\":768.0"), WICK_E_CORRUPT, "hidden_size is a number"},
        {BERT("\"hidden_size\":0"), WICK_E_CORRUPT, "hidden_size is 0, expected 1 to 65536"},
        {BERT("\"hidden_size\":-12"), WICK_E_CORRUPT, "hidden_size is -12"},
        {BERT("\"hidden_size\":65544"), WICK_E_CORRUPT, "hidden_size is 65544"},
        {BERT("\"hidden_size\":770"), WICK_E_CORRUPT, "hidden_size 770 is no multiple of num_attention_heads 12"},
        {BERT("\"num_attention_heads\":0"), WICK_E_CORRUPT, "num_attention_heads is 0"},
        {BERT("\"num_hidden_layers\":1025"), WICK_E_CORRUPT, "num_hidden_layers is 1025, expected 1 to 1024"},
        {BERT("\"num_hidden_layers\":0"), WICK_E_CORRUPT, "num_hidden_layers is 0"},
        {BERT("\"intermediate_size\":9223372036854775807"), WICK_E_CORRUPT, "intermediate_size is 9223372036854775807"},
        {BERT("\"vocab_size\":16777217"), WICK_E_CORRUPT, "vocab_size is 16777217, expected 1 to 16777216"},
        {BERT("\"vocab_size\":123456789012345678901234567890"), WICK_E_CORRUPT, "integer"},
        {BERT("\"max_position_embeddings\":0"), WICK_E_CORRUPT, "max_position_embeddings is 0"},
        {BERT("\"type_vocab_size\":0"), WICK_E_CORRUPT, "type_vocab_size is 0"},
        {BERT("\"layer_norm_eps\":0"), WICK_E_CORRUPT, "layer_norm_eps is 0"},
        {BERT("\"layer_norm_eps\":-1e-12"), WICK_E_CORRUPT, "layer_norm_eps is -1e-12"},
        {BERT("\"layer_norm_eps\":1e400"), WICK_E_CORRUPT, "real number overflow"},
        {BERT("\"layer_norm_eps\":\"1e-12\""), WICK_E_CORRUPT, "layer_norm_eps is a string"},
        {BERT("\"hidden_act\":\"xielu\""), WICK_E_UNSUPPORTED, "hidden_act xielu is not supported"},
        {BERT("\"hidden_act\":[\"gelu\"]"), WICK_E_CORRUPT, "hidden_act is an array"},
        {BERT("\"position_embedding_type\":\"relative_key\""), WICK_E_UNSUPPORTED,
         "position_embedding_type relative_key is not supported, only: absolute"},
        {BERT("\"is_decoder\":true"), WICK_E_UNSUPPORTED, "is_decoder true"},
        {BERT("\"is_decoder\":1"), WICK_E_CORRUPT, "is_decoder is an integer, expected a boolean"},
        {BERT("\"add_cross_attention\":true"), WICK_E_UNSUPPORTED, "add_cross_attention true"},
        {BERT("\"quantization_config\":{}"), WICK_E_UNSUPPORTED, "quantization_config"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        wick_model_files files = {0};
        wick_error error = {0};
        int code = parse_config(cases[i].text, &files, &error);
        support_error_check(cases[i].text, code, &error, cases[i].code, cases[i].fragment, "config.json");
    }
}

static int parse_modules(const char *text, wick_module_list *list, wick_error *error)
{
    return wick_modules_parse(text, strlen(text), "modules.json", list, error);
}

#define MODULE(type, path) "{\"idx\":0,\"name\":\"0\",\"path\":\"" path "\",\"type\":\"" type "\"}"
#define OLD "sentence_transformers.models."
#define NEW "sentence_transformers.base.modules."
#define NEW_ST "sentence_transformers.sentence_transformer.modules."
#define HEAD "[" MODULE(OLD "Transformer", "") "," MODULE(OLD "Pooling", "1_Pooling")

static void test_modules_takes_both_spellings(void **state)
{
    static const char *const texts[] = {
        HEAD "," MODULE(OLD "Dense", "2_Dense") "," MODULE(OLD "Normalize", "3_Normalize") "]",
        "[" MODULE(NEW "transformer.Transformer", "") "," MODULE(NEW_ST "pooling.Pooling", "1_Pooling") "," MODULE(
            NEW "dense.Dense", "2_Dense") "," MODULE(NEW "normalize.Normalize", "3_Normalize") "]",
        "[" MODULE(OLD "Transformer.Transformer", "") "," MODULE(NEW_ST "Pooling", "1_Pooling") "," MODULE(
            NEW_ST "dense.Dense", "2_Dense") "," MODULE(NEW_ST "normalize.Normalize", "") "]",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        wick_module_list list;
        wick_error error = {0};
        if (parse_modules(texts[i], &list, &error) != WICK_OK)
            fail_msg("%s: %s", texts[i], error.message);
        assert_int_equal(list.n_modules, 4);
        assert_int_equal(list.modules[0].kind, WICK_MODULE_TRANSFORMER);
        assert_string_equal(list.modules[0].path, "");
        assert_int_equal(list.modules[1].kind, WICK_MODULE_POOLING);
        assert_string_equal(list.modules[1].path, "1_Pooling");
        assert_int_equal(list.modules[2].kind, WICK_MODULE_DENSE);
        assert_int_equal(list.modules[3].kind, WICK_MODULE_NORMALIZE);
    }
}

#define PATH_CASE(path) HEAD "," MODULE(OLD "Dense", path) "]", WICK_E_CORRUPT

static void test_modules_refuses(void **state)
{
    static const refusal cases[] = {
        {"{}", WICK_E_CORRUPT, "an object, expected an array"},
        {"[", WICK_E_CORRUPT, "malformed JSON"},
        {"[]", WICK_E_UNSUPPORTED, "Transformer, Pooling"},
        {"[7]", WICK_E_CORRUPT, "module 0 is an integer"},
        {"[{\"type\":\"" OLD "Transformer\"}]", WICK_E_CORRUPT, "module 0: path is absent"},
        {"[{\"path\":\"\"}]", WICK_E_CORRUPT, "module 0: type is absent"},
        {"[{\"path\":7,\"type\":\"" OLD "Transformer\"}]", WICK_E_CORRUPT, "path is an integer"},
        {"[{\"path\":\"a\\u0000b\",\"type\":\"" OLD "Transformer\"}]", WICK_E_CORRUPT, "path holds a NUL"},
        {HEAD "," MODULE(OLD "LayerNorm", "2_LayerNorm") "]", WICK_E_UNSUPPORTED,
         "module 2: type sentence_transformers.models.LayerNorm is not supported"},
        {"[" MODULE("custom.Transformer", "") "]", WICK_E_UNSUPPORTED, "type custom.Transformer"},
        {"[" MODULE(OLD "Evil.Transformer", "") "]", WICK_E_UNSUPPORTED, "Evil.Transformer"},
        {"[" MODULE(OLD "a.transformer.Transformer", "") "]", WICK_E_UNSUPPORTED, "a.transformer.Transformer"},
        {"[" MODULE(OLD, "") "]", WICK_E_UNSUPPORTED, "type sentence_transformers.models."},
        {"[" MODULE(OLD "Pooling", "") "]", WICK_E_UNSUPPORTED, "in this order"},
        {"[" MODULE(OLD "Pooling", "") "," MODULE(OLD "Transformer", "") "]", WICK_E_UNSUPPORTED, "in this order"},
        {HEAD "," MODULE(OLD "Normalize", "2") "," MODULE(OLD "Dense", "3") "]", WICK_E_UNSUPPORTED, "in this order"},
        {HEAD "," MODULE(OLD "Pooling", "2") "]", WICK_E_UNSUPPORTED, "in this order"},
        {HEAD "," MODULE(OLD "Dense", "2") "," MODULE(OLD "Dense", "3") "," MODULE(OLD "Dense", "4") "," MODULE(
             OLD "Dense", "5") "," MODULE(OLD "Dense", "6") "," MODULE(OLD "Dense", "7") "]",
         WICK_E_UNSUPPORTED, "8 modules, at most 7"},
        {PATH_CASE("/etc"), "module 2: path /etc leads out"},
        {PATH_CASE(".."), "path .. leads out"},
        {PATH_CASE("../other"), "path ../other"},
        {PATH_CASE("a/../../b"), "path a/../../b"},
        {PATH_CASE("a/.."), "path a/.."},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        wick_module_list list;
        wick_error error = {0};
        int code = parse_modules(cases[i].text, &list, &error);
        support_error_check(cases[i].text, code, &error, cases[i].code, cases[i].fragment, "modules.json");
    }
}

static void test_modules_refuses_long_paths(void **state)
{
    char text[1024] = HEAD ",{\"type\":\"" OLD "Dense\",\"path\":\"";
    size_t used = strlen(text);
    memset(text + used, 'a', WICK_MAX_MODULE_PATH_BYTES);
    strcpy(text + used + WICK_MAX_MODULE_PATH_BYTES, "\"}]");
    wick_module_list list;
    wick_error error = {0};
    int code = parse_modules(text, &list, &error);
    support_error_check("long path", code, &error, WICK_E_CORRUPT, "path aaa", "modules.json");
    strcpy(text + used + WICK_MAX_MODULE_PATH_BYTES - 1, "\"}]"); /* one shorter fits */
    assert_int_equal(parse_modules(text, &list, &error), WICK_OK);
    assert_int_equal(strlen(list.modules[2].path), WICK_MAX_MODULE_PATH_BYTES - 1);
}

static void test_pooling_takes(void **state)
{
    static const struct {
        const char *text;
        wick_pooling expected;
        const char *name;
    } cases[] = {
        {"{\"pooling_mode\":\"mean\",\"embedding_dimension\":8,\"include_prompt\":true}", WICK_POOL_MEAN, "mean"},
        {"{\"pooling_mode\":\"cls\"}", WICK_POOL_CLS, "cls"},
        {"{\"pooling_mode\":[\"max\"]}", WICK_POOL_MAX, "max"},
        {"{\"pooling_mode\":\"mean_sqrt_len_tokens\"}", WICK_POOL_MEAN_SQRT_LEN, "mean_sqrt_len"},
        {"{\"pooling_mode\":\"weightedmean\"}", WICK_POOL_WEIGHTEDMEAN, "weightedmean"},
        {"{\"pooling_mode\":\"lasttoken\"}", WICK_POOL_LASTTOKEN, "lasttoken"},
        {"{\"word_embedding_dimension\":8,\"pooling_mode_mean_tokens\":true,\"pooling_mode_cls_token\":false}",
         WICK_POOL_MEAN, "mean"},
        {"{\"pooling_mode_cls_token\":true}", WICK_POOL_CLS, "cls"},
        {"{\"pooling_mode_max_tokens\":true}", WICK_POOL_MAX, "max"},
        {"{\"pooling_mode_mean_sqrt_len_tokens\":true}", WICK_POOL_MEAN_SQRT_LEN, "mean_sqrt_len"},
        {"{\"pooling_mode_weightedmean_tokens\":true}", WICK_POOL_WEIGHTEDMEAN, "weightedmean"},
        {"{\"pooling_mode_lasttoken\":true}", WICK_POOL_LASTTOKEN, "lasttoken"},
        {"{\"pooling_mode_mean_tokens\":false}", WICK_POOL_MEAN,
         "mean"}, /* none set: sentence-transformers takes mean */
        {"{\"pooling_mode\":\"cls\",\"pooling_mode_mean_tokens\":true}", WICK_POOL_CLS, "cls"}, /* the new key wins */
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        wick_pooling pooling = WICK_POOL_LASTTOKEN + 1;
        bool pools_prompt = false;
        wick_error error = {0};
        if (wick_pooling_parse(cases[i].text, strlen(cases[i].text), "p", 8, &pooling, &pools_prompt, &error) !=
            WICK_OK)
            fail_msg("%s: %s", cases[i].text, error.message);
        assert_int_equal(pooling, cases[i].expected);
        assert_string_equal(wick_pooling_name(pooling), cases[i].name);
        assert_true(pools_prompt);
    }
    static const char left_out[] = "{\"pooling_mode\":\"mean\",\"include_prompt\":false}";
    wick_pooling pooling;
    bool pools_prompt = true;
    assert_int_equal(wick_pooling_parse(left_out, strlen(left_out), "p", 8, &pooling, &pools_prompt, NULL), WICK_OK);
    assert_false(pools_prompt);
}

static void test_pooling_refuses(void **state)
{
    static const refusal cases[] = {
        {"", WICK_E_CORRUPT, "malformed JSON"},
        {"[]", WICK_E_CORRUPT, "expected an object"},
        {"{\"pooling_mode\":\"median\"}", WICK_E_UNSUPPORTED, "pooling_mode median"},
        {"{\"pooling_mode\":[\"mean\",\"max\"]}", WICK_E_UNSUPPORTED, "pooling_mode: 2 modes"},
        {"{\"pooling_mode\":[]}", WICK_E_UNSUPPORTED, "pooling_mode: 0 modes"},
        {"{\"pooling_mode\":7}", WICK_E_CORRUPT, "pooling_mode is an integer"},
        {"{\"pooling_mode\":null}", WICK_E_CORRUPT, "pooling_mode is null"},
        {"{\"pooling_mode_mean_tokens\":true,\"pooling_mode_max_tokens\":true}", WICK_E_UNSUPPORTED,
         "pooling_mode_max_tokens and pooling_mode_mean_tokens"},
        {"{\"pooling_mode_mean_tokens\":1}", WICK_E_CORRUPT, "pooling_mode_mean_tokens is an integer"},
        {"{\"pooling_mode\":\"mean\",\"include_prompt\":0}", WICK_E_CORRUPT, "include_prompt is an integer"},
        {"{\"pooling_mode\":\"mean\",\"embedding_dimension\":9}", WICK_E_CORRUPT,
         "embedding_dimension is 9, but config.json's hidden_size is 8"},
        {"{\"word_embedding_dimension\":7}", WICK_E_CORRUPT, "word_embedding_dimension is 7"},
        {"{\"word_embedding_dimension\":-7}", WICK_E_CORRUPT, "word_embedding_dimension is -7"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        wick_pooling pooling;
        bool pools_prompt;
        wick_error error = {0};
        int code = wick_pooling_parse(cases[i].text, strlen(cases[i].text), "1_Pooling/config.json", 8, &pooling,
                                      &pools_prompt, &error);
        support_error_check(cases[i].text, code, &error, cases[i].code, cases[i].fragment, "1_Pooling/config.json");
    }
}

#define DENSE(rest) "{\"in_features\":8,\"out_features\":4" rest "}"
#define TORCH "torch.nn.modules."

static void test_dense_takes(void **state)
{
    static const struct {
        const char *text;
        wick_activation activation;
        bool has_bias;
    } cases[] = {
        {DENSE(""), WICK_ACT_TANH, true},
        {DENSE(",\"activation_function\":\"" TORCH "activation.Tanh\",\"bias\":false"), WICK_ACT_TANH, false},
        {DENSE(",\"activation_function\":\"" TORCH "linear.Identity\",\"bias\":true"), WICK_ACT_NONE, true},
        {DENSE(",\"activation_function\":\"" TORCH "activation.ReLU\""), WICK_ACT_RELU, true},
        {DENSE(",\"activation_function\":\"" TORCH "activation.GELU\""), WICK_ACT_GELU, true},
        {DENSE(",\"activation_function\":\"" TORCH "activation.SiLU\""), WICK_ACT_SILU, true},
        {DENSE(",\"module_input_name\":\"sentence_embedding\",\"module_output_name\":null"), WICK_ACT_TANH, true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        wick_dense dense;
        bool has_bias;
        wick_error error = {0};
        if (wick_dense_parse(cases[i].text, strlen(cases[i].text), "d", 8, WICK_FEATURE_VECTOR, &dense, &has_bias,
                             &error) != WICK_OK)
            fail_msg("%s: %s", cases[i].text, error.message);
        assert_int_equal(dense.activation, cases[i].activation);
        assert_int_equal(has_bias, cases[i].has_bias);
        assert_int_equal(dense.in_features, 8);
        assert_int_equal(dense.out_features, 4);
    }
}

static void test_dense_refuses(void **state)
{
    static const refusal cases[] = {
        {"{", WICK_E_CORRUPT, "malformed JSON"},
        {"{\"in_features\":8}", WICK_E_CORRUPT, "out_features is absent"},
        {"{\"out_features\":8}", WICK_E_CORRUPT, "in_features is absent"},
        {"{\"in_features\":9,\"out_features\":4}", WICK_E_CORRUPT, "in_features is 9, but the module in front gives 8"},
        {"{\"in_features\":8,\"out_features\":0}", WICK_E_CORRUPT, "out_features is 0"},
        {"{\"in_features\":8,\"out_features\":65537}", WICK_E_CORRUPT, "out_features is 65537"},
        {DENSE(",\"activation_function\":\"os.system\""), WICK_E_UNSUPPORTED, "activation_function os.system"},
        {DENSE(",\"activation_function\":7"), WICK_E_CORRUPT, "activation_function is an integer"},
        {DENSE(",\"bias\":\"yes\""), WICK_E_CORRUPT, "bias is a string"},
        {DENSE(",\"use_residual\":true"), WICK_E_UNSUPPORTED, "use_residual true"},
        {DENSE(",\"module_input_name\":\"token_embeddings\""), WICK_E_UNSUPPORTED,
         "module_input_name token_embeddings"},
        {DENSE(",\"module_output_name\":\"x\""), WICK_E_UNSUPPORTED, "module_output_name x"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        wick_dense dense;
        bool has_bias;
        wick_error error = {0};
        int code = wick_dense_parse(cases[i].text, strlen(cases[i].text), "2_Dense/config.json", 8, WICK_FEATURE_VECTOR,
                                    &dense, &has_bias, &error);
        support_error_check(cases[i].text, code, &error, cases[i].code, cases[i].fragment, "2_Dense/config.json");
    }
}

static void test_text_rules(void **state)
{
    static const struct {
        const char *sentence_bert, *tokenizer_config;
        wick_text_rules expected;
    } cases[] = {
        {"{}", "{}", {0}},
        {"{\"max_seq_length\":256,\"do_lower_case\":false}",
         "{\"model_max_length\":512,\"do_lower_case\":true}",
         {256, 512, false, true}},
        {"{\"max_seq_length\":null}", "{\"model_max_length\":null}", {0}},
        {"{\"do_lower_case\":true}", "{\"max_len\":77}", {0, 77, true, false}},
        {"{}", "{\"max_len\":77,\"model_max_length\":78}", {0, 78, false, false}},
        /* what transformers writes for "no limit" */
        {"{}", "{\"model_max_length\":1000000000000000019884624838656}", {0}},
        {"{\"max_seq_length\":12,\"tokenizer_args\":{\"model_max_length\":34}}", "{}", {34, 0, false, false}},
        {"{\"max_seq_length\":12,\"processor_kwargs\":{\"trust_remote_code\":false}}", "{}", {12, 0, false, false}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        wick_text_rules rules = {0};
        assert_int_equal(
            wick_sentence_bert_parse(cases[i].sentence_bert, strlen(cases[i].sentence_bert), "s", &rules, NULL),
            WICK_OK);
        assert_int_equal(wick_tokenizer_config_parse(cases[i].tokenizer_config, strlen(cases[i].tokenizer_config), "t",
                                                     &rules, NULL),
                         WICK_OK);
        assert_int_equal(rules.max_seq_length, cases[i].expected.max_seq_length);
        assert_int_equal(rules.model_max_length, cases[i].expected.model_max_length);
        assert_int_equal(rules.lower_case, cases[i].expected.lower_case);
        assert_int_equal(rules.tokenizer_lower_case, cases[i].expected.tokenizer_lower_case);
    }
}

static void test_sentence_bert_refuses(void **state)
{
    static const refusal cases[] = {
        {"[]", WICK_E_CORRUPT, "expected an object"},
        {"{\"max_seq_length\":0}", WICK_E_CORRUPT, "max_seq_length is 0"},
        {"{\"max_seq_length\":-1}", WICK_E_CORRUPT, "max_seq_length is -1"},
        {"{\"max_seq_length\":\"256\"}", WICK_E_CORRUPT, "max_seq_length is a string"},
        {"{\"do_lower_case\":1}", WICK_E_CORRUPT, "do_lower_case is a number"},
        {"{\"transformer_task\":\"any-to-any\"}", WICK_E_UNSUPPORTED, "transformer_task any-to-any"},
        {"{\"module_output_name\":\"sentence_embedding\"}", WICK_E_UNSUPPORTED,
         "module_output_name sentence_embedding"},
        {"{\"modality_config\":{\"image\":{}}}", WICK_E_UNSUPPORTED, "modality_config has no text"},
        {"{\"modality_config\":{\"text\":{\"method\":\"get_text_features\"}}}", WICK_E_UNSUPPORTED,
         "method get_text_features"},
        {"{\"modality_config\":{\"text\":{\"method_output_name\":\"pooler_output\"}}}", WICK_E_UNSUPPORTED,
         "method_output_name pooler_output"},
        {"{\"config_args\":{\"is_decoder\":true}}", WICK_E_UNSUPPORTED, "config_args is_decoder"},
        {"{\"processor_kwargs\":{\"padding_side\":\"left\"}}", WICK_E_UNSUPPORTED, "processor_kwargs padding_side"},
        {"{\"processing_kwargs\":{\"text\":{}}}", WICK_E_UNSUPPORTED, "processing_kwargs text"},
        {"{\"tokenizer_name_or_path\":\"other\"}", WICK_E_UNSUPPORTED, "tokenizer_name_or_path"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        wick_text_rules rules = {0};
        wick_error error = {0};
        int code =
            wick_sentence_bert_parse(cases[i].text, strlen(cases[i].text), "sentence_bert_config.json", &rules, &error);
        support_error_check(cases[i].text, code, &error, cases[i].code, cases[i].fragment, "sentence_bert_config.json");
    }
}

static void test_tokenizer_config_refuses(void **state)
{
    static const refusal cases[] = {
        {"", WICK_E_CORRUPT, "malformed JSON"},
        {"[]", WICK_E_CORRUPT, "expected an object"},
        {"{\"model_max_length\":0}", WICK_E_CORRUPT, "model_max_length is 0"},
        {"{\"model_max_length\":-1e30}", WICK_E_CORRUPT, "model_max_length is -1e+30"},
        {"{\"max_len\":\"512\"}", WICK_E_CORRUPT, "max_len is a string"},
        {"{\"do_lower_case\":\"yes\"}", WICK_E_CORRUPT, "do_lower_case is a string"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        wick_text_rules rules = {0};
        wick_error error = {0};
        int code =
            wick_tokenizer_config_parse(cases[i].text, strlen(cases[i].text), "tokenizer_config.json", &rules, &error);
        support_error_check(cases[i].text, code, &error, cases[i].code, cases[i].fragment, "tokenizer_config.json");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config_takes),
        cmocka_unit_test(test_config_defaults_are_those_of_transformers),
        cmocka_unit_test(test_config_activations),
        cmocka_unit_test(test_config_refuses),
        cmocka_unit_test(test_modules_takes_both_spellings),
        cmocka_unit_test(test_modules_refuses),
        cmocka_unit_test(test_modules_refuses_long_paths),
        cmocka_unit_test(test_pooling_takes),
        cmocka_unit_test(test_pooling_refuses),
        cmocka_unit_test(test_dense_takes),
        cmocka_unit_test(test_dense_refuses),
        cmocka_unit_test(test_text_rules),
        cmocka_unit_test(test_sentence_bert_refuses),
        cmocka_unit_test(test_tokenizer_config_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
