/* SPDX-License-Identifier: Apache-2.0
 * odd_disk.c: file systems that the tests' machine does not have, by LD_PRELOAD: ODD_DISK holds the names of what this one cannot do. Built by
 * test_odd_disks.py. symlink, link: EPERM, as FAT says. dirsync: fsync of a folder, EINVAL, as network shares say. size: statvfs knows nothing. locks: flock, ENOSYS. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

static bool lacks(const char *what, int number)
{
    const char *all = getenv("ODD_DISK");
    errno = number;
    return all && strstr(all, what);
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int symlinkat(const char *target, int fd, const char *path)
{
    return lacks("symlink", EPERM) ? -1 : NEXT(symlinkat)(target, fd, path);
}

int linkat(int from, const char *old, int to, const char *path, int flags)
{
    return lacks("hardlink", EPERM) ? -1 : NEXT(linkat)(from, old, to, path, flags);
}

int fsync(int fd)
{
    struct stat status;
    if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode) && lacks("dirsync", EINVAL))
        return -1;
    return NEXT(fsync)(fd);
}

int fstatvfs(int fd, struct statvfs *out)
{
    const int rc = NEXT(fstatvfs)(fd, out);
    if (lacks("size", 0))
        out->f_blocks = out->f_bfree = out->f_bavail = 0;
    return rc;
}

int flock(int fd, int operation)
{
    return lacks("locks", ENOSYS) ? -1 : NEXT(flock)(fd, operation);
}
