/* SPDX-License-Identifier: Apache-2.0
 * test_request.c: bodies that are wrong are refused, with the field's name and without a word of what they say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>

#include "base/utf8.h"
#include "server/request.h"

static const wick_service service = {.max_texts = 3};

static wick_json *parse(const char *body)
{
    wick_json *json = NULL;
    wick_api_error error = {0};
    if (!wick_call_parse(body, strlen(body), &json, &error))
        fail_msg("%s", error.message);
    return json;
}

static void bodies_that_are_no_objects(void **state)
{
    /* body, param, part of the message */
    static const char *const cases[][3] = {
        {"", "", "empty"},
        {" \t\r\n", "", "empty"},
        {"[]", "", "must be a JSON object, not an array"},
        {"\"SECRET\"", "", "not a string"},
        {"null", "", "not null"},
        {"{", "", "line 1, column 1"},
        {"{\"inputs\": \"SECRET", "inputs", "premature end"},
        {"{\"inputs\": \"SECRET\" \"SECRET\"}", "inputs", "line 1"},
        {"{\"inputs\":SECRET}", "inputs", "invalid token"},
        {"{\"inputs\":\"a\"}SECRET", "", "end of file expected"},
        {"{\"model\":\"SECRET\",\"dimensions\":1e999}", "dimensions", "real number overflow"},
        {"{\"dimensions\":18446744073709551616,\"model\":\"SECRET\"}", "dimensions", "too big"},
        {"{\"inputs\":[\"SECRET\",\"\\ud800\"]}", "inputs", "invalid Unicode"},
        {"{\"inputs\":\"a\",\n\"inputs\":\"SECRET\"}", "inputs", "line 2"},
        {"{\"model\":\"\",\"x\":{\"a\":1,\"a\":2}}", "x", "duplicate"},
        {"{\"SECRET TEXT\":1e999}", "", "real number overflow"},
        {"{\"a\\\"b\":\"\\\\\",\"inputs\":01}", "inputs", "invalid token"},
        {"{\"inputs\":\"\xFF\"}", "inputs", "unable to decode byte 0xff"},
        {"{\"inputs\":\"\xED\xA0\x80\"}", "inputs", "unable to decode byte"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wick_json *json = (wick_json *)1;
        wick_api_error error = {0};
        assert_false(wick_call_parse(cases[i][0], strlen(cases[i][0]), &json, &error));
        assert_null(json);
        assert_int_equal(error.refusal, WICK_REFUSE_INVALID);
        if (!strstr(error.message, cases[i][2]) || strstr(error.message, "SECRET") ||
            strcmp(error.param, cases[i][1]) != 0)
            fail_msg("%s: \"%s\", param \"%s\"", cases[i][0], error.message, error.param);
    }
}

static void deep_bodies_are_refused(void **state)
{
    enum { DEPTH = 100000 };
    char *body = malloc(DEPTH + 16);
    wick_json *json;
    wick_api_error error = {0};
    assert_non_null(body);
    strcpy(body, "{\"inputs\":");
    memset(body + 10, '[', DEPTH);
    assert_false(wick_call_parse(body, DEPTH + 10, &json, &error));
    assert_string_equal(error.param, "inputs");
    free(body);
}

/* ---- fields ---- */

typedef enum kind { BOOL, COUNT, TEXT, CHOICE } kind;

static bool read_field(kind how, const wick_json *body, wick_api_error *error)
{
    static const char *const words[] = {"one", "two", NULL};
    bool flag;
    size_t n;
    const char *text;
    switch (how) {
    case BOOL:
        return wick_request_bool(body, "f", &flag, error);
    case COUNT:
        return wick_request_count(body, "f", &n, error);
    case TEXT:
        return wick_request_text(body, "f", &text, error);
    case CHOICE:
        return wick_request_choice(body, "f", words, &n, error);
    }
    return false;
}

static void fields_are_of_their_type(void **state)
{
    static const char *const values[] = {"true",      "3", "3.5", "\"one\"",       "[1]",
                                         "{\"a\":1}", "0", "-1",  "\"a\\u0000b\"", "2147483648"};
    static const kind fits[] = {BOOL, COUNT, 9, TEXT, 9, 9, 9, 9, 9, 9};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        for (int how = BOOL; how <= CHOICE; how++) {
            char body[64];
            snprintf(body, sizeof body, "{\"f\":%s}", values[i]);
            wick_json *json = parse(body);
            wick_api_error error = {0};
            bool fine = (kind)how == fits[i] || (how == CHOICE && fits[i] == TEXT);
            if (read_field((kind)how, json, &error) != fine)
                fail_msg("%s read as %d: %s", body, how, error.message);
            if (!fine) {
                assert_int_equal(error.refusal, WICK_REFUSE_INVALID);
                assert_string_equal(error.param, "f");
            }
            wick_json_free(json);
        }
}

static void absent_and_null_are_the_same(void **state)
{
    static const char *const bodies[] = {"{}", "{\"f\":null}"};
    for (size_t i = 0; i < 2; i++) {
        wick_json *json = parse(bodies[i]);
        wick_api_error error = {0};
        bool flag = true;
        size_t n = 77;
        const char *text = "before";
        assert_true(wick_request_bool(json, "f", &flag, &error));
        assert_true(wick_request_count(json, "f", &n, &error));
        assert_true(wick_request_text(json, "f", &text, &error));
        assert_true(wick_request_choice(json, "f", (const char *const[]){"a", NULL}, &n, &error));
        assert_true(flag);
        assert_int_equal(n, 77);
        assert_string_equal(text, "before");
        wick_json_free(json);
    }
}

static void whole_numbers_may_have_a_point(void **state)
{
    wick_json *json = parse("{\"f\":4.0}");
    wick_api_error error = {0};
    size_t n = 0;
    assert_true(wick_request_count(json, "f", &n, &error));
    assert_int_equal(n, 4);
    wick_json_free(json);
}

/* ---- texts ---- */

typedef struct reading {
    wick_call call;
    wick_arena arena;
    wick_json *json;
    wick_api_error error;
    bool ok;
} reading;

static void read_inputs(reading *r, const char *body, bool accepts_ids)
{
    *r = (reading){.json = parse(body)};
    r->call = (wick_call){.service = &service, .arena = &r->arena, .body = r->json};
    r->ok = wick_request_inputs(&r->call, "inputs", accepts_ids, &r->error);
}

static void end_reading(reading *r)
{
    wick_arena_clear(&r->arena);
    wick_json_free(r->json);
}

static void texts_come_as_one_or_many(void **state)
{
    reading r;
    read_inputs(&r, "{\"inputs\":\"a\\u0000b\"}", false);
    assert_true(r.ok && r.call.is_single);
    assert_int_equal(r.call.n_texts, 1);
    assert_int_equal(r.call.text_bytes[0], 3);
    assert_memory_equal(r.call.texts[0], "a\0b", 3);
    end_reading(&r);
    read_inputs(&r, "{\"inputs\":[\"\",\"b\"]}", true);
    assert_true(r.ok && !r.call.is_single && !r.call.ids);
    assert_int_equal(r.call.n_texts, 2);
    assert_int_equal(r.call.text_bytes[0], 0);
    assert_string_equal(r.call.texts[1], "b");
    end_reading(&r);
    read_inputs(&r, "{\"inputs\":[1,2,3,4,5]}", true);
    assert_true(r.ok && r.call.is_single);
    assert_int_equal(r.call.n_texts, 1);
    assert_int_equal(wick_json_count(r.call.ids), 5);
    end_reading(&r);
    read_inputs(&r, "{\"inputs\":[[1],[2,3]]}", true);
    assert_true(r.ok && !r.call.is_single);
    assert_int_equal(r.call.n_texts, 2);
    end_reading(&r);
}

static void texts_that_are_none(void **state)
{
    static const struct {
        const char *body;
        bool accepts_ids;
        wick_refusal refusal;
        const char *param;
    } cases[] = {
        {"{}", true, WICK_REFUSE_INVALID, "inputs"},
        {"{\"inputs\":null}", true, WICK_REFUSE_INVALID, "inputs"},
        {"{\"inputs\":3}", true, WICK_REFUSE_INVALID, "inputs"},
        {"{\"inputs\":{\"SECRET\":1}}", true, WICK_REFUSE_INVALID, "inputs"},
        {"{\"inputs\":[]}", true, WICK_REFUSE_EMPTY, "inputs"},
        {"{\"inputs\":[\"a\",\"b\",\"c\",\"d\"]}", true, WICK_REFUSE_TOO_LARGE, "inputs"},
        {"{\"inputs\":[\"SECRET\",7]}", true, WICK_REFUSE_INVALID, "inputs[1]"},
        {"{\"inputs\":[\"SECRET\",null]}", false, WICK_REFUSE_INVALID, "inputs[1]"},
        {"{\"inputs\":[1,2]}", false, WICK_REFUSE_INVALID, "inputs[0]"},
        {"{\"inputs\":[[1]]}", false, WICK_REFUSE_INVALID, "inputs[0]"},
        {"{\"inputs\":[1,\"SECRET\"]}", true, WICK_REFUSE_INVALID, "inputs"},
        {"{\"inputs\":[1,-2]}", true, WICK_REFUSE_INVALID, "inputs"},
        {"{\"inputs\":[1.5]}", true, WICK_REFUSE_INVALID, "inputs"},
        {"{\"inputs\":[4294967296]}", true, WICK_REFUSE_INVALID, "inputs"},
        {"{\"inputs\":[[1],[]]}", true, WICK_REFUSE_EMPTY, "inputs[1]"},
        {"{\"inputs\":[[1],\"SECRET\"]}", true, WICK_REFUSE_INVALID, "inputs[1]"},
        {"{\"inputs\":[[1],[[2]]]}", true, WICK_REFUSE_INVALID, "inputs[1]"},
        {"{\"inputs\":[[1],[2],[3],[4]]}", true, WICK_REFUSE_TOO_LARGE, "inputs"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        reading r;
        read_inputs(&r, cases[i].body, cases[i].accepts_ids);
        if (r.ok || r.error.refusal != cases[i].refusal || strcmp(r.error.param, cases[i].param) != 0 ||
            strstr(r.error.message, "SECRET"))
            fail_msg("%s: %d, %d, \"%s\", param \"%s\"", cases[i].body, r.ok, r.error.refusal, r.error.message,
                     r.error.param);
        end_reading(&r);
    }
}

static void library_errors_have_their_refusal(void **state)
{
    static const struct {
        int code;
        wick_refusal refusal;
    } cases[] = {{WICK_E_MODEL_NOT_FOUND, WICK_REFUSE_MODEL}, {WICK_E_INVALID_INPUT, WICK_REFUSE_INVALID},
                 {WICK_E_UNSUPPORTED, WICK_REFUSE_INVALID},   {WICK_E_UNAVAILABLE, WICK_REFUSE_UNAVAILABLE},
                 {WICK_E_TIMEOUT, WICK_REFUSE_UNAVAILABLE},   {WICK_E_INTERNAL, WICK_REFUSE_INTERNAL},
                 {WICK_E_CORRUPT, WICK_REFUSE_INTERNAL},      {WICK_E_NO_MEMORY, WICK_REFUSE_INTERNAL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wick_error from = {.code = cases[i].code, .message = "what", .where = "/etc/secret", .mend = "do this"};
        wick_api_error to = {0};
        wick_api_error_from(&from, &to);
        assert_int_equal(to.refusal, cases[i].refusal);
        assert_string_equal(to.message, "what; do this");
        assert_string_equal(to.param, cases[i].refusal == WICK_REFUSE_MODEL ? "model" : "");
    }
}

static void long_messages_are_cut_between_characters(void **state)
{
    char text[600];
    for (size_t shift = 0; shift < 3; shift++) {
        wick_api_error error = {0};
        memset(text, 'x', shift);
        for (size_t i = shift; i + 3 < sizeof text; i += 3)
            memcpy(text + i, "\xE4\xB8\x96", 4);
        assert_false(wick_refuse(&error, WICK_REFUSE_INVALID, NULL, "%s", text));
        assert_true(wick_utf8_valid(error.message, strlen(error.message), NULL));
        assert_true(strlen(error.message) > 500);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_that_are_no_objects),
        cmocka_unit_test(deep_bodies_are_refused),
        cmocka_unit_test(fields_are_of_their_type),
        cmocka_unit_test(absent_and_null_are_the_same),
        cmocka_unit_test(whole_numbers_may_have_a_point),
        cmocka_unit_test(texts_come_as_one_or_many),
        cmocka_unit_test(texts_that_are_none),
        cmocka_unit_test(library_errors_have_their_refusal),
        cmocka_unit_test(long_messages_are_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
