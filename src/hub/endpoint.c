/* SPDX-License-Identifier: Apache-2.0
 * endpoint.c: HF_ENDPOINT, HF_TOKEN and the token's file, HF_HUB_OFFLINE. In: the environment. Out: checked text: what passes can stand in a URL or a header. */
#include "hub/endpoint.h"
#include "base/error.h"
#include "base/mapped.h"
#include "base/path.h"
#include "hub/fetch_url.h"
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

/* http(s)://host[:port][/path], no user, query or fragment: paths are put behind it. */
static bool is_url(const char *url)
{
    wick_url parsed;
    return strlen(url) <= MAX_URL_BYTES && wick_url_parse(url, &parsed) && !strpbrk(parsed.rest, "?#");
}

static int read_url(wick_hub_endpoint *out, wick_error *error)
{
    const char *url = value_of("HF_ENDPOINT");
    if (url && out->offline && !is_url(url))
        url = NULL; /* nobody will be asked */
    out->url = strdup(url ? url : DEFAULT_URL);
    if (!out->url)
        return wick_fail_memory(error, "HF_ENDPOINT");
    size_t n = strlen(out->url);
    while (n > 0 && out->url[n - 1] == '/')
        out->url[--n] = '\0';
    return is_url(out->url) ? WICK_OK
                            : wick_fail(error, WICK_E_INVALID_INPUT, "HF_ENDPOINT",
                                        "set it to http(s)://host[:port][/path], or unset it", "not the URL of a hub");
}

static void wipe(char *text, size_t n)
{
    for (volatile char *c = text; n > 0; n--)
        *c++ = '\0';
}

/* Takes the token from text, blanks and line breaks around it left out; nothing where there is nothing else. */
static int take_token(wick_hub_endpoint *out, const char *text, const char *where, wick_error *error)
{
    text += strspn(text, " \t\r\n");
    size_t n = strlen(text);
    while (n > 0 && strchr(" \t\r\n", text[n - 1]))
        n--;
    bool well = n <= MAX_TOKEN_BYTES;
    for (size_t i = 0; i < n && well; i++)
        well = text[i] > 0x20 && text[i] < 0x7F;
    if (!well) /* it would go into a header: the text itself is not shown */
        return wick_fail(error, WICK_E_INVALID_INPUT, where, "set it to the token alone, or unset it",
                         "the token is malformed");
    if (n == 0)
        return WICK_OK;
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

static int read_token_file(wick_hub_endpoint *out, wick_error *error)
{
    char *path = token_path(), *text = NULL;
    struct stat status;
    size_t n = 0;
    int rc = WICK_OK;
    if (path && stat(path, &status) == 0 && S_ISREG(status.st_mode) &&
        wick_file_read(path, 2 * MAX_TOKEN_BYTES, &text, &n, NULL) == WICK_OK) {
        rc = strlen(text) == n ? take_token(out, text, path, error)
                               : wick_fail(error, WICK_E_INVALID_INPUT, path, "log in again, or remove the file",
                                           "the token is malformed");
        wipe(text, n);
    }
    free(text);
    free(path);
    return rc;
}

static int read_token(wick_hub_endpoint *out, wick_error *error)
{
    static const char *const variables[] = {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"};
    if (is_on("HF_HUB_DISABLE_IMPLICIT_TOKEN"))
        return WICK_OK;
    for (size_t i = 0; i < sizeof variables / sizeof *variables && !out->token; i++) {
        const char *value = value_of(variables[i]);
        const int rc = value ? take_token(out, value, variables[i], error) : WICK_OK;
        if (rc != WICK_OK)
            return rc;
    }
    return out->token ? WICK_OK : read_token_file(out, error);
}

int wick_hub_endpoint_read(wick_hub_endpoint *out, wick_error *error)
{
    *out =
        (wick_hub_endpoint){.offline = is_on(value_of("HF_HUB_OFFLINE") ? "HF_HUB_OFFLINE" : "TRANSFORMERS_OFFLINE")};
    int rc = read_url(out, error);
    if (rc == WICK_OK && !out->offline) /* nobody will get it */
        rc = read_token(out, error);
    if (rc != WICK_OK)
        wick_hub_endpoint_clear(out);
    return rc;
}

void wick_hub_endpoint_clear(wick_hub_endpoint *endpoint)
{
    if (endpoint->token)
        wipe(endpoint->token, strlen(endpoint->token));
    free(endpoint->token);
    free(endpoint->url);
    *endpoint = (wick_hub_endpoint){0};
}
