/* SPDX-License-Identifier: Apache-2.0
 * command.h: what every sub-command has: a row in main.c's table, one table of options from which both its parser and
 * its help are made, and the exit codes. Errors are one line on stderr: "wick: what (where); mend". */
#ifndef WICK_CLI_COMMAND_H
#define WICK_CLI_COMMAND_H
#include <stdio.h>
#include <wick.h>

enum { WICK_EXIT_DONE = 0, WICK_EXIT_FAILED = 1, WICK_EXIT_USAGE = 2 };

typedef enum wick_option_kind {
    WICK_OPTION_FLAG,   /* bool: true where the option stands */
    WICK_OPTION_TEXT,   /* const char *: the value, borrowed from argv; not empty */
    WICK_OPTION_STRING, /* const char *: the same, and it may be empty */
    WICK_OPTION_COUNT,  /* size_t: min to max, decimal digits only */
    WICK_OPTION_CHOICE, /* const char *: one of choices */
    WICK_OPTION_LIST    /* wick_option_list: may stand many times */
} wick_option_kind;

/* The values of an option that may stand many times, borrowed from argv. */
#define WICK_OPTION_LIST_MAX 64
typedef struct wick_option_list {
    const char *items[WICK_OPTION_LIST_MAX];
    size_t n;
} wick_option_list;

typedef struct wick_option {
    const char *name; /* without the dashes; NULL: help is a heading of the help page */
    wick_option_kind kind;
    const char *value_name; /* "FILE"; NULL for flags */
    size_t offset;          /* of the value in the struct that wick_options_parse fills */
    const char *help;       /* a line break in it starts an indented line */
    const char *choices;    /* "json|csv" */
    size_t max, min;        /* of a count */
} wick_option;

typedef struct wick_command {
    const char *name;
    const char *arguments; /* "[TEXT...]" */
    const char *summary;   /* one line */
    const char *notes;     /* stands below the options in the help; may be NULL */
    const wick_option *options;
    size_t n_options;
    /* argv[0..argc) stands behind the command's name. Returns an exit code. */
    int (*run)(const struct wick_command *command, int argc, char **argv);
} wick_command;

extern const wick_command wick_command_embed, wick_command_similarity, wick_command_rerank, wick_command_tokenize,
    wick_command_info, wick_command_bench, wick_command_pack, wick_command_pull, wick_command_models,
    wick_command_serve;

/* What wick_options_parse says. */
enum { WICK_PARSED = 0, WICK_PARSED_HELP = 1 };

/* Fills the struct at values (zeroed by the caller) from argv and moves what is no option to the front of argv,
 * *n_arguments of it. "--opt value" and "--opt=value"; the last one wins; "--" ends the options. --help and -h are
 * known to every command. Returns WICK_PARSED, WICK_PARSED_HELP, or WICK_E_INVALID_INPUT with *error filled (exit
 * with WICK_EXIT_USAGE). */
int wick_options_parse(const wick_command *command, int argc, char **argv, void *values, size_t *n_arguments,
                       wick_error *error);
/* The help page. */
void wick_options_help(const wick_command *command, FILE *out);
/* Of candidate names (n of them, stride bytes apart; NULL names are passed over) the one nearest to word, or NULL
 * where none is near. */
const char *wick_nearest_name(const char *word, size_t word_bytes, const char *const *first, size_t stride, size_t n);

/* The first step of every command: parses, prints the help or the error. False: return *exit_code now. */
bool wick_command_begin(const wick_command *command, int argc, char **argv, void *values, size_t *n_arguments,
                        int *exit_code);
/* An error as people read it: what, where, the mend. */
#define WICK_ERROR_LINE_BYTES (sizeof(wick_error) + 8)
void wick_error_line(const wick_error *error, char line[WICK_ERROR_LINE_BYTES]);
/* Prints "wick: what (where); mend" on stderr, the progress bar cleared. */
void wick_error_print(const wick_error *error);
/* Prints a usage error and returns WICK_EXIT_USAGE. mend may be NULL. */
int wick_usage_fail(const wick_command *command, const char *mend, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
