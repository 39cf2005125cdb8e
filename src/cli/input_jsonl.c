/* SPDX-License-Identifier: Apache-2.0
 * input_jsonl.c: one JSON object a line, one of its fields is the text. Lines of white space alone are passed over.
 * Called by input.c. */
#include "base/error.h"
#include "base/json.h"
#include "cli/input_readers.h"
#include <string.h>

static bool is_blank(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r')
            return false;
    return true;
}

static int take_field(const wick_reader *reader, const wick_json *object, const char *where, wick_text_batch *batch,
                      wick_error *error)
{
    const char *field = reader->field ? reader->field : "text";
    if (wick_json_type_of(object) != WICK_JSON_OBJECT)
        return wick_fail(error, WICK_E_INVALID_INPUT, where, "one object a line: {\"text\": \"...\"}",
                         "the line is %s, not an object", wick_json_type_name(wick_json_type_of(object)));
    const wick_json *value = wick_json_get(object, field);
    if (!value)
        return wick_fail(error, WICK_E_INVALID_INPUT, where, "--field NAME names the field that holds the text",
                         "the object has no field \"%s\"", field);
    size_t n;
    const char *text = wick_json_string(value, &n);
    if (!text)
        return wick_fail(error, WICK_E_INVALID_INPUT, where, "--field NAME names the field that holds the text",
                         "the field \"%s\" is %s, not a string", field, wick_json_type_name(wick_json_type_of(value)));
    int status = wick_text_batch_append(batch, text, n, error);
    return status ? status : wick_text_batch_end_text(batch, reader->source.line, error);
}

int wick_read_text_jsonl(wick_reader *reader, wick_text_batch *batch, bool *got, wick_error *error)
{
    wick_source *source = &reader->source;
    wick_text_batch *line = &reader->scratch;
    int status;
    do {
        wick_text_batch_empty(line);
        status = wick_source_read_line(source, line, got, error);
        if (status || !*got)
            return status;
    } while (is_blank(line->bytes, line->n_bytes));
    char where[320];
    wick_json *object = NULL;
    wick_source_place(source, source->line, where, sizeof where);
    status = wick_source_check_utf8(source, line->bytes, line->n_bytes, source->line, error);
    if (!status)
        status = wick_json_parse_line(line->bytes, line->n_bytes, where, &object, error);
    if (!status)
        status = take_field(reader, object, where, batch, error);
    wick_json_free(object);
    return status;
}
