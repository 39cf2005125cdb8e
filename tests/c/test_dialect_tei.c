/* SPDX-License-Identifier: Apache-2.0
 * test_dialect_tei.c: Text Embeddings Inference's dialect: what it reads, writes and refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>

#include "dialect_trial.h"
#include "server/call.h"

static void tei_embeds(void **state)
{
    static const char *const paths[] = {"/embed", "/", "/invocations"};
    for (size_t i = 0; i < 3; i++)
        trial_replies(paths[i], "{\"inputs\":[\"a\",\"b\"],\"dimensions\":2,\"prompt_name\":null,\"truncate\":null}",
                      "[[1,-0.5],[2,0.5]]");
    trial_replies("/embed", "{\"inputs\":\"a\"}", "[[1,-0.5,0,0.25]]");
    trial_replies("/embed", "{\"inputs\":[2,3]}", "[[1,-0.5,0,0.25]]");
    trial t;
    trial_begin_reply(&t, "/embed",
                      "{\"inputs\":\"a\",\"truncation_direction\":\"Left\",\"normalize\":false,\"truncate\":false}");
    assert_int_equal(t.call.options.truncate_side, WICK_TRUNCATE_LEFT);
    assert_false(t.call.options.normalize || t.call.truncate);
    trial_end(&t);
    trial_begin_reply(&t, "/embed", "{\"inputs\":\"a\",\"truncation_direction\":\"right\"}");
    assert_int_equal(t.call.options.truncate_side, WICK_TRUNCATE_RIGHT);
    assert_true(t.call.options.normalize && t.call.truncate);
    trial_end(&t);
}

static void tei_similarity(void **state)
{
    trial t;
    trial_begin(&t, WICK_POST, "/similarity",
                "{\"inputs\":{\"source_sentence\":\"s\",\"sentences\":[\"a\",\"b\"]},\"parameters\":{\"truncation_"
                "direction\":\"Left\"}}");
    assert_int_equal(t.status, 0);
    assert_int_equal(t.call.n_texts, 3);
    assert_int_equal(t.call.options.truncate_side, WICK_TRUNCATE_LEFT);
    assert_true(t.call.options.normalize);
    assert_string_equal(t.call.texts[0], "a");
    assert_string_equal(t.call.texts[2], "s");
    t.call.vectors = (float[]){0.6f, 0.8f, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0};
    t.call.route->write(&t.call, &t.out);
    trial_take_out(&t);
    assert_string_equal(t.text, "[0.6,0]");
    trial_end(&t);
    trial_refused(WICK_POST, "/similarity", "{\"inputs\":{\"source_sentence\":\"SECRET\",\"sentences\":[]}}", 400,
                  "Empty");
    trial_refused(WICK_POST, "/similarity", "{\"inputs\":{\"source_sentence\":1,\"sentences\":[\"SECRET\"]}}", 422,
                  "source_sentence");
    trial_refused(WICK_POST, "/similarity", "{\"inputs\":{\"source_sentence\":\"SECRET\",\"sentences\":[1]}}", 422,
                  "sentences[0]");
    trial_refused(WICK_POST, "/similarity", "{\"inputs\":{\"source_sentence\":\"SECRET\",\"sentences\":\"SECRET\"}}",
                  422, "an array");
    trial_refused(WICK_POST, "/similarity", "{\"inputs\":\"SECRET\"}", 422, "an object");
    trial_refused(WICK_POST, "/similarity",
                  "{\"inputs\":{\"source_sentence\":\"\",\"sentences\":[\"\"]},\"parameters\":[]}", 422, "parameters");
    trial_refused(WICK_POST, "/similarity",
                  "{\"inputs\":{\"source_sentence\":\"\",\"sentences\":[\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\"]}}",
                  413, "Validation");
}

static void tei_refuses(void **state)
{
    trial_refused(WICK_POST, "/embed", "{\"inputs\":[]}", 400, "\"error_type\":\"Empty\"}");
    trial_refused(WICK_POST, "/embed", "{\"inputs\":[\"SECRET\",1]}", 422,
                  "{\"error\":\"inputs[1] must be a string, not an integer\",\"error_type\":\"Validation\"}");
    trial_refused(WICK_POST, "/embed", "{\"inputs\":\"SECRET\",\"prompt_name\":\"SECRET\"}", 422, "prompt_name");
    trial_refused(WICK_POST, "/embed", "{\"inputs\":\"SECRET\",\"truncation_direction\":\"SECRET\"}", 422,
                  "truncation_direction must be one of");
    trial_refused(WICK_POST, "/embed", "{\"inputs\":\"SECRET\",\"truncate\":1}", 422, "truncate must be true or false");
    const wick_dialect *dialect = wick_routes_tei[0].dialect;
    static const struct {
        wick_refusal refusal;
        int status;
        const char *type;
    } cases[] = {{WICK_REFUSE_TOKENIZER, 422, "Tokenizer"},
                 {WICK_REFUSE_OVERLOADED, 429, "Overloaded"},
                 {WICK_REFUSE_INTERNAL, 424, "Backend"},
                 {WICK_REFUSE_KIND, 424, "Backend"},
                 {WICK_REFUSE_UNAVAILABLE, 503, "Unhealthy"},
                 {WICK_REFUSE_TOO_LARGE, 413, "Validation"},
                 {WICK_REFUSE_EMPTY, 400, "Empty"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        trial t = {.error = {.refusal = cases[i].refusal}};
        assert_int_equal(dialect->status(cases[i].refusal), cases[i].status);
        dialect->write_error(&t.error, cases[i].status, &t.out);
        trial_take_out(&t);
        assert_non_null(strstr(t.text, cases[i].type));
    }
}

static void tei_tokens(void **state)
{
    const wick_tokenizer *tokenizer = trial_served.tokenizer;
    static const char text[] = "x \xE4\xB8\x96y";
    wick_encoding *encoding = wick_encoding_new();
    assert_int_equal(wick_tokenize(tokenizer, text, strlen(text), NULL, encoding, NULL), WICK_OK);
    assert_int_equal(encoding->n_tokens, 5);
    char expected[512];
    snprintf(expected, sizeof expected,
             "[[{\"id\":2,\"text\":\"[CLS]\",\"special\":true,\"start\":null,\"stop\":null},"
             "{\"id\":%d,\"text\":\"x\",\"special\":false,\"start\":0,\"stop\":1},"
             "{\"id\":%d,\"text\":\"\xE4\xB8\x96\",\"special\":false,\"start\":2,\"stop\":3},"
             "{\"id\":%d,\"text\":\"y\",\"special\":false,\"start\":3,\"stop\":4},"
             "{\"id\":3,\"text\":\"[SEP]\",\"special\":true,\"start\":null,\"stop\":null}]]",
             encoding->ids[1], encoding->ids[2], encoding->ids[3]);
    trial_answers(WICK_POST, "/tokenize", "{\"inputs\":\"x \xE4\xB8\x96y\"}", expected);
    trial_answers(WICK_POST, "/tokenize", "{\"inputs\":[\"\",\" \"],\"add_special_tokens\":false}", "[[],[]]");
    trial_refused(WICK_POST, "/tokenize", "{\"inputs\":[]}", 400, "Empty");
    trial_refused(WICK_POST, "/tokenize", "{\"inputs\":\"SECRET\",\"add_special_tokens\":0}", 422,
                  "add_special_tokens");
    char body[128];
    snprintf(body, sizeof body, "{\"ids\":[2,%d,3]}", encoding->ids[1]);
    trial_answers(WICK_POST, "/decode", body, "[\"x\"]");
    snprintf(body, sizeof body, "{\"ids\":[[2,%d],[99999],[]],\"skip_special_tokens\":false}", encoding->ids[1]);
    trial_answers(WICK_POST, "/decode", body, "[\"[CLS] x\",\"\",\"\"]");
    trial_refused(WICK_POST, "/decode", "{\"ids\":[]}", 400, "Empty");
    trial_refused(WICK_POST, "/decode", "{\"ids\":\"SECRET\"}", 422, "ids must be an array");
    trial_refused(WICK_POST, "/decode", "{\"ids\":[[1],2]}", 422, "ids[1] must be an array");
    trial_refused(WICK_POST, "/decode", "{\"ids\":[1,\"SECRET\"]}", 422, "ids[1] is not a token id");
    trial_refused(WICK_POST, "/decode", "{\"ids\":[1,1e300]}", 422, "ids[1] is not a token id");
    trial_refused(WICK_POST, "/decode", "{\"ids\":[[1],[1],[1],[1],[1],[1],[1],[1],[1]]}", 413, "the limit is 8");
    wick_encoding_free(encoding);
}

static void tei_info(void **state)
{
    trial_answers(
        WICK_GET, "/info", NULL,
        "{\"model_id\":\"org/"
        "tiny\",\"model_sha\":\"0123abcd\",\"model_dtype\":\"float32\",\"model_type\":{\"embedding\":{\"pooling\":"
        "\"cls\"}},"
        "\"max_concurrent_requests\":100,\"max_input_length\":48,\"max_batch_tokens\":4096,\"max_batch_requests\":null,"
        "\"max_client_batch_size\":8,\"auto_truncate\":true,\"tokenization_workers\":2,\"version\":\"" WICK_VERSION
        "\",\"sha\":null,\"docker_label\":null}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tei_embeds), cmocka_unit_test(tei_similarity), cmocka_unit_test(tei_refuses),
        cmocka_unit_test(tei_tokens), cmocka_unit_test(tei_info),
    };
    return cmocka_run_group_tests(tests, trial_open_tokenizer, trial_close_tokenizer);
}
