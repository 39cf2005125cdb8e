/* SPDX-License-Identifier: Apache-2.0
 * options.c: the command line's options, parsed and explained from one table a command. In: argv. Out: the command's
 * own struct of values, or one error that names the option and the nearest right one. Called by every sub-command
 * through wick_command_begin. */
#include "base/edit_distance.h"
#include "base/error.h"
#include "cli/command.h"
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

/* ---- the nearest name
 * ------------------------------------------------------------------------------------------------ */

#define LONGEST_NAME 32 /* longer ones are not meant for an option */

const char *wick_nearest_name(const char *word, size_t word_bytes, const char *const *first, size_t stride, size_t n)
{
    const char *nearest = NULL;
    size_t least = word_bytes < 4 ? 2 : 3; /* short words are near to everything: ask for more likeness */
    for (size_t i = 0; i < n; i++) {
        const char *name = *(const char *const *)(const void *)((const char *)first + i * stride);
        if (!name || word_bytes > LONGEST_NAME)
            continue;
        size_t d = wick_edit_distance(word, word_bytes, name, strlen(name), WICK_EDIT_SWAPS);
        /* A beginning that was typed ("--norm", "--dim") is as good as a small slip. */
        if (d >= least && word_bytes >= 3 && !strncmp(word, name, word_bytes))
            d = least - 1;
        if (d < least) {
            least = d;
            nearest = name;
        }
    }
    return nearest;
}

/* ---- parsing
 * ------------------------------------------------------------------------------------------------------- */

static const wick_option *find_option(const wick_command *command, const char *name, size_t n)
{
    for (size_t i = 0; i < command->n_options; i++) {
        const wick_option *option = &command->options[i];
        if (option->name && strlen(option->name) == n && !memcmp(option->name, name, n))
            return option;
    }
    return NULL;
}

static int fail_unknown(const wick_command *command, const char *argument, wick_error *error)
{
    const char *name = argument + strspn(argument, "-");
    size_t n = strcspn(name, "=");
    char mend[256];
    const char *nearest =
        wick_nearest_name(name, n, &command->options[0].name, sizeof *command->options, command->n_options);
    if (nearest)
        snprintf(mend, sizeof mend, "did you mean --%s?", nearest);
    else
        snprintf(mend, sizeof mend, "see wick %s --help%s", command->name,
                 strstr(command->arguments, "TEXT") ? "; a text that begins with a dash goes behind --" : "");
    return wick_fail(error, WICK_E_INVALID_INPUT, command->name, mend, "unknown option %.*s",
                     (int)(name - argument + (ptrdiff_t)n), argument);
}

static bool is_choice(const char *choices, const char *value)
{
    size_t n = strlen(value);
    for (const char *c = choices; n && *c; c += *c == '|') {
        size_t length = strcspn(c, "|");
        if (length == n && !memcmp(c, value, n))
            return true;
        c += length;
    }
    return false;
}

static bool read_count(const char *value, size_t min, size_t max, size_t *out)
{
    size_t count = 0;
    if (!*value)
        return false;
    for (; *value; value++) {
        if (*value < '0' || *value > '9' || __builtin_mul_overflow(count, (size_t)10, &count) ||
            __builtin_add_overflow(count, (size_t)(*value - '0'), &count))
            return false;
    }
    if (count < min || count > max)
        return false;
    *out = count;
    return true;
}

static int fail_empty(const wick_command *command, const wick_option *option, wick_error *error)
{
    char mend[256];
    snprintf(mend, sizeof mend, "--%s %s, or leave it out", option->name, option->value_name);
    return wick_fail(error, WICK_E_INVALID_INPUT, command->name, mend, "--%s needs a value that is not empty",
                     option->name);
}

/* An option that takes no value has one, or one that takes a value has none. */
static int fail_value(const wick_command *command, const wick_option *option, wick_error *error)
{
    char mend[256];
    if (option->kind == WICK_OPTION_FLAG) {
        snprintf(mend, sizeof mend, "--%s alone, or leave it out", option->name);
        return wick_fail(error, WICK_E_INVALID_INPUT, command->name, mend, "--%s takes no value", option->name);
    }
    snprintf(mend, sizeof mend, "--%s %s", option->name, option->value_name);
    return wick_fail(error, WICK_E_INVALID_INPUT, command->name, mend, "--%s needs a value", option->name);
}

static int store(const wick_command *command, const wick_option *option, const char *value, void *values,
                 wick_error *error)
{
    void *place = (char *)values + option->offset;
    char mend[256];
    switch (option->kind) {
    case WICK_OPTION_FLAG:
        *(bool *)place = true;
        return 0;
    case WICK_OPTION_TEXT:
        if (!*value)
            return fail_empty(command, option, error);
        *(const char **)place = value;
        return 0;
    case WICK_OPTION_STRING:
        *(const char **)place = value;
        return 0;
    case WICK_OPTION_LIST: {
        wick_option_list *list = place;
        if (!*value)
            return fail_empty(command, option, error);
        if (list->n == WICK_OPTION_LIST_MAX)
            return wick_fail(error, WICK_E_INVALID_INPUT, command->name, "the config file takes longer lists",
                             "--%s stands more than %d times", option->name, WICK_OPTION_LIST_MAX);
        list->items[list->n++] = value;
        return 0;
    }
    case WICK_OPTION_CHOICE:
        if (!is_choice(option->choices, value)) {
            snprintf(mend, sizeof mend, "one of %s", option->choices);
            return wick_fail(error, WICK_E_INVALID_INPUT, command->name, mend, "--%s cannot be \"%s\"", option->name,
                             value);
        }
        *(const char **)place = value;
        return 0;
    case WICK_OPTION_COUNT:
        if (!read_count(value, option->min, option->max, (size_t *)place)) {
            snprintf(mend, sizeof mend, "a whole number from %zu to %zu", option->min, option->max);
            return wick_fail(error, WICK_E_INVALID_INPUT, command->name, mend, "--%s cannot be \"%s\"", option->name,
                             value);
        }
        return 0;
    }
    return 0;
}

/* The two that are typed most, as other commands have them. */
static const wick_option *find_short(const wick_command *command, const char *argument, size_t name_bytes)
{
    if (name_bytes != 2 || (argument[1] != 'm' && argument[1] != 'o'))
        return NULL;
    return argument[1] == 'm' ? find_option(command, "model", 5) : find_option(command, "output", 6);
}

int wick_options_parse(const wick_command *command, int argc, char **argv, void *values, size_t *n_arguments,
                       wick_error *error)
{
    size_t n = 0;
    int i = 0;
    for (; i < argc; i++) {
        char *argument = argv[i];
        if (!strcmp(argument, "--")) {
            i++;
            break;
        }
        if (argument[0] != '-') {
            argv[n++] = argument;
            continue;
        }
        if (!strcmp(argument, "--help") || !strcmp(argument, "-h"))
            return WICK_PARSED_HELP;
        if (!strcmp(argument, "-"))
            return wick_fail(error, WICK_E_INVALID_INPUT, command->name,
                             "--input - reads it; a dash as a text goes behind --",
                             "\"-\" alone does not mean standard input");
        size_t name_bytes = strcspn(argument, "=");
        const wick_option *option = !strncmp(argument, "--", 2) ? find_option(command, argument + 2, name_bytes - 2)
                                                                : find_short(command, argument, name_bytes);
        if (!option)
            return fail_unknown(command, argument, error);
        const char *value = argument[name_bytes] == '=' ? argument + name_bytes + 1 : NULL;
        if (option->kind == WICK_OPTION_FLAG && value)
            return fail_value(command, option, error);
        if (option->kind != WICK_OPTION_FLAG && !value) {
            if (i + 1 == argc)
                return fail_value(command, option, error);
            value = argv[++i];
        }
        int status = store(command, option, value, values, error);
        if (status)
            return status;
    }
    for (; i < argc; i++)
        argv[n++] = argv[i];
    *n_arguments = n;
    return WICK_PARSED;
}

/* ---- help
 * ---------------------------------------------------------------------------------------------------------- */

#define HELP_COLUMN 26

static void help_row(const char *left, const char *help, FILE *out)
{
    int n = fprintf(out, "  %s", left);
    if (n > HELP_COLUMN - 2) {
        fputc('\n', out);
        n = 0;
    }
    fprintf(out, "%*s", HELP_COLUMN - n, "");
    for (const char *c = help; *c; c++) {
        fputc(*c, out);
        if (*c == '\n')
            fprintf(out, "%*s", HELP_COLUMN, "");
    }
    fputc('\n', out);
}

void wick_options_help(const wick_command *command, FILE *out)
{
    fprintf(out, "Usage: wick %s [OPTION...]%s%s\n\n%s.\n", command->name, *command->arguments ? " " : "",
            command->arguments, command->summary);
    for (size_t i = 0; i < command->n_options; i++) {
        const wick_option *option = &command->options[i];
        char left[64];
        if (!option->name) {
            fprintf(out, "\n%s:\n", option->help);
            continue;
        }
        snprintf(left, sizeof left, "--%s%s%s", option->name, option->value_name ? " " : "",
                 option->value_name ? option->value_name : "");
        help_row(left, option->help, out);
    }
    help_row("--help", "show this page", out);
    if (command->notes)
        fprintf(out, "\n%s", command->notes);
}

/* ---- what all commands begin with
 * ------------------------------------------------------------------------------------ */

bool wick_command_begin(const wick_command *command, int argc, char **argv, void *values, size_t *n_arguments,
                        int *exit_code)
{
    wick_error error = {0};
    int status = wick_options_parse(command, argc, argv, values, n_arguments, &error);
    if (status == WICK_PARSED)
        return true;
    *exit_code = WICK_EXIT_DONE;
    if (status == WICK_PARSED_HELP) {
        wick_options_help(command, stdout);
    } else {
        wick_error_print(&error);
        *exit_code = WICK_EXIT_USAGE;
    }
    return false;
}

int wick_usage_fail(const wick_command *command, const char *mend, const char *format, ...)
{
    wick_error error = {0};
    char message[sizeof error.message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    wick_fail(&error, WICK_E_INVALID_INPUT, command ? command->name : NULL, mend, "%s", message);
    wick_error_print(&error);
    return WICK_EXIT_USAGE;
}
