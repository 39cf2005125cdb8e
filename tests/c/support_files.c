/* SPDX-License-Identifier: Apache-2.0
 * support_files.c: throw-away folders and files for tests. */
#include "support_files.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

void support_folder_make(char path[SUPPORT_PATH_BYTES])
{
    const char *root = getenv("TMPDIR");
    snprintf(path, SUPPORT_PATH_BYTES, "%s/wick-test-XXXXXX", root && root[0] ? root : "/tmp");
    if (!mkdtemp(path))
        fail_msg("mkdtemp %s: %s", path, strerror(errno));
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    return remove(path);
}

void support_folder_remove(const char *path)
{
    if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
        fail_msg("cannot remove %s: %s", path, strerror(errno));
}

static void make_folders(char *path)
{
    for (char *c = path + 1;; c++) {
        if (*c != '/' && *c != '\0')
            continue;
        const char was = *c;
        *c = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            fail_msg("mkdir %s: %s", path, strerror(errno));
        *c = was;
        if (was == '\0')
            return;
    }
}

void support_path(const char *folder, const char *name, char path[SUPPORT_PATH_BYTES])
{
    const int n = snprintf(path, SUPPORT_PATH_BYTES, "%s/%s", folder, name);
    assert_in_range(n, 1, SUPPORT_PATH_BYTES - 1);
}

void support_folder_add(const char *folder, const char *name, char path[SUPPORT_PATH_BYTES])
{
    char own[SUPPORT_PATH_BYTES];
    char *full = path ? path : own;
    support_path(folder, name, full);
    make_folders(full);
}

void support_file_write(const char *folder, const char *name, const char *text)
{
    char path[SUPPORT_PATH_BYTES];
    support_path(folder, name, path);
    char *slash = strrchr(path, '/');
    *slash = '\0';
    make_folders(path);
    *slash = '/';
    FILE *file = fopen(path, "wb");
    if (!file)
        fail_msg("cannot write %s: %s", path, strerror(errno));
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

void support_env(const char *name, const char *value)
{
    assert_int_equal(value ? setenv(name, value, 1) : unsetenv(name), 0);
}
