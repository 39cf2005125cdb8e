/* SPDX-License-Identifier: Apache-2.0
 * test_dialect_ollama.c: Ollama's dialect: what it reads, writes and refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>

#include "dialect_trial.h"
#include "server/call.h"

static void ollama_embeds(void **state)
{
    trial_replies(
        "/api/embed",
        "{\"model\":\"alias:latest\",\"input\":[\"a\",\"b\"],\"dimensions\":2,\"keep_alive\":\"5m\",\"options\":{}}",
        "{\"model\":\"alias:latest\",\"embeddings\":[[1,-0.5],[2,0.5]],\"total_duration\":2600000,\"load_duration\":0,"
        "\"prompt_eval_count\":7}");
    trial_replies("/api/embeddings", "{\"model\":\"org/tiny\",\"prompt\":\"a\"}", "{\"embedding\":[1,-0.5,0,0.25]}");
    trial_refused(WICK_POST, "/api/embeddings", "{\"model\":\"alias\",\"prompt\":[\"SECRET\"]}", 400,
                  "prompt must be a string");
    trial_refused(WICK_POST, "/api/embed", "{\"model\":\"alias:7b\",\"input\":\"SECRET\"}", 404,
                  "{\"error\":\"model not found");
    trial_refused(WICK_POST, "/api/embed", "{\"model\":\":latest\",\"input\":\"SECRET\"}", 404,
                  "{\"error\":\"model not found");
    trial_refused(WICK_POST, "/api/embed", "{\"model\":\"alias\",\"input\":[]}", 400, "input is empty");
    trial_refused(WICK_POST, "/api/embed", "{\"model\":\"alias\",\"input\":[1]}", 400, "input[0]");
}

static void ollama_models(void **state)
{
    trial t;
    trial_begin(&t, WICK_GET, "/api/tags", NULL);
    assert_int_equal(t.status, 200);
    assert_non_null(strstr(t.text, "{\"name\":\"alias\",\"model\":\"alias\",\"modified_at\":\"2026-11-23T08:50:00Z\","
                                   "\"size\":49382712,\"digest\":\"0123abcd\""));
    trial_end(&t);
    trial_begin(&t, WICK_POST, "/api/show", "{\"model\":\"alias:latest\"}");
    assert_int_equal(t.status, 200);
    assert_non_null(strstr(t.text, "\"capabilities\":[\"embedding\"]"));
    assert_non_null(
        strstr(t.text, ",\"general.architecture\":\"bert\",\"bert.embedding_length\":4,\"bert.context_length\":"));
    assert_non_null(strstr(t.text, ",\"embedding_length\":4,\"context_length\":"));
    trial_end(&t);
    trial_refused(WICK_POST, "/api/show", "{\"name\":\"other\"}", 404, "model not found");
    trial_refused(WICK_POST, "/api/show", "{\"name\":7,\"model\":\"alias\"}", 400, "name must be a string");
    trial_answers(WICK_GET, "/api/version", NULL, "{\"version\":\"" WICK_VERSION "\"}");
}

static void check_shown(const char *body, const char *part, const char *not_shown)
{
    trial t;
    trial_begin(&t, WICK_POST, "/api/show", body);
    if (t.status != 200 || !strstr(t.text, part) || (not_shown && strstr(t.text, not_shown)))
        fail_msg("%s: %d %s", body, t.status, t.text);
    trial_end(&t);
}

/* "name" is what older clients send; an empty string names nothing, in either. */
static void a_model_goes_by_either_name(void **state)
{
    static const char shown[] = "\"bert.embedding_length\":4";
    check_shown("{\"name\":\"alias\"}", shown, NULL);
    check_shown("{\"name\":\"alias:latest\",\"model\":\"\"}", shown, NULL);
    check_shown("{\"name\":\"\",\"model\":\"alias\"}", shown, NULL);
    check_shown("{\"name\":\"other\",\"model\":\"alias\"}", shown, NULL);
    trial_refused(WICK_POST, "/api/show", "{\"name\":\"other\",\"model\":\"\"}", 404, "model not found");
    trial_refused(WICK_POST, "/api/show", "{\"name\":\"other\",\"model\":null}", 404, "model not found");
    trial_refused(WICK_POST, "/api/show", "{\"name\":\"alias\",\"model\":\"other\"}", 404, "model not found");
}

/* Ollama knows no ranking: what does not embed has none of its capabilities, and no length of embeddings. */
static void only_what_embeds_is_said_to(void **state)
{
    static const char *const others[] = {"reranker", "classifier", "sparse", "multi-vector"};
    const wick_model_info kept = trial_served.info;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        trial_served.info.kind = others[i];
        trial_served.info.dimension = strcmp(others[i], "sparse") == 0 ? 30522 : 0;
        check_shown("{}", "\"capabilities\":[],", "embedding_length");
        check_shown("{}", "\"bert.context_length\":48", "block_count"); /* of which nothing is known here */
    }
    trial_served.info = kept;
    trial_served.info.kind = NULL; /* a provider that has no kinds, such as mock */
    trial_served.info.architecture = NULL;
    check_shown("{}", "\"capabilities\":[\"embedding\"],", "general.architecture");
    check_shown("{}", ",\"embedding_length\":4,\"context_length\":48}", "bert");
    trial_served.info = kept;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ollama_embeds),
        cmocka_unit_test(ollama_models),
        cmocka_unit_test(a_model_goes_by_either_name),
        cmocka_unit_test(only_what_embeds_is_said_to),
    };
    return cmocka_run_group_tests(tests, trial_open_tokenizer, trial_close_tokenizer);
}
