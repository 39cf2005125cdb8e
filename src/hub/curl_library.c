/* SPDX-License-Identifier: Apache-2.0
 * curl_library.c: finds libcurl and its functions at run time; see curl_library.h. */
#include "hub/curl_library.h"
#include "base/error.h"
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

wick_curl_library wick_curl;
static bool is_there;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static bool take(void *handle, const char *name, void *out)
{
    void *symbol = dlsym(handle, name);
    memcpy(out, &symbol, sizeof symbol); /* C has no cast from an object's pointer to a function's */
    return symbol != NULL;
}

static void load(void)
{
#ifdef __APPLE__
    static const char *const names[] = {"libcurl.4.dylib", "/usr/lib/libcurl.4.dylib"};
#else
    static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};
#endif
    void *handle = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && !handle; i++)
        handle = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
#define TAKE(name) take(handle, "curl_" #name, &wick_curl.name)
    is_there = handle && TAKE(global_init) && TAKE(easy_init) && TAKE(easy_cleanup) && TAKE(easy_reset) &&
               TAKE(easy_setopt) && TAKE(easy_strerror) && TAKE(multi_init) && TAKE(multi_cleanup) &&
               TAKE(multi_add_handle) && TAKE(multi_remove_handle) && TAKE(multi_perform) && TAKE(multi_wait) &&
               TAKE(multi_info_read) && TAKE(slist_append) && TAKE(slist_free_all) &&
               wick_curl.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
#undef TAKE
}

int wick_curl_open(wick_error *error)
{
    pthread_once(&once, load);
    if (is_there)
        return WICK_OK;
    wick_fail(error, WICK_E_UNAVAILABLE, "libcurl", "install libcurl (Debian: libcurl4, Homebrew: curl)",
              "nothing can be downloaded: there is no libcurl here");
    if (error)
        error->retriable = false;
    return WICK_E_UNAVAILABLE;
}
