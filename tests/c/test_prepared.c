/* SPDX-License-Identifier: Apache-2.0
 * test_prepared.c: packed weights and tokenizer tables that are kept in files: the same bits as packed ones, in every dtype; a file that is stale, truncated, changed,
 * writable by others, a link or not a file is never used; a folder that cannot be written to costs nothing but time, and what a
 * killed writer left goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <wick.h>

#include "base/prepared.h"
#include "support_model.h"

#define DIMENSION 32
#define HEADER_BYTES 4096
/* base/prepared.c's header: magic[16], version[16], kind[32], byte order, format, identity, settings, size, checksum. */
#define VERSION_AT 16
#define KIND_AT 32
#define FORMAT_AT 68
#define IDENTITY_AT 72
#define SETTINGS_AT 80
#define CHECKSUM_AT 96
#define MAX_LOG 8192

static char model_folder[SUPPORT_PATH_BYTES], cache[SUPPORT_PATH_BYTES];
static char log_text[MAX_LOG];
static const char *kind = "weights"; /* of the files that the test at hand looks at */

static void keep_log(void *user, wick_log_level level, const char *message)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* the tokenizer is read on a thread of its own */
    (void)user;
    (void)level;
    pthread_mutex_lock(&lock);
    size_t used = strlen(log_text);
    snprintf(log_text + used, sizeof log_text - used, "%s\n", message);
    pthread_mutex_unlock(&lock);
}

static int set_up(void **state)
{
    (void)state;
    support_tiny_make(model_folder);
    support_folder_make(cache);
    kind = "weights";
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
    memset(vector, 0, DIMENSION * sizeof *vector);
    if (wick_model_open(model_folder, &options, &model, &error) != WICK_OK ||
        wick_embed(model, texts, NULL, 1, NULL, vector, NULL, &error) != WICK_OK)
        fail_msg("%s: %s (%s)", dtype, error.message, error.where);
    wick_model_close(model);
}

/* A whole prepared file of another kind. */
static bool is_of_other_kind(const char *path)
{
    char head[64] = {0};
    struct stat status;
    if (lstat(path, &status) != 0 || !S_ISREG(status.st_mode))
        return false;
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    const size_t n = fread(head, 1, sizeof head, file);
    fclose(file);
    return n == sizeof head && memcmp(head, "wick prepared\n", 14) == 0 &&
           strncmp(head + KIND_AT, kind, strlen(kind)) != 0 && head[KIND_AT] != (kind[0] ^ 1);
}

/* The files in the cache but those of other kinds; the path of the last one goes to path. */
static size_t count_files(char path[SUPPORT_PATH_BYTES])
{
    DIR *folder = opendir(cache);
    assert_non_null(folder);
    size_t n = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char found[SUPPORT_PATH_BYTES];
        support_path(cache, entry->d_name, found);
        if (entry->d_name[0] == '.' || is_of_other_kind(found))
            continue;
        memcpy(path, found, sizeof found);
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
    flip(path, VERSION_AT);
}
static void spoil_kind(const char *path)
{
    flip(path, KIND_AT);
}
static void spoil_format(const char *path)
{
    flip(path, FORMAT_AT);
}
static void spoil_settings(const char *path)
{
    flip(path, SETTINGS_AT);
}
static void spoil_identity(const char *path)
{
    flip(path, IDENTITY_AT);
}
static void spoil_checksum(const char *path)
{
    flip(path, CHECKSUM_AT);
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
    } cases[] = {{"magic", spoil_magic},       {"version", spoil_version},   {"kind", spoil_kind},
                 {"format", spoil_format},     {"settings", spoil_settings}, {"identity", spoil_identity},
                 {"checksum", spoil_checksum}, {"first byte", spoil_first},  {"last byte", spoil_last},
                 {"length", spoil_length},     {"empty", spoil_empty},       {"longer", spoil_longer},
                 {"mode", spoil_mode},         {"link", spoil_link},         {"fifo", spoil_fifo}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t k = 0; k < 2; k++) {
            kind = k ? "tokenizer" : "weights";
            check_rebuilt(cases[i].spoil, cases[i].what);
        }
}

/* Another vocabulary under the same folder: the text's tokens must be its. */
static void changed_tokenizer_is_noticed(void **state)
{
    (void)state;
    float before[DIMENSION], after[DIMENSION], parsed[DIMENSION];
    char path[SUPPORT_PATH_BYTES];
    struct stat first, second;
    kind = "tokenizer";
    embed("f32", before);
    assert_int_equal(count_files(path), 1);
    assert_int_equal(stat(path, &first), 0);
    embed("bf16", after); /* whatever the dtype, the tables are the same */
    assert_int_equal(count_files(path), 1);
    assert_int_equal(stat(path, &second), 0);
    assert_int_equal(first.st_ino, second.st_ino);
    support_file_edit(model_folder, "tokenizer.json", "\"f\": 53", "\"f\": 67");
    support_file_edit(model_folder, "tokenizer.json", "\"t\": 67", "\"t\": 53");
    embed("f32", after);
    assert_true(was_refused());
    assert_int_equal(count_files(path), 1);
    support_env("WICK_PREPARED_DIR", "off");
    embed("f32", parsed);
    assert_memory_equal(after, parsed, sizeof after);
    assert_memory_not_equal(before, after, sizeof before);
}

/* What nobody uses goes when something is written; what is used has the time of its last change moved on. */
static void unused_files_go(void **state)
{
    (void)state;
    float vector[DIMENSION];
    char weights[SUPPORT_PATH_BYTES], tables[SUPPORT_PATH_BYTES], path[SUPPORT_PATH_BYTES];
    struct stat status;
    embed("f32", vector);
    assert_int_equal(count_files(weights), 1);
    kind = "tokenizer";
    assert_int_equal(count_files(tables), 1);
    const struct timespec long_ago[2] = {{.tv_sec = time(NULL) - 91 * 24 * 3600},
                                         {.tv_sec = time(NULL) - 91 * 24 * 3600}};
    assert_int_equal(utimensat(AT_FDCWD, weights, long_ago, 0), 0);
    assert_int_equal(utimensat(AT_FDCWD, tables, long_ago, 0), 0);
    embed("int8", vector); /* uses the tables, not these weights */
    assert_int_equal(access(weights, F_OK), -1);
    assert_int_equal(stat(tables, &status), 0);
    assert_true(status.st_mtime > time(NULL) - 3600);
    kind = "weights";
    assert_int_equal(count_files(path), 1);
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

typedef struct writer {
    const char *kind;
    size_t n_lost; /* saved, and not there afterwards */
} writer;

/* Saves the payload of one setting after the other. */
static void *save_many(void *arg)
{
    writer *own = arg;
    for (unsigned i = 0; i < 4000; i++) {
        const wick_prepared_key key = {.kind = own->kind, .source = model_folder, .format = 1, .settings = i};
        wick_prepared found;
        wick_prepared_save(cache, &key, &key, sizeof key, NULL);
        own->n_lost += !wick_prepared_open(cache, &key, NULL, &found);
        wick_prepared_close(&found);
    }
    return NULL;
}

/* A writer also removes what killed ones left: never the file that another one has just begun. */
static void writers_leave_each_other_alone(void **state)
{
    (void)state;
    writer first = {.kind = "first"}, second = {.kind = "second"};
    pthread_t thread;
    wick_log_set_level(WICK_LOG_ERROR);
    assert_int_equal(pthread_create(&thread, NULL, save_many, &second), 0);
    save_many(&first);
    pthread_join(thread, NULL);
    assert_int_equal(first.n_lost, 0);
    assert_int_equal(second.n_lost, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(same_bits_in_every_dtype, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged_files_are_built_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(changed_tokenizer_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unused_files_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(changed_weights_are_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(changed_settings_are_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(changed_dense_bias_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(leftovers_are_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(limited_files_do_not_kill, set_up, tear_down),
        cmocka_unit_test_setup_teardown(folders_that_cannot_be_used, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(writers_leave_each_other_alone, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
