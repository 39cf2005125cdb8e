/* SPDX-License-Identifier: Apache-2.0
 * test_dialect_wick.c: the Wick dialect: what it reads, writes and refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>

#include "dialect_trial.h"
#include "server/call.h"

static void wick_embeds(void **state)
{
    trial_replies(
        "/api/v1/embed", "{\"inputs\":\"a\"}",
        "{\"model\":\"org/"
        "tiny\",\"embeddings\":[[1,-0.5,0,0.25]],\"dimension\":4,\"usage\":{\"total_tokens\":7,\"duration_ms\":3}}");
    trial_replies(
        "/api/v1/embed",
        "{\"texts\":[\"a\",\"b\"],\"model\":\"alias\",\"dimensions\":2,\"dtype\":\"f32\",\"anything\":{}}",
        "{\"model\":\"alias\",\"embeddings\":[[1,-0.5],[2,0.5]],\"dimension\":2,\"usage\":{\"total_tokens\":7,"
        "\"duration_ms\":3}}");
    trial t;
    trial_begin_reply(&t, "/api/v1/embed", "{\"inputs\":\"a\"}");
    assert_true(t.call.options.normalize && t.call.options.truncate && t.call.truncate && t.call.is_single);
    trial_end(&t);
    trial_begin_reply(&t, "/api/v1/embed", "{\"inputs\":[\"a\"],\"normalize\":false,\"truncate\":false}");
    assert_false(t.call.options.normalize || t.call.options.truncate || t.call.truncate || t.call.is_single);
    trial_end(&t);
}

#define REPLY(embeddings)                                                                                              \
    "{\"model\":\"org/tiny\",\"embeddings\":[" embeddings                                                              \
    "],\"dimension\":4,\"usage\":{\"total_tokens\":7,\"duration_ms\":3}}"

/* The vectors are 1, -0.5, 0, 0.25 and 2, 0.5, 1, 1.25. */
static void wick_precisions(void **state)
{
    static const char path[] = "/api/v1/embed";
    trial_replies(path, "{\"inputs\":[\"a\",\"b\"],\"precision\":\"binary\"}", REPLY("[16],[112]"));
    trial_replies(path, "{\"inputs\":\"a\",\"precision\":\"ubinary\"}", REPLY("[144]"));
    trial_replies(path, "{\"inputs\":[\"a\",\"b\"],\"precision\":\"uint8\"}", REPLY("[0,0,0,0],[254,254,254,254]"));
    trial_replies(path, "{\"inputs\":\"a\",\"precision\":\"uint8\",\"ranges\":[[0,-1,-1,0.0],[2,1,1,0]]}",
                  REPLY("[127,63,127,0]"));
    trial_replies(path, "{\"inputs\":\"a\",\"precision\":\"int8\",\"ranges\":[[0,-1,-1,0],[2,1,1,0.125]]}",
                  REPLY("[-1,-65,-1,127]"));
    trial_replies(path, "{\"inputs\":\"a\",\"precision\":\"ubinary\",\"encoding_format\":\"base64\"}",
                  REPLY("\"kA==\""));
    trial_replies(path, "{\"inputs\":\"a\",\"precision\":null,\"ranges\":null}", REPLY("[1,-0.5,0,0.25]"));
    trial_replies(path, "{\"inputs\":\"a\",\"precision\":\"f32\",\"encoding_format\":\"int8\"}",
                  REPLY("[127,-64,0,32]"));
#define SECRET "{\"inputs\":\"SECRET\",\"precision\":"
    trial_refused(WICK_POST, path, SECRET "\"SECRET\"}", 400, "\"param\":\"precision\"");
    trial_refused(WICK_POST, path, SECRET "\"int8\"}", 400, "\"param\":\"ranges\"");
    trial_refused(WICK_POST, path, SECRET "\"binary\",\"encoding_format\":\"int8\"}", 400,
                  "\"param\":\"encoding_format\"");
    static const char *const ranges[] = {"7",
                                         "[]",
                                         "[[],[]]",
                                         "[[1],[1,2]]",
                                         "[[1]]",
                                         "[[1],[2],[3]]",
                                         "[[0],[\"SECRET\"]]",
                                         "[[0],[1e39]]",
                                         "[[null],[1]]",
                                         "[[0,0,0],[1,1,1]]",
                                         "{\"a\":1}",
                                         "[[0,0,0,0],{}]"};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        char body[256];
        snprintf(body, sizeof body, SECRET "\"int8\",\"ranges\":%s}", ranges[i]);
        trial_refused(WICK_POST, path, body, 400, "\"param\":\"ranges\"");
    }
    trial_refused(WICK_POST, path, SECRET "\"binary\",\"ranges\":[[0,0,0,0],[1,1,1,1]]}", 400, "\"param\":\"ranges\"");
}

static void wick_encodings(void **state)
{
    trial_replies("/api/v1/embed", "{\"inputs\":\"a\",\"encoding_format\":\"base64\"}",
                  "{\"model\":\"org/tiny\",\"embeddings\":[\"AACAPwAAAL8AAAAAAACAPg==\"],\"dimension\":4,"
                  "\"usage\":{\"total_tokens\":7,\"duration_ms\":3}}");
    trial_replies(
        "/api/v1/embed", "{\"inputs\":\"a\",\"encoding_format\":\"int8\"}",
        "{\"model\":\"org/"
        "tiny\",\"embeddings\":[[127,-64,0,32]],\"dimension\":4,\"usage\":{\"total_tokens\":7,\"duration_ms\":3}}");
    /* numpy.packbits([1, 0, 0, 1]) - 128 */
    trial_replies(
        "/api/v1/embed", "{\"inputs\":[\"a\",\"b\"],\"encoding_format\":\"binary\"}",
        "{\"model\":\"org/"
        "tiny\",\"embeddings\":[[16],[112]],\"dimension\":4,\"usage\":{\"total_tokens\":7,\"duration_ms\":3}}");
}

static void wick_refuses(void **state)
{
    static const char path[] = "/api/v1/embed";
    trial_refused(WICK_POST, path, "{\"inputs\":[]}", 400,
                  "{\"error\":{\"code\":\"invalid_input\",\"message\":\"inputs is empty");
    trial_refused(WICK_POST, path, "{}", 400, "\"param\":\"inputs\"");
    trial_refused(WICK_POST, path, "{\"inputs\":\"SECRET\",\"texts\":\"SECRET\"}", 400, "\"param\":\"texts\"");
    trial_refused(WICK_POST, path, "{\"inputs\":[\"SECRET\",3]}", 400, "\"param\":\"inputs[1]\"");
    trial_refused(WICK_POST, path, "{\"inputs\":\"SECRET\",\"model\":\"other\"}", 404, "\"code\":\"model_not_found\"");
    trial_refused(WICK_POST, path, "{\"inputs\":\"SECRET\",\"model\":7}", 400, "\"param\":\"model\"");
    trial_refused(WICK_POST, path, "{\"inputs\":\"SECRET\",\"dtype\":\"int8\"}", 400, "\"param\":\"dtype\"");
    trial_refused(WICK_POST, path, "{\"inputs\":\"SECRET\",\"dtype\":\"f16\"}", 400, "\"param\":\"dtype\"");
    trial_refused(WICK_POST, path, "{\"inputs\":\"SECRET\",\"dimensions\":5}", 400, "\"param\":\"dimensions\"");
    trial_refused(WICK_POST, path, "{\"inputs\":\"SECRET\",\"dimensions\":0}", 400, "\"param\":\"dimensions\"");
    trial_refused(WICK_POST, path, "{\"inputs\":\"SECRET\",\"normalize\":\"yes\"}", 400, "\"param\":\"normalize\"");
    trial_refused(WICK_POST, path, "{\"inputs\":\"SECRET\",\"encoding_format\":\"SECRET\"}", 400,
                  "\"param\":\"encoding_format\"");
    trial_refused(WICK_POST, path, "{\"inputs\":[\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"SECRET\"]}", 413,
                  "payload_too_large");
    trial_refused(WICK_POST, path, "{\"inputs\":[1,2]}", 400, "\"param\":\"inputs[0]\"");
}

static void wick_lists_and_switches_models(void **state)
{
    setenv("HF_HUB_CACHE", "/nonexistent", 1);
    trial_answers(WICK_GET, "/api/v1/models", NULL,
                  "{\"models\":[{\"name\":\"org/tiny\",\"names\":[\"org/"
                  "tiny\",\"alias\"],\"loaded\":true,\"provider\":\"candle\","
                  "\"dtype\":\"f32\",\"device\":\"cpu\",\"kind\":\"embedding\",\"dimension\":4,\"max_dimensions\":4,"
                  "\"max_tokens\":64,\"max_"
                  "seq_length\":48,"
                  "\"similarity\":\"cosine\",\"prompts\":[\"query\",\"passage\"],\"default_prompt_name\":null,"
                  "\"loaded_at\":1795423800}],\"cached\":[]}");
    trial_refused(WICK_POST, "/api/v1/models/load", "{\"model\":\"a/b\"}", 403, "\"code\":\"unauthorized\"");
    trial_refused(WICK_POST, "/api/v1/models/unload", "{\"model\":\"a/b\"}", 403, "\"code\":\"unauthorized\"");
    assert_int_equal(trial_n_loaded, 0);
    trial_service.allow_load = true;
    trial_answers(WICK_POST, "/api/v1/models/load", "{\"model\":\"a/b\"}", "{\"model\":\"a/b\",\"loaded\":true}");
    assert_int_equal(trial_n_loaded, 1);
    trial_answers(WICK_POST, "/api/v1/models/unload", "{\"model\":\"a/b\"}", "{\"model\":\"a/b\",\"loaded\":false}");
    assert_int_equal(trial_n_loaded, 0);
    trial_refused(WICK_POST, "/api/v1/models/load", "{\"model\":\"org/absent\"}", 404, "\"code\":\"model_not_found\"");
    trial_refused(WICK_POST, "/api/v1/models/load", "{}", 400, "\"param\":\"model\"");
    trial_service.allow_load = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wick_embeds),
        cmocka_unit_test(wick_precisions),
        cmocka_unit_test(wick_encodings),
        cmocka_unit_test(wick_refuses),
        cmocka_unit_test(wick_lists_and_switches_models),
    };
    return cmocka_run_group_tests(tests, trial_open_tokenizer, trial_close_tokenizer);
}
