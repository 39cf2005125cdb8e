/* SPDX-License-Identifier: Apache-2.0
 * path.h: putting paths together. All results are malloc'ed, the caller's to free; NULL means out of memory. */
#ifndef WICK_BASE_PATH_H
#define WICK_BASE_PATH_H
#include <stdbool.h>

/* "folder/name"; no second slash where folder ends in one. */
char *wick_path_join(const char *folder, const char *name);
/* "~" and "~/rest" with $HOME in place of the tilde; anything else, and everything where HOME is not set, as it is. */
char *wick_path_expand(const char *path);
/* False for "~name", and for "~" and "~/rest" where HOME is not set: what wick_path_expand would leave as it is, and nobody means. */
bool wick_path_can_expand(const char *path);
#define WICK_MEND_TILDE "write the whole path; ~/ stands for $HOME alone"
/* There is something at path, and it is a folder (links are followed). */
bool wick_path_is_folder(const char *path);

#endif
