/* SPDX-License-Identifier: Apache-2.0
 * support_model.c: model folders for tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support_model.h"

/* What the fixtures are made of; most have no Dense. */
static const char *const model_files[] = {
    "config.json",
    "config_sentence_transformers.json",
    "model.safetensors",
    "modules.json",
    "sentence_bert_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "1_Pooling/config.json",
    "2_Dense/config.json",
    "2_Dense/model.safetensors",
    "3_Dense/config.json",
    "3_Dense/model.safetensors",
};

void support_model_make(const char *fixture, char folder[SUPPORT_PATH_BYTES])
{
    char from[SUPPORT_PATH_BYTES];
    support_path(WICK_FIXTURES, fixture, from);
    support_folder_make(folder);
    for (size_t i = 0; i < sizeof model_files / sizeof *model_files; i++) {
        char path[SUPPORT_PATH_BYTES];
        support_path(from, model_files[i], path);
        if (access(path, F_OK) != 0)
            continue;
        size_t n;
        char *bytes = support_bytes_read(path, &n);
        support_bytes_write(folder, model_files[i], bytes, n);
        free(bytes);
    }
}

void support_tiny_make(char folder[SUPPORT_PATH_BYTES])
{
    support_model_make("tiny-bert", folder);
}

char *support_bytes_read(const char *path, size_t *n)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("cannot open %s", path);
    size_t capacity = (size_t)1 << 20, filled = 0;
    char *bytes = malloc(capacity + 1);
    assert_non_null(bytes);
    filled = fread(bytes, 1, capacity, file);
    assert_true(feof(file) && !ferror(file)); /* fixtures are far below a megabyte */
    fclose(file);
    bytes[filled] = '\0';
    *n = filled;
    return bytes;
}

void support_bytes_write(const char *folder, const char *name, const void *data, size_t n)
{
    support_file_write(folder, name, ""); /* makes the folders between */
    char path[SUPPORT_PATH_BYTES];
    support_path(folder, name, path);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

void support_file_edit(const char *folder, const char *name, const char *old_text, const char *new_text)
{
    char path[SUPPORT_PATH_BYTES];
    support_path(folder, name, path);
    size_t n;
    char *bytes = support_bytes_read(path, &n);
    char *found = memmem(bytes, n, old_text, strlen(old_text));
    if (!found)
        fail_msg("%s does not hold %s", path, old_text);
    size_t n_before = (size_t)(found - bytes), n_old = strlen(old_text), n_new = strlen(new_text);
    char *edited = malloc(n - n_old + n_new + 1);
    assert_non_null(edited);
    memcpy(edited, bytes, n_before);
    memcpy(edited + n_before, new_text, n_new);
    memcpy(edited + n_before + n_new, found + n_old, n - n_before - n_old);
    support_bytes_write(folder, name, edited, n - n_old + n_new);
    free(edited);
    free(bytes);
}

void support_file_remove(const char *folder, const char *name)
{
    char path[SUPPORT_PATH_BYTES];
    support_path(folder, name, path);
    assert_int_equal(unlink(path), 0);
}

unsigned char *support_safetensors_make(const char *header, size_t n_data, size_t *n)
{
    size_t n_header = strlen(header);
    *n = 8 + n_header + n_data;
    unsigned char *bytes = malloc(*n); /* not a byte more, so that a sanitizer sees a read behind it */
    assert_non_null(bytes);
    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((uint64_t)n_header >> (8 * i));
    memcpy(bytes + 8, header, n_header);
    for (size_t i = 0; i < n_data; i++)
        bytes[8 + n_header + i] = (unsigned char)i;
    return bytes;
}

void support_error_check(const char *label, int code, const wick_error *error, int expected_code, const char *fragment,
                         const char *in_where)
{
    if (code != expected_code || error->code != expected_code)
        fail_msg("%s: code %d (in the error: %d), expected %d; %s", label, code, error->code, expected_code,
                 error->message);
    if (!strstr(error->message, fragment))
        fail_msg("%s: the message \"%s\" does not name \"%s\"", label, error->message, fragment);
    if (!strstr(error->where, in_where))
        fail_msg("%s: where is \"%s\", expected \"%s\" in it", label, error->where, in_where);
}
