/* SPDX-License-Identifier: Apache-2.0
 * test_safetensors.c: the safetensors reader on good files, on every way a header can lie, and on truncated ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/safetensors.h"
#include "support_model.h"

static int parse(const unsigned char *data, size_t n, wick_arena *arena, wick_safetensors *out, wick_error *error)
{
    return wick_safetensors_parse(data, n, "weights", arena, out, error);
}

static void check_refused(const char *header, size_t n_data, int expected_code, const char *fragment)
{
    size_t n;
    unsigned char *data = support_safetensors_make(header, n_data, &n);
    wick_arena arena = {0};
    wick_safetensors file = {0};
    wick_error error = {0};
    int code = parse(data, n, &arena, &file, &error);
    support_error_check(header, code, &error, expected_code, fragment, "weights");
    assert_int_equal(parse(data, n, &arena, &file, NULL), expected_code); /* without an error to fill */
    wick_arena_clear(&arena);
    free(data);
}

static void test_reads_tensors(void **state)
{
    size_t n;
    unsigned char *data =
        support_safetensors_make("{\"__metadata__\":{\"format\":\"pt\"},"
                                 "\"b.weight\":{\"dtype\":\"F16\",\"shape\":[2,3],\"data_offsets\":[4,16]},"
                                 "\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},"
                                 "\"empty\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[16,16]},"
                                 "\"ids\":{\"dtype\":\"I64\",\"shape\":[1,1],\"data_offsets\":[16,24],\"extra\":null},"
                                 "\"four\":{\"dtype\":\"F4\",\"shape\":[4],\"data_offsets\":[24,26]}}   ",
                                 26, &n);
    wick_arena arena = {0};
    wick_safetensors file = {0};
    wick_error error = {0};
    assert_int_equal(parse(data, n, &arena, &file, &error), WICK_OK);
    assert_int_equal(file.n_tensors, 5);
    const wick_tensor *tensor = wick_safetensors_find(&file, "b.weight");
    assert_non_null(tensor);
    assert_int_equal(tensor->dtype, WICK_DTYPE_F16);
    assert_string_equal(tensor->dtype_name, "F16");
    assert_int_equal(tensor->n_dims, 2);
    assert_int_equal(tensor->shape[0], 2);
    assert_int_equal(tensor->shape[1], 3);
    assert_int_equal(tensor->size_bytes, 12);
    assert_int_equal(tensor->data[0], 4); /* the data counts up from 0: bytes 4 to 15 */
    tensor = wick_safetensors_find(&file, "ids");
    assert_int_equal(tensor->dtype, WICK_DTYPE_OTHER);
    assert_string_equal(tensor->dtype_name, "I64");
    assert_int_equal(wick_safetensors_find(&file, "a")->n_dims, 0);
    assert_int_equal(wick_safetensors_find(&file, "empty")->size_bytes, 0);
    assert_null(wick_safetensors_find(&file, "__metadata__"));
    assert_null(wick_safetensors_find(&file, "b"));
    wick_arena_clear(&arena);
    free(data);
}

static void test_reads_no_tensors(void **state)
{
    size_t n;
    unsigned char *data = support_safetensors_make("{}", 0, &n);
    wick_arena arena = {0};
    wick_safetensors file = {0};
    assert_int_equal(parse(data, n, &arena, &file, NULL), WICK_OK);
    assert_int_equal(file.n_tensors, 0);
    assert_null(wick_safetensors_find(&file, "a"));
    wick_arena_clear(&arena);
    free(data);
}

/* One tensor x, whose entry is given. */
#define X(entry) "{\"x\":" entry "}"
#define F32(shape, offsets) "{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void test_refuses_lying_headers(void **state)
{
    static const struct {
        const char *header;
        size_t n_data;
        int code;
        const char *fragment;
    } cases[] = {
        {"[]", 0, WICK_E_CORRUPT, "byte 8"},
        {" {}", 0, WICK_E_CORRUPT, "byte 8"},
        {"", 0, WICK_E_CORRUPT, "byte 8"},
        {"{", 0, WICK_E_CORRUPT, "malformed JSON"},
        {"{}{}", 0, WICK_E_CORRUPT, "malformed JSON"},
        {"{\"x\":1,\"x\":1}", 0, WICK_E_CORRUPT, "duplicate"},
        {"{\"\xff\":1}", 0, WICK_E_CORRUPT, "unable to decode byte 0xff"},
        {"{\"a\\u0000b\":1}", 0, WICK_E_CORRUPT, "NUL"},
        {"{\"__metadata__\":{\"a\":1}}", 0, WICK_E_CORRUPT, "__metadata__"},
        {"{\"__metadata__\":[]}", 0, WICK_E_CORRUPT, "__metadata__"},
        {X("7"), 0, WICK_E_CORRUPT, "tensor x"},
        {X("{\"shape\":[1],\"data_offsets\":[0,4]}"), 4, WICK_E_CORRUPT, "tensor x: dtype"},
        {X("{\"dtype\":1,\"shape\":[1],\"data_offsets\":[0,4]}"), 4, WICK_E_CORRUPT, "tensor x: dtype"},
        {X("{\"dtype\":\"F32\\u0000\",\"shape\":[1],\"data_offsets\":[0,4]}"), 4, WICK_E_CORRUPT, "tensor x: dtype"},
        {X("{\"dtype\":\"F33\",\"shape\":[1],\"data_offsets\":[0,4]}"), 4, WICK_E_UNSUPPORTED,
         "tensor x: unknown dtype F33"},
        {X("{\"dtype\":\"f32\",\"shape\":[1],\"data_offsets\":[0,4]}"), 4, WICK_E_UNSUPPORTED, "f32"},
        {X("{\"dtype\":\"F32\",\"data_offsets\":[0,4]}"), 4, WICK_E_CORRUPT, "tensor x: shape"},
        {X(F32("{}", "[0,4]")), 4, WICK_E_CORRUPT, "tensor x: shape"},
        {X(F32("[-1]", "[0,4]")), 4, WICK_E_CORRUPT, "tensor x: shape"},
        {X(F32("[1.0]", "[0,4]")), 4, WICK_E_CORRUPT, "tensor x: shape"},
        {X(F32("[\"1\"]", "[0,4]")), 4, WICK_E_CORRUPT, "tensor x: shape"},
        {X(F32("[18446744073709551617]", "[0,4]")), 4, WICK_E_CORRUPT, "integer"},
        {X(F32("[4294967296,4294967296]", "[0,4]")), 4, WICK_E_CORRUPT, "tensor x: the product of shape overflows"},
        {X(F32("[4611686018427387905]", "[0,4]")), 4, WICK_E_CORRUPT, "tensor x"}, /* times 4 bytes is 4, mod 2^64 */
        {X(F32("[576460752303423489]", "[0,4]")), 4, WICK_E_CORRUPT, "tensor x"},  /* times 32 bits is 32, mod 2^64 */
        {X(F32("[1,1,1,1,1,1,1,1,1]", "[0,4]")), 4, WICK_E_UNSUPPORTED, "tensor x: 9 dimensions"},
        {X("{\"dtype\":\"F32\",\"shape\":[1]}"), 4, WICK_E_CORRUPT, "tensor x: data_offsets"},
        {X(F32("[1]", "[0]")), 4, WICK_E_CORRUPT, "tensor x: data_offsets"},
        {X(F32("[1]", "[0,4,8]")), 4, WICK_E_CORRUPT, "tensor x: data_offsets"},
        {X(F32("[1]", "[0,\"4\"]")), 4, WICK_E_CORRUPT, "tensor x: data_offsets"},
        {X(F32("[1]", "[-4,0]")), 4, WICK_E_CORRUPT, "tensor x: data_offsets"},
        {X(F32("[1]", "[4,0]")), 4, WICK_E_CORRUPT, "tensor x: data_offsets [4, 0]"},
        {X(F32("[1]", "[0,5]")), 4, WICK_E_CORRUPT, "tensor x: data_offsets [0, 5] in 4 bytes"},
        {X(F32("[1]", "[0,9223372036854775807]")), 4, WICK_E_CORRUPT, "tensor x: data_offsets"},
        {X(F32("[2]", "[0,4]")), 4, WICK_E_CORRUPT, "tensor x: shape and F32 need 8 bytes, data_offsets span 4"},
        {X(F32("[0]", "[0,4]")), 4, WICK_E_CORRUPT, "tensor x: shape and F32 need 0"},
        {X("{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,1]}"), 1, WICK_E_CORRUPT,
         "tensor x: shape and dtype give no whole"},
        {X(F32("[1]", "[0,4]")), 5, WICK_E_CORRUPT, "1 bytes of data from byte 4"},
        {X(F32("[1]", "[1,5]")), 5, WICK_E_CORRUPT, "tensor x: its data leaves a hole at byte 0"},
        {"{}", 1, WICK_E_CORRUPT, "belong to no tensor"},
        {"{\"x\":" F32("[1]", "[0,4]") ",\"y\":" F32("[1]", "[0,4]") "}", 4, WICK_E_CORRUPT,
         "overlaps another tensor's at byte 0"},
        {"{\"x\":" F32("[2]", "[0,8]") ",\"y\":" F32("[2]", "[4,12]") "}", 12, WICK_E_CORRUPT,
         "tensor y: its data overlaps another tensor's at byte 4"},
        {"{\"x\":" F32("[1]", "[0,4]") ",\"y\":" F32("[1]", "[8,12]") "}", 12, WICK_E_CORRUPT,
         "tensor y: its data leaves a hole at byte 4"},
        {"{\"x\":" F32("[2]", "[0,8]") ",\"e\":" F32("[0]", "[4,4]") "}", 8, WICK_E_CORRUPT,
         "tensor e: its data overlaps"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_refused(cases[i].header, cases[i].n_data, cases[i].code, cases[i].fragment);
}

static void test_names_a_long_tensor_in_part(void **state)
{
    static const char unit[] = "\xe4\xb8\x96"; /* three bytes a character: the cut must not split one */
    char header[4096] = "{\"";
    for (size_t i = 0; i < 1000; i++)
        strcat(header, unit);
    strcat(header, "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}}");
    check_refused(header, 8, WICK_E_CORRUPT, "\xe4\xb8\x96...: shape and F32 need 4 bytes");
}

/* A good file cut anywhere is refused, and read nowhere behind its end. */
static void test_refuses_every_truncation(void **state)
{
    size_t n;
    unsigned char *data = support_safetensors_make("{\"x\":" F32("[2]", "[0,8]") "}", 8, &n);
    for (size_t cut = 0; cut < n; cut++) {
        unsigned char *part = malloc(cut ? cut : 1);
        assert_non_null(part);
        memcpy(part, data, cut);
        wick_arena arena = {0};
        wick_safetensors file = {0};
        wick_error error = {0};
        assert_int_equal(parse(part, cut, &arena, &file, &error), WICK_E_CORRUPT);
        if (cut < 8)
            support_error_check("length", error.code, &error, WICK_E_CORRUPT, "the header's length", "weights");
        else if (cut < n - 8)
            support_error_check("header", error.code, &error, WICK_E_CORRUPT, "bytes 0 to 7", "weights");
        else
            support_error_check("data", error.code, &error, WICK_E_CORRUPT, "tensor x", "weights");
        wick_arena_clear(&arena);
        free(part);
    }
    free(data);
}

static void test_refuses_header_lengths(void **state)
{
    static const struct {
        uint64_t n_header;
        const char *fragment;
    } cases[] = {
        {UINT64_MAX, "18446744073709551615"},
        {UINT64_MAX - 7, "bytes 0 to 7"},
        {(uint64_t)1 << 63, "bytes 0 to 7"},
        {100000001, "at most 100000000"},
        {100000000, "in a file of 42"},
        {35, "in a file of 42"},
        {0, "byte 8"},
    };
    unsigned char data[42];
    memset(data, ' ', sizeof data);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (unsigned k = 0; k < 8; k++)
            data[k] = (unsigned char)(cases[i].n_header >> (8 * k));
        wick_arena arena = {0};
        wick_safetensors file = {0};
        wick_error error = {0};
        int code = parse(data, sizeof data, &arena, &file, &error);
        support_error_check("header length", code, &error, WICK_E_CORRUPT, cases[i].fragment, "weights");
        wick_arena_clear(&arena);
    }
}

/* What the format's library would read and we do not: 8 MiB and a byte. */
static void test_refuses_big_headers(void **state)
{
    const size_t n_header = WICK_MAX_HEADER_BYTES + 1;
    char *header = malloc(n_header + 1);
    assert_non_null(header);
    memset(header, ' ', n_header);
    memcpy(header, "{}", 2);
    header[n_header] = '\0';
    check_refused(header, 0, WICK_E_UNSUPPORTED, "a header of 8388609 bytes, at most 8388608 are read");
    header[n_header - 1] = '\0'; /* one shorter is read */
    size_t n;
    unsigned char *data = support_safetensors_make(header, 0, &n);
    wick_arena arena = {0};
    wick_safetensors file = {0};
    assert_int_equal(parse(data, n, &arena, &file, NULL), WICK_OK);
    wick_arena_clear(&arena);
    free(data);
    free(header);
}

/* Structure that would cost memory by the gigabyte is refused before it is parsed. */
static void test_refuses_floods(void **state)
{
    static const char *const units[] = {"[", "[],", "{\"a\":", "0,"};
    enum { N_BYTES = 4 << 20 };
    char *header = malloc(N_BYTES + 16);
    assert_non_null(header);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        memcpy(header, "{\"x\":[", 6);
        size_t n_unit = strlen(units[i]), used = 6;
        for (; used + n_unit <= N_BYTES; used += n_unit)
            memcpy(header + used, units[i], n_unit);
        header[used] = '\0';
        check_refused(header, 0, WICK_E_CORRUPT, "more than 262144 values");
    }
    free(header);
}

static void test_opens_a_mapped_file(void **state)
{
    char folder[SUPPORT_PATH_BYTES], path[SUPPORT_PATH_BYTES];
    support_folder_make(folder);
    size_t n;
    unsigned char *data = support_safetensors_make("{\"x\":" F32("[2]", "[0,8]") "}", 8, &n);
    support_bytes_write(folder, "x.safetensors", data, n);
    support_bytes_write(folder, "empty.safetensors", "", 0);
    wick_arena arena = {0};
    wick_safetensors file;
    wick_error error = {0};
    support_path(folder, "x.safetensors", path);
    assert_int_equal(wick_safetensors_open(path, &arena, &file, &error), WICK_OK);
    assert_int_equal(wick_safetensors_find(&file, "x")->data[7], 7);
    wick_safetensors_close(&file);
    wick_safetensors_close(&file); /* twice does no harm */
    wick_safetensors_close(NULL);
    support_path(folder, "empty.safetensors", path);
    int code = wick_safetensors_open(path, &arena, &file, &error);
    support_error_check("empty", code, &error, WICK_E_CORRUPT, "the file has 0 bytes", "empty.safetensors");
    support_path(folder, "absent.safetensors", path);
    assert_int_equal(wick_safetensors_open(path, &arena, &file, &error), WICK_E_IO);
    assert_int_equal(wick_safetensors_open(folder, &arena, &file, &error), WICK_E_IO);
    wick_arena_clear(&arena);
    free(data);
    support_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_tensors),
        cmocka_unit_test(test_reads_no_tensors),
        cmocka_unit_test(test_refuses_lying_headers),
        cmocka_unit_test(test_names_a_long_tensor_in_part),
        cmocka_unit_test(test_refuses_every_truncation),
        cmocka_unit_test(test_refuses_header_lengths),
        cmocka_unit_test(test_refuses_big_headers),
        cmocka_unit_test(test_refuses_floods),
        cmocka_unit_test(test_opens_a_mapped_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
