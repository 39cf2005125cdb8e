/* SPDX-License-Identifier: Apache-2.0
 * support_files.h: throw-away folders and files for tests. Each function fails the test where the machine refuses. */
#ifndef WICK_TESTS_SUPPORT_FILES_H
#define WICK_TESTS_SUPPORT_FILES_H
#include <stddef.h>

#define SUPPORT_PATH_BYTES 4096

/* Makes a new folder under $TMPDIR (/tmp) and writes its path to path. */
void support_folder_make(char path[SUPPORT_PATH_BYTES]);
/* Removes it with everything in it. */
void support_folder_remove(const char *path);
/* Makes folder/name and the folders above it; writes its path to path (may be NULL). */
void support_folder_add(const char *folder, const char *name, char path[SUPPORT_PATH_BYTES]);
/* Writes "folder/name" to path. */
void support_path(const char *folder, const char *name, char path[SUPPORT_PATH_BYTES]);
/* Writes text to folder/name, making the folders between. */
void support_file_write(const char *folder, const char *name, const char *text);
/* setenv, or unsetenv where value is NULL. */
void support_env(const char *name, const char *value);

#endif
