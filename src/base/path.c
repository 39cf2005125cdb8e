/* SPDX-License-Identifier: Apache-2.0
 * path.c: joining, expanding and looking at paths; called by src/hub and src/provider. */
#include "base/path.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

char *wick_path_join(const char *folder, const char *name)
{
    const size_t n_folder = strlen(folder), n_name = strlen(name);
    const size_t slash = n_folder > 0 && folder[n_folder - 1] != '/';
    char *path = malloc(n_folder + slash + n_name + 1);
    if (!path)
        return NULL;
    memcpy(path, folder, n_folder);
    if (slash)
        path[n_folder] = '/';
    memcpy(path + n_folder + slash, name, n_name + 1);
    return path;
}

char *wick_path_expand(const char *path)
{
    const char *home = getenv("HOME");
    if (path[0] != '~' || (path[1] != '/' && path[1] != '\0') || !home || home[0] == '\0')
        return strdup(path);
    return path[1] == '\0' ? strdup(home) : wick_path_join(home, path + 2);
}

bool wick_path_can_expand(const char *path)
{
    const char *home = getenv("HOME");
    return path[0] != '~' || ((path[1] == '/' || path[1] == '\0') && home && home[0] != '\0');
}

bool wick_path_is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}
