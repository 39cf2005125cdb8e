/* SPDX-License-Identifier: Apache-2.0
 * test_dialect_openai.c: OpenAI's dialect: what it reads, writes and refuses; texts given as token ids. */
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

static void openai_embeds(void **state)
{
    trial_replies("/v1/embeddings", "{\"input\":[\"a\",\"b\"],\"model\":\"alias\",\"user\":\"u\",\"dimensions\":2}",
                  "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":[1,-0.5]},"
                  "{\"object\":\"embedding\",\"index\":1,\"embedding\":[2,0.5]}],\"model\":\"alias\","
                  "\"usage\":{\"prompt_tokens\":7,\"total_tokens\":7}}");
    trial_replies("/embeddings", "{\"input\":\"a\",\"encoding_format\":\"base64\"}",
                  "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":"
                  "\"AACAPwAAAL8AAAAAAACAPg==\"}],"
                  "\"model\":\"org/tiny\",\"usage\":{\"prompt_tokens\":7,\"total_tokens\":7}}");
    trial t;
    trial_begin_reply(&t, "/v1/embeddings", "{\"input\":\"a\",\"normalize\":false}");
    assert_true(t.call.options.normalize);
    trial_end(&t);
}

static void check_text(const trial *t, size_t i, const char *expected)
{
    assert_int_equal(t->call.text_bytes[i], strlen(expected));
    assert_memory_equal(t->call.texts[i], expected, t->call.text_bytes[i]);
}

/* 2 [CLS], 3 [SEP]: a text comes out of its ids, and goes into the same ids again. */
static void openai_takes_token_ids(void **state)
{
    static const char text[] = "hello, world 42";
    wick_encoding *encoding = wick_encoding_new();
    wick_tokenize(trial_served.tokenizer, text, strlen(text), NULL, encoding, NULL);
    char body[512] = "{\"input\":[", *at = body + strlen(body);
    for (size_t i = 0; i < encoding->n_tokens; i++)
        at += sprintf(at, "%s%d", i ? "," : "", encoding->ids[i]);
    strcpy(at, "]}");
    const size_t n_ids = encoding->n_tokens;
    int32_t ids[64];
    memcpy(ids, encoding->ids, n_ids * sizeof *ids);
    trial t;
    trial_begin(&t, WICK_POST, "/v1/embeddings", body);
    assert_int_equal(t.status, 0);
    assert_true(t.call.is_single);
    assert_int_equal(t.call.n_texts, 1);
    wick_tokenize(trial_served.tokenizer, t.call.texts[0], t.call.text_bytes[0], NULL, encoding, NULL);
    assert_int_equal(encoding->n_tokens, n_ids);
    assert_memory_equal(encoding->ids, ids, n_ids * sizeof *ids);
    trial_end(&t);
    trial_begin(&t, WICK_POST, "/v1/embeddings", "{\"input\":[[2,3],[2,4,3,0],[1]]}");
    assert_int_equal(t.status, 0);
    assert_int_equal(t.call.n_texts, 3);
    check_text(&t, 0, "");
    check_text(&t, 1, "[MASK]");
    check_text(&t, 2, "[UNK]");
    trial_end(&t);
    wick_encoding_free(encoding);
    trial_refused(WICK_POST, "/v1/embeddings", "{\"input\":[2,100257]}", 400,
                  "id 1 of input 0 names no token of this model");
    trial_refused(WICK_POST, "/v1/embeddings", "{\"input\":[[2],[2,-1]]}", 400, "\"param\":\"input[1]\"");
}

static void openai_refuses(void **state)
{
    trial_refused(WICK_POST, "/v1/embeddings", "{\"input\":[]}", 400,
                  "\"type\":\"invalid_request_error\",\"param\":\"input\",\"code\":null}}");
    trial_refused(WICK_POST, "/v1/embeddings", "{\"input\":\"SECRET\",\"model\":\"other\"}", 404,
                  "\"type\":\"invalid_request_error\",\"param\":\"model\",\"code\":\"model_not_found\"}}");
    trial_refused(WICK_POST, "/v1/embeddings", "{\"input\":\"SECRET\",\"encoding_format\":\"int8\"}", 400,
                  "\"param\":\"encoding_format\"");
    trial_refused(WICK_POST, "/v1/embeddings", "{\"input\":\"SECRET\",\"input\":\"SECRET\"}", 400,
                  "\"param\":\"input\"");
    trial_refused(WICK_POST, "/v1/embeddings", "{\"input\":\"SECRET\",\"dimensions\":1e999}", 400,
                  "\"param\":\"dimensions\"");
    const wick_dialect *dialect = wick_routes_openai[0].dialect;
    static const struct {
        wick_refusal refusal;
        int status;
        const char *part;
    } cases[] = {{WICK_REFUSE_OVERLOADED, 429, "rate_limit_exceeded"},
                 {WICK_REFUSE_UNAUTHORIZED, 401, "invalid_api_key"},
                 {WICK_REFUSE_UNAVAILABLE, 503, "service_unavailable_error"},
                 {WICK_REFUSE_INTERNAL, 500, "server_error"},
                 {WICK_REFUSE_TOKENIZER, 400, "context_length_exceeded"},
                 {WICK_REFUSE_TOO_LARGE, 413, "invalid_request_error"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        trial t = {.error = {.refusal = cases[i].refusal, .message = "a \"quote\""}};
        assert_int_equal(dialect->status(cases[i].refusal), cases[i].status);
        dialect->write_error(&t.error, cases[i].status, &t.out);
        trial_take_out(&t);
        assert_non_null(strstr(t.text, cases[i].part));
        assert_non_null(strstr(t.text, "a \\\"quote\\\""));
    }
}

static void openai_models(void **state)
{
    trial_answers(WICK_GET, "/v1/models", NULL,
                  "{\"object\":\"list\",\"data\":[{\"id\":\"org/"
                  "tiny\",\"object\":\"model\",\"created\":1795423800,\"owned_by\":\"wick\"},"
                  "{\"id\":\"alias\",\"object\":\"model\",\"created\":1795423800,\"owned_by\":\"wick\"}]}");
    trial_exchange_path = "/v1/models/org/tiny";
    trial_answers(WICK_GET, "/v1/models/*", NULL,
                  "{\"id\":\"org/tiny\",\"object\":\"model\",\"created\":1795423800,\"owned_by\":\"wick\"}");
    trial_exchange_path = "/v1/models/other";
    trial_refused(WICK_GET, "/v1/models/*", NULL, 404, "model_not_found");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openai_embeds),
        cmocka_unit_test(openai_takes_token_ids),
        cmocka_unit_test(openai_refuses),
        cmocka_unit_test(openai_models),
    };
    return cmocka_run_group_tests(tests, trial_open_tokenizer, trial_close_tokenizer);
}
