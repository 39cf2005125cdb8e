/* SPDX-License-Identifier: Apache-2.0
 * curl_library.h: libcurl, opened with dlopen when the first client is: a start of the command must not load it and what it needs. The pointers have the types of
 * libcurl's own header, so that the compiler checks the calls. Used by fetch_request.c alone. */
#ifndef WICK_HUB_CURL_LIBRARY_H
#define WICK_HUB_CURL_LIBRARY_H
#include <curl/curl.h>
#include <wick.h>

typedef struct wick_curl_library {
    __typeof__(curl_global_init) *global_init;
    __typeof__(curl_easy_init) *easy_init;
    __typeof__(curl_easy_cleanup) *easy_cleanup;
    __typeof__(curl_easy_reset) *easy_reset;
    __typeof__(curl_easy_setopt) *easy_setopt;
    __typeof__(curl_easy_strerror) *easy_strerror;
    __typeof__(curl_multi_init) *multi_init;
    __typeof__(curl_multi_cleanup) *multi_cleanup;
    __typeof__(curl_multi_add_handle) *multi_add_handle;
    __typeof__(curl_multi_remove_handle) *multi_remove_handle;
    __typeof__(curl_multi_perform) *multi_perform;
    __typeof__(curl_multi_wait) *multi_wait;
    __typeof__(curl_multi_info_read) *multi_info_read;
    __typeof__(curl_slist_append) *slist_append;
    __typeof__(curl_slist_free_all) *slist_free_all;
} wick_curl_library;

/* Its functions, once wick_curl_open has succeeded. */
extern wick_curl_library wick_curl;
/* Opens the library at the first call, for good; thread-safe. WICK_E_UNAVAILABLE: there is none; *error says what to install. */
int wick_curl_open(wick_error *error);

#endif
