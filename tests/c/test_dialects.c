/* SPDX-License-Identifier: Apache-2.0
 * test_dialects.c: what holds for all dialects: prompts and cuts are bound to the model, and /openapi.json describes every route. */
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
#include "server/openapi.h"

static const char *bound_prompt(const char *path, const char *body)
{
    trial t;
    trial_begin_reply(&t, path, body);
    const char *prompt = t.call.options.prompt;
    trial_end(&t);
    return prompt;
}

/* Each dialect's own name of it, and the default in all of them. */
static void prompts_are_bound(void **state)
{
    static const char *const paths[] = {"/api/v1/embed", "/embed", "/"};
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(bound_prompt(paths[i], "{\"inputs\":\"a\",\"prompt_name\":\"passage\"}"), "passage: ");
        assert_string_equal(bound_prompt(paths[i], "{\"inputs\":\"a\",\"prompt_name\":\"query\"}"), "");
        assert_string_equal(bound_prompt(paths[i], "{\"inputs\":\"a\",\"prompt_name\":null}"), "");
    }
    trial_served.info.default_prompt_name = "passage";
    assert_string_equal(bound_prompt("/embed", "{\"inputs\":\"a\"}"), "passage: ");
    assert_string_equal(bound_prompt("/embed", "{\"inputs\":\"a\",\"prompt_name\":\"query\"}"), "");
    assert_string_equal(bound_prompt("/v1/embeddings", "{\"input\":\"a\",\"prompt_name\":7}"), "passage: ");
    assert_string_equal(bound_prompt("/api/embed", "{\"input\":\"a\"}"), "passage: ");
    assert_string_equal(bound_prompt("/similarity", "{\"inputs\":{\"source_sentence\":\"s\",\"sentences\":[\"a\"]},"
                                                    "\"parameters\":{\"prompt_name\":\"passage\"}}"),
                        "passage: ");
    trial_served.info.default_prompt_name = NULL;
    trial_refused(
        WICK_POST, "/api/v1/embed", "{\"inputs\":\"SECRET\",\"prompt_name\":\"SECRET\"}", 400,
        "\"message\":\"prompt_name names none of this model's prompts: query, passage\",\"param\":\"prompt_name\"");
    trial_refused(WICK_POST, "/api/v1/embed", "{\"inputs\":\"SECRET\",\"prompt_name\":[]}", 400,
                  "\"param\":\"prompt_name\"");
    trial_served.info.n_prompts = 0;
    trial_refused(WICK_POST, "/embed", "{\"inputs\":\"SECRET\",\"prompt_name\":\"query\"}", 422,
                  "this model has no prompts");
    trial_served.info.n_prompts = 2;
}

/* What the model's files cut vectors to is the default, what it has the limit. */
static void cuts_are_bound(void **state)
{
    trial_served.info.dimension = 2;
    trial_replies("/embed", "{\"inputs\":\"a\"}", "[[1,-0.5]]");
    trial_replies("/embed", "{\"inputs\":\"a\",\"dimensions\":4}", "[[1,-0.5,0,0.25]]");
    trial_refused(WICK_POST, "/embed", "{\"inputs\":\"SECRET\",\"dimensions\":5}", 422, "dimensions is 5");
    trial_served.info.dimension = 4;
}

static void models_without_a_tokenizer_take_no_ids(void **state)
{
    const wick_tokenizer *kept = trial_served.tokenizer;
    trial_served.tokenizer = NULL;
    trial_refused(WICK_POST, "/v1/embeddings", "{\"input\":[1,2]}", 400, "no tokenizer");
    trial_refused(WICK_POST, "/tokenize", "{\"inputs\":\"SECRET\"}", 422, "no tokenizer");
    trial_refused(WICK_POST, "/decode", "{\"ids\":[1]}", 422, "no tokenizer");
    trial_served.tokenizer = kept;
}

/* Every route is described, and nothing else of these dialects. */
static void openapi_lists_every_route(void **state)
{
    wick_json *json;
    wick_error error = {0};
    if (wick_json_parse((const char *)wick_openapi_json, wick_openapi_json_bytes, "openapi.json", &json, &error) !=
        WICK_OK)
        fail_msg("%s", error.message);
    const wick_json *paths = wick_json_get(json, "paths");
    for (size_t t = 0; t < TRIAL_N_DIALECTS; t++)
        for (const wick_route *route = trial_dialects[t]; route->path; route++) {
            const size_t n = strlen(route->path);
            char path[64];
            snprintf(path, sizeof path, "%s", route->path);
            if (path[n - 1] == '*')
                snprintf(path + n - 1, sizeof path - n + 1, "{id}");
            if (!wick_json_get(wick_json_get(paths, path), route->method == WICK_GET ? "get" : "post"))
                fail_msg("openapi.json lacks %s", path);
        }
    wick_json_free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prompts_are_bound),
        cmocka_unit_test(cuts_are_bound),
        cmocka_unit_test(models_without_a_tokenizer_take_no_ids),
        cmocka_unit_test(openapi_lists_every_route),
    };
    return cmocka_run_group_tests(tests, trial_open_tokenizer, trial_close_tokenizer);
}
