/* SPDX-License-Identifier: Apache-2.0
 * models.c: the register of models; see models.h. One mutex guards it; providers are opened and closed outside of it, so that requests for other models
 * never wait. An entry goes loading -> serving -> leaving; its names are taken from the first to the last moment. */
#include "server/models.h"
#include "base/error.h"
#include "base/log.h"
#include "base/places.h"
#include "base/pool.h"
#include "base/slices.h"
#include "base/utf8.h"
#include "hub/cache.h"
#include "provider/vectors.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#define MAX_NAMES 64 /* of one model */

enum phase { LOADING, SERVING, LEAVING, FAILED };

typedef struct entry {
    wick_served served; /* first: borrowers hold a pointer to it */
    enum phase phase;
    size_t n_borrowed;
    size_t n_waiting; /* for the end of its loading */
    char *model;      /* what it was loaded as */
    char *identity;   /* the same for all spellings of the same model */
    char **names;     /* [served.n_names] */
    wick_error failure;
    struct entry *next;
} entry;

struct wick_models {
    wick_models_options options;
    char *strings[5];    /* the options' own, for freeing */
    wick_places *places; /* lanes of one machine share its cores */
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* a phase, or n_borrowed came to 0 */
    bool is_closing;
    size_t n_entries;
    entry *entries, **end; /* in the order of their loading */
};

/* ---- names ---- */

static char *copy(const char *text)
{
    return text ? strdup(text) : NULL;
}

/* What a model is served under unless something else was said: the hub name without its revision, a folder's own name. malloc'ed. */
static char *default_name(const char *model)
{
    wick_hub_name name;
    if (!wick_hub_name_is_path(model))
        return strdup(wick_hub_name_parse(model, &name, NULL) == WICK_OK ? name.repo : model);
    char *folder = realpath(model, NULL); /* "." and "a/.." have no name of their own */
    if (!folder && !(folder = strdup(model)))
        return NULL;
    size_t n = strlen(folder), bad;
    while (n > 1 && folder[n - 1] == '/')
        folder[--n] = '\0';
    const char *slash = strrchr(folder, '/');
    char *base = strdup(slash && slash[1] ? slash + 1 : folder);
    free(folder);
    while (base && !wick_utf8_valid(base, strlen(base), &bad)) /* names go into JSON */
        base[bad] = '?';
    return base;
}

/* The whole path of a folder, a hub name with its revision. malloc'ed. */
static char *identity_of(const char *model)
{
    wick_hub_name name;
    char text[sizeof name + 1], *folder = NULL;
    if (wick_hub_name_is_path(model))
        folder = realpath(model, NULL);
    else if (wick_hub_name_parse(model, &name, NULL) == WICK_OK) {
        snprintf(text, sizeof text, "%s@%s", name.repo, name.revision);
        return strdup(text);
    }
    return folder ? folder : strdup(model);
}

static bool has_name(const entry *one, const char *name)
{
    for (size_t i = 0; i < one->served.n_names; i++)
        if (strcmp(one->names[i], name) == 0)
            return true;
    return false;
}

static void entry_free(entry *one)
{
    if (!one)
        return;
    for (size_t i = 0; one->names && i < one->served.n_names; i++)
        free(one->names[i]);
    free(one->names);
    free(one->model);
    free(one->identity);
    free(one);
}

/* An entry with its names: those that were given, then its own. */
static entry *entry_new(const char *model, const char *const *names, size_t n_names)
{
    entry *one = calloc(1, sizeof *one);
    if (!one)
        return NULL;
    one->model = strdup(model);
    one->identity = identity_of(model);
    one->names = calloc(n_names + 1, sizeof *one->names);
    char *own = default_name(model);
    if (!one->model || !one->identity || !one->names || !own)
        goto fail;
    for (size_t i = 0; i < n_names; i++) {
        if (!names[i] || !names[i][0] || has_name(one, names[i]))
            continue;
        if (!(one->names[one->served.n_names] = strdup(names[i])))
            goto fail;
        one->served.n_names++;
    }
    if (has_name(one, own))
        free(own);
    else
        one->names[one->served.n_names++] = own;
    one->served.names = (const char *const *)one->names;
    one->served.name = one->names[0];
    return one;
fail:
    free(own);
    entry_free(one);
    return NULL;
}

/* ---- the register; the mutex is held ---- */

static entry *find_name(const wick_models *models, const char *name)
{
    for (entry *one = models->entries; one; one = one->next)
        if (has_name(one, name))
            return one;
    return NULL;
}

/* The entry that loading model, under the names of wanted, meets: the same model, or one that has one of the names. */
static entry *find_conflict(const wick_models *models, const entry *wanted)
{
    for (entry *one = models->entries; one; one = one->next)
        if (strcmp(one->identity, wanted->identity) == 0)
            return one;
    for (size_t i = 0; i < wanted->served.n_names; i++) {
        entry *one = find_name(models, wanted->names[i]);
        if (one)
            return one;
    }
    return NULL;
}

static void append(wick_models *models, entry *one)
{
    *models->end = one;
    models->end = &one->next;
    models->n_entries++;
}

static void unlink_entry(wick_models *models, entry *one)
{
    entry **link = &models->entries;
    while (*link != one)
        link = &(*link)->next;
    *link = one->next;
    if (!*link)
        models->end = link;
    models->n_entries--;
}

/* "a, b and c", cut where it gets long. */
static void list_names(const wick_models *models, char *out, size_t capacity)
{
    size_t n = 0;
    out[0] = '\0';
    for (const entry *one = models->entries; one; one = one->next)
        for (size_t i = 0; one->phase == SERVING && i < one->served.n_names && n < capacity - 1; i++) {
            const int more = snprintf(out + n, capacity - n, "%s%s", n > 0 ? ", " : "", one->names[i]);
            n = more > 0 && (size_t)more < capacity - n ? n + (size_t)more : capacity - 1;
        }
}

static int not_served(const wick_models *models, const char *name, wick_error *error)
{
    char names[200], mend[256];
    list_names(models, names, sizeof names);
    if (names[0])
        snprintf(mend, sizeof mend, "served: %s", names);
    else
        snprintf(mend, sizeof mend, "no model is loaded");
    if (name && name[0])
        return wick_fail(error, WICK_E_MODEL_NOT_FOUND, "model", mend, "model not found: %.200s", name);
    return wick_fail(error, WICK_E_MODEL_NOT_FOUND, "model", mend,
                     names[0] ? "several models are served, name one" : "no model is loaded");
}

/* ---- loading ---- */

/* Opens provider and lane; the entry's own memory. */
static int open_served(const wick_models *models, entry *one, wick_error *error)
{
    wick_served *served = &one->served;
    wick_provider_options provider_options = models->options.provider;
    provider_options.model = one->model;
    wick_lane_options lane_options = models->options.lane;
    lane_options.places = models->places;
    int rc = wick_provider_open(&provider_options, &served->provider, error);
    if (rc != WICK_OK)
        return rc;
    served->info.size = sizeof served->info;
    rc = wick_provider_model_info(served->provider, &served->info, error);
    if (rc == WICK_OK)
        rc = wick_lane_open(served->provider, &lane_options, &served->lane, error);
    if (rc != WICK_OK) {
        wick_provider_close(served->provider);
        served->provider = NULL;
        return rc;
    }
    served->tokenizer = wick_provider_tokenizer(served->provider);
    served->provider_name = wick_provider_name(served->provider);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    served->loaded_at = (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
    return WICK_OK;
}

typedef struct opening {
    const wick_models *models;
    entry *one;
    wick_error *error;
    int rc;
} opening;

static void *open_behind(void *arg)
{
    opening *own = arg;
    wick_thread_step_back();
    own->rc = open_served(own->models, own->one, own->error);
    return NULL;
}

/* Opens it on a thread of its own, from which the engine's threads and the lane's, which compute without a break under load, inherit that they stand back for those that
 * read requests, refuse and reply. Waits. */
static int open_standing_back(const wick_models *models, entry *one, wick_error *error)
{
    opening own = {models, one, error, WICK_OK};
    pthread_t thread;
    if (pthread_create(&thread, NULL, open_behind, &own) != 0)
        return open_served(models, one, error);
    pthread_join(thread, NULL);
    return own.rc;
}

/* Waits, the mutex held, until one has been loaded by another thread; WICK_OK, or why not. */
static int wait_loaded(wick_models *models, entry *one, wick_error *error)
{
    one->n_waiting++;
    while (one->phase == LOADING)
        pthread_cond_wait(&models->changed, &models->mutex);
    one->n_waiting--;
    if (one->phase != FAILED)
        return WICK_OK;
    const int rc = one->failure.code;
    if (error)
        *error = one->failure;
    if (one->n_waiting == 0) /* the last who wants to know */
        entry_free(one);
    return rc;
}

/* The mutex is held. Finds out whether there is something to load: true, or *rc says how it ended. */
static bool claim(wick_models *models, entry *wanted, int *rc, wick_error *error)
{
    for (;;) {
        entry *there = find_conflict(models, wanted);
        *rc = WICK_OK;
        if (models->is_closing) {
            *rc = wick_fail(error, WICK_E_UNAVAILABLE, "model", NULL, "the server is stopping");
        } else if (!there && models->n_entries >= models->options.max_models) {
            *rc = wick_fail(error, WICK_E_UNAVAILABLE, "model", "unload one first, or allow more",
                            "%zu models are loaded, which is the limit", models->n_entries);
        } else if (!there) {
            append(models, wanted);
            return true;
        } else if (there->phase == LEAVING) {
            pthread_cond_wait(&models->changed, &models->mutex);
            continue;
        } else if (strcmp(there->identity, wanted->identity) != 0 && !has_name(there, wanted->model)) {
            *rc = wick_fail(error, WICK_E_INVALID_INPUT, "model", "give it another name, or unload the other first",
                            "the name is taken by another model: %.200s", there->served.name);
        } else if (there->phase == LOADING) {
            *rc = wait_loaded(models, there, error);
        }
        return false;
    }
}

int wick_models_load(wick_models *models, const char *model, const char *const *names, size_t n_names,
                     wick_error *error)
{
    if (!model || !model[0] || n_names > MAX_NAMES)
        return wick_fail(error, WICK_E_INVALID_INPUT, "model", NULL,
                         model && model[0] ? "too many names" : "no model is named");
    entry *one = entry_new(model, names, n_names);
    if (!one)
        return wick_fail_memory(error, "the model's names");
    int rc;
    pthread_mutex_lock(&models->mutex);
    const bool is_ours = claim(models, one, &rc, error);
    pthread_mutex_unlock(&models->mutex);
    if (!is_ours) {
        entry_free(one);
        return rc;
    }
    const double start = wick_now_ms();
    wick_error failure = {0};
    rc = open_standing_back(models, one, &failure);
    const bool is_open = rc == WICK_OK;
    if (is_open)
        wick_log(WICK_LOG_INFO, "serving %s, loaded in %.0f ms", one->served.name, wick_now_ms() - start);
    pthread_mutex_lock(&models->mutex);
    one->phase = is_open ? SERVING : FAILED;
    one->failure = failure;
    if (!is_open)
        unlink_entry(models, one);
    const bool is_last = !is_open && one->n_waiting == 0;
    pthread_cond_broadcast(&models->changed);
    pthread_mutex_unlock(&models->mutex);
    if (!is_open && error)
        *error = failure;
    if (is_last)
        entry_free(one);
    return rc;
}

/* ---- unloading ---- */

/* The mutex is held, and given up while this waits: for requests, then for the provider to close. The entry is LEAVING, and gone afterwards. */
static void retire(wick_models *models, entry *one, bool drain)
{
    if (!drain) { /* the jobs of the borrowers end now */
        pthread_mutex_unlock(&models->mutex);
        wick_lane_stop(one->served.lane, false);
        pthread_mutex_lock(&models->mutex);
    }
    while (one->n_borrowed > 0)
        pthread_cond_wait(&models->changed, &models->mutex);
    pthread_mutex_unlock(&models->mutex);
    wick_lane_close(one->served.lane, drain);
    wick_provider_close(one->served.provider);
#if defined(__GLIBC__)
    malloc_trim(0); /* what was freed goes back to the system, not to the heap's lists alone */
#endif
    wick_log(WICK_LOG_INFO, "unloaded %s", one->served.name);
    pthread_mutex_lock(&models->mutex);
    unlink_entry(models, one);
    pthread_cond_broadcast(&models->changed);
    entry_free(one);
}

int wick_models_unload(wick_models *models, const char *name, wick_error *error)
{
    int rc = WICK_OK;
    pthread_mutex_lock(&models->mutex);
    entry *one = name ? find_name(models, name) : NULL;
    while (one && one->phase == LOADING) { /* then it is there, or not */
        pthread_cond_wait(&models->changed, &models->mutex);
        one = find_name(models, name);
    }
    if (one && one->phase == SERVING) {
        one->phase = LEAVING;
        retire(models, one, true);
    } else {
        rc = not_served(models, name, error);
    }
    pthread_mutex_unlock(&models->mutex);
    return rc;
}

/* ---- borrowing ---- */

static entry *find_served(const wick_models *models, const char *name)
{
    entry *found = NULL;
    for (entry *one = models->entries; one; one = one->next) {
        if (one->phase != SERVING || (name && name[0] && !has_name(one, name)))
            continue;
        if (found)
            return NULL; /* only where no name was given: two are served */
        found = one;
    }
    return found;
}

int wick_models_borrow(wick_models *models, const char *name, wick_served **out, wick_error *error)
{
    int rc = WICK_OK;
    *out = NULL;
    pthread_mutex_lock(&models->mutex);
    entry *one = find_served(models, name);
    if (one) {
        one->n_borrowed++;
        *out = &one->served;
    } else {
        rc = not_served(models, name, error);
    }
    pthread_mutex_unlock(&models->mutex);
    return rc;
}

void wick_models_return(wick_models *models, wick_served *served)
{
    if (!served)
        return;
    entry *one = (entry *)served;
    pthread_mutex_lock(&models->mutex);
    one->n_borrowed--;
    if (one->n_borrowed == 0 && one->phase == LEAVING)
        pthread_cond_broadcast(&models->changed);
    pthread_mutex_unlock(&models->mutex);
}

size_t wick_models_borrow_all(wick_models *models, wick_served **out, size_t n)
{
    size_t n_out = 0;
    pthread_mutex_lock(&models->mutex);
    for (entry *one = models->entries; one && n_out < n; one = one->next) {
        if (one->phase != SERVING)
            continue;
        one->n_borrowed++;
        out[n_out++] = &one->served;
    }
    pthread_mutex_unlock(&models->mutex);
    return n_out;
}

const wick_models_options *wick_models_get_options(const wick_models *models)
{
    return &models->options;
}

/* ---- new and free ---- */

static void models_free(wick_models *models)
{
    for (size_t i = 0; i < sizeof models->strings / sizeof models->strings[0]; i++)
        free(models->strings[i]);
    wick_places_free(models->places);
    free(models);
}

static unsigned n_cores(const wick_models_options *options)
{
    const unsigned n = options->provider.model_options.n_threads;
    return n == 0 ? wick_usable_cpus() : n < WICK_MAX_THREADS ? n : WICK_MAX_THREADS;
}

int wick_models_new(const wick_models_options *options, wick_models **out, wick_error *error)
{
    *out = NULL;
    wick_models *models = calloc(1, sizeof *models);
    if (!models)
        return wick_fail_memory(error, "the register of models");
    models->options = *options;
    models->end = &models->entries;
    models->places = wick_places_new(n_cores(options));
    if (models->options.max_models == 0)
        models->options.max_models = 1;
    wick_provider_options *provider = &models->options.provider;
    const char **texts[] = {&provider->provider, &provider->fallback, &provider->model_options.device,
                            &provider->model_options.dtype, &provider->model_options.cache_dir};
    bool is_whole = models->places != NULL;
    provider->model = NULL;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        models->strings[i] = copy(*texts[i]);
        is_whole = is_whole && (models->strings[i] || !*texts[i]);
        *texts[i] = models->strings[i];
    }
    if (!is_whole) {
        models_free(models);
        return wick_fail_memory(error, "the register of models");
    }
    pthread_mutex_init(&models->mutex, NULL);
    pthread_cond_init(&models->changed, NULL);
    *out = models;
    return WICK_OK;
}

void wick_models_free(wick_models *models, bool drain)
{
    if (!models)
        return;
    pthread_mutex_lock(&models->mutex);
    models->is_closing = true;
    while (models->entries) {
        entry *one = models->entries;
        while (one && one->phase != SERVING)
            one = one->next;
        if (!one) { /* other threads are loading or unloading */
            pthread_cond_wait(&models->changed, &models->mutex);
            continue;
        }
        one->phase = LEAVING;
        retire(models, one, drain);
    }
    pthread_mutex_unlock(&models->mutex);
    pthread_cond_destroy(&models->changed);
    pthread_mutex_destroy(&models->mutex);
    models_free(models);
}
