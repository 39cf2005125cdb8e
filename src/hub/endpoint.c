/* SPDX-License-Identifier: Apache-2.0
 * endpoint.c: HF_ENDPOINT, HF_TOKEN and the token's file, HF_HUB_OFFLINE. In: the environment. Out: checked text: what passes can stand in a URL or a header. */
#include "hub/endpoint.h"
#include "base/error.h"
#include "base/mapped.h"
#include "base/path.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define DEFAULT_URL "https://huggingface.co"
#define MAX_TOKEN_BYTES 4096
#define MAX_URL_BYTES 512

static const char *value_of(const char *variable)
{
    const char *value = getenv(variable);
    return value && value[0] ? value : NULL;
}

static bool is_on(const char *variable)
{
    static const char *const words[] = {"1", "ON", "YES", "TRUE"};
    const char *value = value_of(variable);
    for (size_t i = 0; value && i < sizeof words / sizeof *words; i++)
        if (strcasecmp(value, words[i]) == 0)
            return true;
    return false;
}

/* http(s)://host[:port][/path], printable ASCII, no user, query or fragment. */
static bool is_url(const char *url)
{
    const char *rest = strncasecmp(url, "https://", 8) == 0  ? url + 8
                       : strncasecmp(url, "http://", 7) == 0 ? url + 7
                                                             : "";
    if (rest[0] == '\0' || rest[0] == '/' || rest[0] == ':' || strlen(url) > MAX_URL_BYTES)
        return false;
    for (const char *c = url; *c; c++)
        if (*c <= 0x20 || *c >= 0x7F || strchr("@?#\\\"<>{}|^`%", *c))
            return false;
    return true;
}

static int read_url(wick_hub_endpoint *out, wick_error *error)
{
    const char *url = value_of("HF_ENDPOINT");
    out->url = strdup(url ? url : DEFAULT_URL);
    if (!out->url)
        return wick_fail_memory(error, "HF_ENDPOINT");
    size_t n = strlen(out->url);
    while (n > 0 && out->url[n - 1] == '/')
        out->url[--n] = '\0';
    return is_url(out->url) ? WICK_OK
                            : wick_fail(error, WICK_E_INVALID_INPUT, "HF_ENDPOINT",
                                        "set it to http(s)://host, or unset it", "not the URL of a hub");
}

/* Takes the token from text, blanks around it left out. */
static int take_token(wick_hub_endpoint *out, const char *text, const char *where, wick_error *error)
{
    text += strspn(text, " \t\r\n");
    size_t n = strlen(text);
    while (n > 0 && strchr(" \t\r\n", text[n - 1]))
        n--;
    if (n == 0)
        return WICK_OK;
    for (size_t i = 0; i < n; i++)
        if (text[i] <= 0x20 || text[i] >= 0x7F || n > MAX_TOKEN_BYTES)
            return wick_fail(error, WICK_E_INVALID_INPUT, where, "set it to the token alone, or unset it",
                             "the token is malformed");
    out->token = strndup(text, n);
    return out->token ? WICK_OK : wick_fail_memory(error, where);
}

/* HF_TOKEN_PATH, $HF_HOME/token, $XDG_CACHE_HOME/huggingface/token, ~/.cache/huggingface/token. */
static char *token_path(void)
{
    static const struct {
        const char *variable, *tail;
    } places[] = {{"HF_TOKEN_PATH", NULL},
                  {"HF_HOME", "token"},
                  {"XDG_CACHE_HOME", "huggingface/token"},
                  {"HOME", ".cache/huggingface/token"}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *value = value_of(places[i].variable);
        if (!value)
            continue;
        char *folder = wick_path_expand(value);
        char *path = folder && places[i].tail ? wick_path_join(folder, places[i].tail) : folder;
        if (path != folder)
            free(folder);
        return path;
    }
    return NULL;
}

static int read_token(wick_hub_endpoint *out, wick_error *error)
{
    static const char *const variables[] = {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"};
    for (size_t i = 0; i < 2; i++)
        if (value_of(variables[i]))
            return take_token(out, value_of(variables[i]), variables[i], error);
    char *path = token_path(), *text = NULL;
    struct stat status;
    size_t n = 0;
    int rc = WICK_OK;
    if (path && stat(path, &status) == 0 && S_ISREG(status.st_mode) &&
        wick_file_read(path, MAX_TOKEN_BYTES, &text, &n, NULL) == WICK_OK) {
        rc = take_token(out, text, path, error);
        memset(text, 0, n);
    }
    free(text);
    free(path);
    return rc;
}

int wick_hub_endpoint_read(wick_hub_endpoint *out, wick_error *error)
{
    *out = (wick_hub_endpoint){.offline = is_on("HF_HUB_OFFLINE") || is_on("TRANSFORMERS_OFFLINE")};
    int rc = read_url(out, error);
    if (rc == WICK_OK)
        rc = read_token(out, error);
    if (rc != WICK_OK)
        wick_hub_endpoint_clear(out);
    return rc;
}

void wick_hub_endpoint_clear(wick_hub_endpoint *endpoint)
{
    if (endpoint->token) {
        volatile char *c = endpoint->token;
        while (*c)
            *c++ = '\0';
    }
    free(endpoint->token);
    free(endpoint->url);
    *endpoint = (wick_hub_endpoint){0};
}
