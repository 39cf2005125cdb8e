/* SPDX-License-Identifier: Apache-2.0
 * main.c: the wick command. Finds the sub-command and hands it its arguments; prints help, version and errors.
 * Exit codes: 0 done, 1 failed, 2 wrong usage; a signal ends the process as that signal does. */
#include "base/error.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/embedded_model.h"
#include "cli/interrupt.h"
#include "provider/embedded.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const wick_command *const commands[] = {
    &wick_command_embed, &wick_command_similarity, &wick_command_rerank, &wick_command_tokenize, &wick_command_info,
    &wick_command_pull,  &wick_command_models,     &wick_command_bench,  &wick_command_pack,
#if WICK_WITH_SERVER
    &wick_command_serve,
#endif
};
enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

void wick_error_line(const wick_error *error, char line[WICK_ERROR_LINE_BYTES])
{
    const bool has_where = error->where[0] != '\0', has_mend = error->mend[0] != '\0';
    snprintf(line, WICK_ERROR_LINE_BYTES, "%s%s%s%s%s%s", error->message, has_where ? " (" : "", error->where,
             has_where ? ")" : "", has_mend ? "; " : "", error->mend);
}

void wick_error_print(const wick_error *error)
{
    char line[WICK_ERROR_LINE_BYTES];
    wick_error_line(error, line);
    fprintf(stderr, "wick: %s\n", line);
}

static void print_help(FILE *out)
{
    fputs("Usage: wick COMMAND [OPTION...] [TEXT...]\n\n"
          "Wick turns texts into sentence vectors.\n\n"
          "Commands:\n",
          out);
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(out, "  %-12s%s\n", commands[i]->name, commands[i]->summary);
    fputs("  help        Shows a command's help: wick help COMMAND\n\n"
          "Options:\n"
          "  --help      show this page; wick COMMAND --help: a command's options\n"
          "  --version   show the version\n\n"
          "Flags beat the environment (WICK_DEVICE, WICK_LOG, HF_HUB_CACHE...), which beats the config file.\n"
          "Exit codes: 0 done, 1 failed, 2 wrong usage.\n",
          out);
}

/* NULL, with the usage error printed, where there is no such command. */
static const wick_command *find_command(const char *name)
{
    const char *names[N_COMMANDS + 1] = {"help"};
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (!strcmp(commands[i]->name, name))
            return commands[i];
        names[i + 1] = commands[i]->name;
    }
    char mend[64] = "wick --help lists the commands";
    const char *nearest = wick_nearest_name(name, strlen(name), names, sizeof(const char *), N_COMMANDS + 1);
    if (nearest)
        snprintf(mend, sizeof mend, "did you mean wick %s?", nearest);
    wick_usage_fail(NULL, mend, *name == '-' ? "unknown option %s" : "unknown command \"%s\"", name);
    return NULL;
}

static int run_help(int argc, char **argv)
{
    if (argc > 1)
        return wick_usage_fail(NULL, "wick help COMMAND", "help takes one command");
    if (argc == 0 || !strcmp(argv[0], "help")) {
        print_help(stdout);
        return WICK_EXIT_DONE;
    }
    const wick_command *command = find_command(argv[0]);
    if (!command)
        return WICK_EXIT_USAGE;
    wick_options_help(command, stdout);
    return WICK_EXIT_DONE;
}

static int run_command(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return WICK_EXIT_USAGE;
    }
    const char *name = argv[1];
    if (!strcmp(name, "--version") || !strcmp(name, "-V")) {
        printf("wick %s\n", wick_version());
        return WICK_EXIT_DONE;
    }
    if (!strcmp(name, "--help") || !strcmp(name, "-h")) {
        print_help(stdout);
        return WICK_EXIT_DONE;
    }
    if (!strcmp(name, "help"))
        return run_help(argc - 2, argv + 2);
    const wick_command *command = find_command(name);
    return command ? command->run(command, argc - 2, argv + 2) : WICK_EXIT_USAGE;
}

/* Where the parent closed one of the first three descriptors, a file that is opened later must not come to stand there
 * and take what is meant for the user. Reading the stand-in for 0 fails, and so does writing to those for 1 and 2. */
static void occupy_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            _exit(WICK_EXIT_FAILED);
}

int main(int argc, char **argv)
{
    occupy_standard_streams();
    wick_log_enabled(WICK_LOG_ERROR); /* a level that is none is told at once, whatever comes */
    wick_interrupt_setup();
    const uint8_t *embedded;
    const size_t n_embedded = wick_embedded_model(&embedded);
    if (n_embedded > 0)
        wick_embedded_set(embedded, n_embedded);
    int exit_code = run_command(argc, argv);
    /* Help and version go through stdio; a full disk is to be told here too. */
    errno = 0;
    if (fflush(stdout)) {
        if (errno == EPIPE)
            wick_interrupt_die(SIGPIPE);
        wick_error error = {0};
        wick_fail_errno(&error, WICK_E_IO, "standard output", NULL, "cannot write");
        wick_error_print(&error);
        return WICK_EXIT_FAILED;
    }
    return exit_code;
}
