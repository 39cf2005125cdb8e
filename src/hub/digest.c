/* SPDX-License-Identifier: Apache-2.0
 * digest.c: SHA-256 and git's SHA-1 through libcrypto's EVP, opened with dlopen: a start of the command must not load it. The pointers have the
 * types of OpenSSL's header, so that the compiler checks each call. */
#include "hub/digest.h"
#include "base/error.h"
#include <dlfcn.h>
#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_BYTES ((size_t)256 << 10)
#define MEND_LIBRARY "install OpenSSL's libcrypto (Debian: libssl3, Homebrew: openssl@3)"

struct wick_hub_digest {
    EVP_MD_CTX *context;
};

static struct {
    bool is_there;
    __typeof__(EVP_MD_CTX_new) *context_new;
    __typeof__(EVP_MD_CTX_free) *context_free;
    __typeof__(EVP_DigestInit_ex) *init;
    __typeof__(EVP_DigestUpdate) *update;
    __typeof__(EVP_DigestFinal_ex) *final;
    __typeof__(EVP_sha1) *sha1;
    __typeof__(EVP_sha256) *sha256;
} crypto;
static pthread_once_t crypto_once = PTHREAD_ONCE_INIT;

/* ISO C has no cast from an object's pointer to a function's; POSIX has them of one size. */
static bool take(void *library, const char *name, void *out)
{
    void *symbol = dlsym(library, name);
    memcpy(out, &symbol, sizeof symbol);
    return symbol != NULL;
}

static void crypto_load(void)
{
#ifdef __APPLE__
    static const char *const names[] = {"libcrypto.3.dylib", "/opt/homebrew/opt/openssl@3/lib/libcrypto.3.dylib",
                                        "/usr/local/opt/openssl@3/lib/libcrypto.3.dylib"};
#else
    static const char *const names[] = {"libcrypto.so.3", "libcrypto.so.1.1"};
#endif
    void *library = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && !library; i++)
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    crypto.is_there =
        library && take(library, "EVP_MD_CTX_new", &crypto.context_new) &&
        take(library, "EVP_MD_CTX_free", &crypto.context_free) && take(library, "EVP_DigestInit_ex", &crypto.init) &&
        take(library, "EVP_DigestUpdate", &crypto.update) && take(library, "EVP_DigestFinal_ex", &crypto.final) &&
        take(library, "EVP_sha1", &crypto.sha1) && take(library, "EVP_sha256", &crypto.sha256);
}

static int fail_crypto(wick_error *error)
{
    return wick_fail(error, WICK_E_INTERNAL, "libcrypto", "check OpenSSL's configuration (a FIPS mode has no SHA-1)",
                     "cannot compute a digest");
}

int wick_hub_digest_open(wick_hub_digest_kind kind, uint64_t size_bytes, wick_hub_digest **out, wick_error *error)
{
    *out = NULL;
    pthread_once(&crypto_once, crypto_load);
    if (!crypto.is_there)
        return wick_fail(error, WICK_E_UNAVAILABLE, "libcrypto", MEND_LIBRARY,
                         "downloads cannot be checked: no libcrypto");
    wick_hub_digest *digest = calloc(1, sizeof *digest);
    if (!digest || !(digest->context = crypto.context_new())) {
        wick_hub_digest_close(digest);
        return wick_fail_memory(error, "a digest");
    }
    int rc = crypto.init(digest->context, kind == WICK_HUB_SHA256 ? crypto.sha256() : crypto.sha1(), NULL) == 1
                 ? WICK_OK
                 : fail_crypto(error);
    if (rc == WICK_OK && kind == WICK_HUB_GIT_SHA1) {
        char head[32]; /* git hash-object: "blob SIZE\0", then the content */
        const int n = snprintf(head, sizeof head, "blob %llu", (unsigned long long)size_bytes);
        rc = wick_hub_digest_add(digest, head, (size_t)n + 1, error);
    }
    if (rc != WICK_OK) {
        wick_hub_digest_close(digest);
        return rc;
    }
    *out = digest;
    return WICK_OK;
}

int wick_hub_digest_add(wick_hub_digest *digest, const void *data, size_t n, wick_error *error)
{
    return crypto.update(digest->context, data, n) == 1 ? WICK_OK : fail_crypto(error);
}

int wick_hub_digest_finish(wick_hub_digest *digest, char hex[65], wick_error *error)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (crypto.final(digest->context, bytes, &n) != 1 || n > 32)
        return fail_crypto(error);
    for (unsigned i = 0; i < n; i++)
        snprintf(hex + 2 * (size_t)i, 3, "%02x", bytes[i]);
    return WICK_OK;
}

void wick_hub_digest_close(wick_hub_digest *digest)
{
    if (!digest)
        return;
    if (digest->context)
        crypto.context_free(digest->context);
    free(digest);
}

/* Adds fd's content from its beginning. */
static int add_file(wick_hub_digest *digest, int fd, uint8_t *block, uint64_t *size_bytes,
                    bool (*should_stop)(void *user), void *user, wick_error *error)
{
    for (;;) {
        const ssize_t n = pread(fd, block, BLOCK_BYTES, (off_t)*size_bytes);
        if (n == 0)
            return WICK_OK;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return wick_fail_errno(error, WICK_E_IO, "the hub cache", NULL, "cannot read a file");
        if (should_stop && should_stop(user))
            return wick_fail(error, WICK_E_UNAVAILABLE, "the hub cache", NULL, "cancelled");
        const int rc = wick_hub_digest_add(digest, block, (size_t)n, error);
        if (rc != WICK_OK)
            return rc;
        *size_bytes += (uint64_t)n;
    }
}

int wick_hub_digest_file(int fd, wick_hub_digest_kind kind, uint64_t *size_bytes, char hex[65],
                         bool (*should_stop)(void *user), void *user, wick_error *error)
{
    wick_hub_digest *digest = NULL;
    struct stat status;
    *size_bytes = 0;
    if (fstat(fd, &status) != 0)
        return wick_fail_errno(error, WICK_E_IO, "the hub cache", NULL, "cannot look at a file");
    uint8_t *block = malloc(BLOCK_BYTES);
    int rc = block ? wick_hub_digest_open(kind, (uint64_t)status.st_size, &digest, error)
                   : wick_fail_memory(error, "a digest");
    if (rc == WICK_OK)
        rc = add_file(digest, fd, block, size_bytes, should_stop, user, error);
    if (rc == WICK_OK)
        rc = wick_hub_digest_finish(digest, hex, error);
    wick_hub_digest_close(digest);
    free(block);
    return rc;
}
