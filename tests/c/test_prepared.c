/* SPDX-License-Identifier: Apache-2.0
 * test_prepared.c: packed weights that are kept in a file: the same bits as packed ones, in every dtype; a file that is stale, truncated, changed,
 * writable by others, a link or not a file is never used; a folder that cannot be written to costs nothing but time, and what a
 * killed writer left goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wick.h>

#include "support_model.h"

#define DIMENSION 32
#define HEADER_BYTES 4096
#define MAX_LOG 8192

static char model_folder[SUPPORT_PATH_BYTES], cache[SUPPORT_PATH_BYTES];
static char log_text[MAX_LOG];

static void keep_log(void *user, wick_log_level level, const char *message)
{
    (void)user;
    (void)level;
    size_t used = strlen(log_text);
    snprintf(log_text + used, sizeof log_text - used, "%s\n", message);
}

static int set_up(void **state)
{
    (void)state;
    support_tiny_make(model_folder);
    support_folder_make(cache);
    support_env("WICK_PREPARED_DIR", cache);
    wick_log_set(keep_log, NULL);
    wick_log_set_level(WICK_LOG_DEBUG);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    wick_log_set(NULL, NULL);
    support_folder_remove(model_folder);
    support_folder_remove(cache);
    return 0;
}

/* Embeds one text with a model opened for it. */
static void embed(const char *dtype, float vector[DIMENSION])
{
    static const char *const texts[] = {"the ferry leaves at dawn"};
    wick_model_options options;
    wick_model *model = NULL;
    wick_error error = {0};
    wick_model_options_init(&options);
    options.dtype = dtype;
    options.n_threads = 2;
    log_text[0] = '\0';
    if (wick_model_open(model_folder, &options, &model, &error) != WICK_OK ||
        wick_embed(model, texts, NULL, 1, NULL, vector, NULL, &error) != WICK_OK)
        fail_msg("%s: %s (%s)", dtype, error.message, error.where);
    wick_model_close(model);
}

/* The files in the cache; the path of the last one goes to path. */
static size_t count_files(char path[SUPPORT_PATH_BYTES])
{
    DIR *folder = opendir(cache);
    assert_non_null(folder);
    size_t n = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        if (entry->d_name[0] != '.') {
            support_path(cache, entry->d_name, path);
            n++;
        }
    closedir(folder);
    return n;
}

static bool was_refused(void)
{
    return strstr(log_text, "stale or damaged") != NULL;
}

static void same_bits_in_every_dtype(void **state)
{
    (void)state;
    static const char *const dtypes[] = {"f32", "bf16", "int8"};
    char path[SUPPORT_PATH_BYTES];
    for (size_t i = 0; i < 3; i++) {
        float packed[DIMENSION], built[DIMENSION], mapped[DIMENSION];
        support_env("WICK_PREPARED_DIR", "off");
        embed(dtypes[i], packed);
        assert_int_equal(count_files(path), i);
        support_env("WICK_PREPARED_DIR", cache);
        embed(dtypes[i], built);
        assert_int_equal(count_files(path), i + 1);
        struct stat before, after;
        assert_int_equal(stat(path, &before), 0);
        assert_int_equal(before.st_mode & 0777, 0600);
        embed(dtypes[i], mapped);
        assert_int_equal(count_files(path), i + 1);
        assert_int_equal(stat(path, &after), 0);
        assert_int_equal(before.st_ino, after.st_ino); /* it was used, not written anew */
        assert_memory_equal(packed, built, sizeof packed);
        assert_memory_equal(packed, mapped, sizeof packed);
    }
}

/* The file is spoiled, the next open does not use it, builds it anew, and the one after uses that. */
static void check_rebuilt(void (*spoil)(const char *path), const char *what)
{
    float first[DIMENSION], second[DIMENSION];
    char path[SUPPORT_PATH_BYTES];
    struct stat spoiled, mended, kept;
    embed("f32", first);
    assert_int_equal(count_files(path), 1);
    spoil(path);
    assert_int_equal(lstat(path, &spoiled), 0);
    embed("f32", second);
    assert_memory_equal(first, second, sizeof first);
    assert_int_equal(count_files(path), 1);
    assert_int_equal(lstat(path, &mended), 0);
    if (spoiled.st_ino == mended.st_ino && spoiled.st_mtim.tv_nsec == mended.st_mtim.tv_nsec)
        fail_msg("%s: the file was used as it was", what);
    assert_true(S_ISREG(mended.st_mode));
    embed("f32", second);
    assert_int_equal(stat(path, &kept), 0);
    assert_int_equal(mended.st_ino, kept.st_ino);
}

static void flip(const char *path, long offset)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, offset, offset < 0 ? SEEK_END : SEEK_SET), 0);
    int c = fgetc(file);
    assert_int_equal(fseek(file, offset, offset < 0 ? SEEK_END : SEEK_SET), 0);
    fputc(c ^ 1, file);
    assert_int_equal(fclose(file), 0);
}

static void spoil_magic(const char *path)
{
    flip(path, 0);
}
static void spoil_version(const char *path)
{
    flip(path, 16);
}
static void spoil_tier(const char *path)
{
    flip(path, 32);
}
static void spoil_identity(const char *path)
{
    flip(path, 64);
}
static void spoil_checksum(const char *path)
{
    flip(path, 88);
}
static void spoil_first(const char *path)
{
    flip(path, HEADER_BYTES);
}
static void spoil_last(const char *path)
{
    flip(path, -1);
}

static void spoil_length(const char *path)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(truncate(path, status.st_size - 1), 0);
}

static void spoil_empty(const char *path)
{
    assert_int_equal(truncate(path, 0), 0);
}

static void spoil_longer(const char *path)
{
    FILE *file = fopen(path, "ab");
    assert_non_null(file);
    fputc('x', file);
    assert_int_equal(fclose(file), 0);
}

static void spoil_mode(const char *path)
{
    assert_int_equal(chmod(path, 0666), 0);
}

static void spoil_link(const char *path)
{
    char moved[SUPPORT_PATH_BYTES];
    support_path(model_folder, "moved.wick", moved);
    assert_int_equal(rename(path, moved), 0);
    assert_int_equal(symlink(moved, path), 0);
}

static void spoil_fifo(const char *path)
{
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
}

static void damaged_files_are_built_anew(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        void (*spoil)(const char *path);
    } cases[] = {{"magic", spoil_magic},       {"version", spoil_version},   {"tier", spoil_tier},
                 {"identity", spoil_identity}, {"checksum", spoil_checksum}, {"first byte", spoil_first},
                 {"last byte", spoil_last},    {"length", spoil_length},     {"empty", spoil_empty},
                 {"longer", spoil_longer},     {"mode", spoil_mode},         {"link", spoil_link},
                 {"fifo", spoil_fifo}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_rebuilt(cases[i].spoil, cases[i].what);
}

/* Other weights under the same folder: the vectors must be theirs. */
static void changed_weights_are_noticed(void **state)
{
    (void)state;
    float before[DIMENSION], after[DIMENSION], packed[DIMENSION];
    char path[SUPPORT_PATH_BYTES], weights[SUPPORT_PATH_BYTES];
    size_t n;
    embed("f32", before);
    support_path(model_folder, "model.safetensors", weights);
    char *bytes = support_bytes_read(weights, &n);
    for (size_t i = n / 2 / 4 * 4; i + 2 < n; i += 4)
        bytes[i + 2] ^= 0x10; /* another mantissa */
    support_bytes_write(model_folder, "model.safetensors", bytes, n);
    free(bytes);
    embed("f32", after);
    assert_true(was_refused());
    assert_int_equal(count_files(path), 1);
    support_env("WICK_PREPARED_DIR", "off");
    embed("f32", packed);
    assert_memory_equal(after, packed, sizeof after);
    assert_memory_not_equal(before, after, sizeof before);
}

/* Calibration runs the model as config.json has it: the same weights under other settings are packed anew. */
static void changed_settings_are_noticed(void **state)
{
    (void)state;
    static const char *const edits[][2] = {{"\"hidden_act\": \"gelu\"", "\"hidden_act\": \"relu\""},
                                           {"\"layer_norm_eps\": 1e-12", "\"layer_norm_eps\": 0.1"}};
    float mapped[DIMENSION], packed[DIMENSION];
    embed("int8", mapped);
    for (size_t i = 0; i < 2; i++) {
        support_file_edit(model_folder, "config.json", edits[i][0], edits[i][1]);
        embed("int8", mapped);
        support_env("WICK_PREPARED_DIR", "off");
        embed("int8", packed);
        support_env("WICK_PREPARED_DIR", cache);
        assert_memory_equal(mapped, packed, sizeof mapped);
    }
}

/* A Dense module that is told to leave its bias out, which the weights still have. */
static void changed_dense_bias_is_noticed(void **state)
{
    (void)state;
    float with[DIMENSION] = {0}, without[DIMENSION] = {0}, packed[DIMENSION] = {0}; /* the module gives fewer values */
    support_file_edit(
        model_folder, "modules.json", "\n]",
        ",{\"idx\":2,\"name\":\"2\",\"path\":\"2_Dense\",\"type\":\"sentence_transformers.models.Dense\"}]");
    embed("f32", with);
    support_file_edit(model_folder, "2_Dense/config.json", "\"bias\": true", "\"bias\": false");
    embed("f32", without);
    support_env("WICK_PREPARED_DIR", "off");
    embed("f32", packed);
    assert_memory_equal(without, packed, sizeof packed);
    assert_memory_not_equal(with, packed, sizeof packed);
}

/* What a writer that was killed left is removed by the next one; the file of one that still writes stays. */
static void leftovers_are_removed(void **state)
{
    (void)state;
    static const char left[] = "0123456789abcdef.wick.aB3xYz", busy[] = "0123456789abcdef.wick.qqqqqq";
    static const char *const others[] = {"notes.wick.aB3xYz", "0123456789abcdef.wick.toolong", "0123456789abcdef.txt"};
    char path[SUPPORT_PATH_BYTES];
    float vector[DIMENSION];
    support_file_write(cache, left, "half");
    support_file_write(cache, busy, "half");
    for (size_t i = 0; i < 3; i++)
        support_file_write(cache, others[i], "mine");
    support_path(cache, busy, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && flock(fd, LOCK_EX) == 0);
    embed("f32", vector);
    close(fd);
    support_path(cache, left, path);
    assert_int_equal(access(path, F_OK), -1);
    support_path(cache, busy, path);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(count_files(path), 2 + 3); /* and the new one */
}

/* A limit on the size of files must not end the process by SIGXFSZ. */
static void limited_files_do_not_kill(void **state)
{
    (void)state;
    float vector[DIMENSION];
    char path[SUPPORT_PATH_BYTES];
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit limit = {8192, 8192};
        signal(SIGXFSZ, SIG_DFL);
        if (setrlimit(RLIMIT_FSIZE, &limit) == 0)
            embed("f32", vector);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(count_files(path), 0);
}

static void folders_that_cannot_be_used(void **state)
{
    (void)state;
    float vector[DIMENSION];
    char path[SUPPORT_PATH_BYTES], deep[SUPPORT_PATH_BYTES];
    support_file_write(cache, "file", "not a folder");
    support_path(cache, "file/below", path);
    support_env("WICK_PREPARED_DIR", path);
    embed("f32", vector);
    assert_non_null(strstr(log_text, "cannot be kept"));
    support_env("WICK_PREPARED_DIR", "/proc/none");
    embed("f32", vector);
    support_path(cache, "a/b/c", deep); /* made where it is not there */
    support_env("WICK_PREPARED_DIR", deep);
    embed("f32", vector);
    struct stat status;
    assert_int_equal(stat(deep, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
}

/* Several processes that all find nothing: each gets its vectors, and one whole file stays. */
static void many_at_once(void **state)
{
    (void)state;
    enum { N = 8 };
    float expected[DIMENSION], vector[DIMENSION];
    char path[SUPPORT_PATH_BYTES];
    support_env("WICK_PREPARED_DIR", "off");
    embed("int8", expected);
    support_env("WICK_PREPARED_DIR", cache);
    pid_t children[N];
    for (size_t i = 0; i < N; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            embed("int8", vector);
            _exit(memcmp(vector, expected, sizeof vector) == 0 ? 0 : 1);
        }
    }
    for (size_t i = 0; i < N; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    assert_int_equal(count_files(path), 1);
    embed("int8", vector);
    assert_false(was_refused());
    assert_memory_equal(vector, expected, sizeof vector);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(same_bits_in_every_dtype, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged_files_are_built_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(changed_weights_are_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(changed_settings_are_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(changed_dense_bias_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(leftovers_are_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(limited_files_do_not_kill, set_up, tear_down),
        cmocka_unit_test_setup_teardown(folders_that_cannot_be_used, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_at_once, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
