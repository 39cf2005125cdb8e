/* SPDX-License-Identifier: Apache-2.0
 * test_server_models.c: names, loading once, the limit, unloading under traffic. With the mock provider, and the engine on the small model of the fixtures. */
#include "server/models.h"
#include "support_lane.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define TINY WICK_FIXTURES "/tiny-bert"

static wick_models *models_new(const char *provider, size_t max_models)
{
    wick_models_options options = {.lane = support_lane_options(), .max_models = max_models};
    wick_provider_options_init(&options.provider);
    char name[16]; /* copied: the options' strings need not stay */
    snprintf(name, sizeof name, "%s", provider);
    options.provider.provider = name;
    wick_models *models = NULL;
    wick_error error = {0};
    if (wick_models_new(&options, &models, &error) != WICK_OK)
        fail_msg("%s", error.message);
    memset(name, 'x', sizeof name);
    return models;
}

static void load(wick_models *models, const char *model, const char *const *names, size_t n_names)
{
    wick_error error = {0};
    if (wick_models_load(models, model, names, n_names, &error) != WICK_OK)
        fail_msg("%s: %s", model, error.message);
}

static void load_fails(wick_models *models, const char *model, const char *name, int code, const char *message)
{
    wick_error error = {0};
    assert_int_equal(wick_models_load(models, model, &name, name != NULL, &error), code);
    assert_int_equal(error.code, code);
    if (!strstr(error.message, message))
        fail_msg("\"%s\" is not in \"%s\"", message, error.message);
}

/* The first name of the model that name leads to; static. */
static const char *first_name(wick_models *models, const char *name)
{
    static char first[300];
    wick_served *served;
    wick_error error = {0};
    if (wick_models_borrow(models, name, &served, &error) != WICK_OK)
        return error.code == WICK_E_MODEL_NOT_FOUND ? "(not found)" : "(another error)";
    snprintf(first, sizeof first, "%s", served->name);
    wick_models_return(models, served);
    return first;
}

static void not_found(wick_models *models, const char *name, const char *message, const char *mend)
{
    wick_served *served = (wick_served *)1;
    wick_error error = {0};
    assert_int_equal(wick_models_borrow(models, name, &served, &error), WICK_E_MODEL_NOT_FOUND);
    assert_null(served);
    assert_string_equal(error.message, message);
    assert_string_equal(error.mend, mend);
}

static void models_are_found_by_their_names(void **state)
{
    static const char *const extra[] = {"text-embedding-3-small", "second", "second", "", "org/one"};
    wick_models *models = models_new("mock", 8);
    not_found(models, NULL, "no model is loaded", "no model is loaded");
    load(models, "org/one@main", NULL, 0);
    assert_string_equal(first_name(models, NULL), "org/one");
    assert_string_equal(first_name(models, ""), "org/one");
    assert_string_equal(first_name(models, "org/one"), "org/one");
    wick_models_unload(models, "org/one", NULL);
    load(models, "org/one", extra, 5);
    assert_string_equal(first_name(models, NULL), "text-embedding-3-small");
    assert_string_equal(first_name(models, "second"), "text-embedding-3-small");
    assert_string_equal(first_name(models, "org/one"), "text-embedding-3-small");
    wick_served *served;
    assert_int_equal(wick_models_borrow(models, NULL, &served, NULL), WICK_OK);
    assert_int_equal(served->n_names, 3);
    assert_string_equal(served->provider_name, "mock");
    assert_int_equal(served->info.dimension, 384);
    assert_null(served->tokenizer);
    assert_true(served->loaded_at > 1.7e9);
    wick_models_return(models, served);
    load(models, TINY "/", NULL, 0);
    assert_string_equal(first_name(models, "tiny-bert"), "tiny-bert");
    not_found(models, NULL, "several models are served, name one",
              "served: text-embedding-3-small, second, org/one, tiny-bert");
    not_found(models, "x/y", "model not found: x/y", "served: text-embedding-3-small, second, org/one, tiny-bert");
    wick_served *all[3];
    assert_int_equal(wick_models_borrow_all(models, all, 3), 2);
    assert_string_equal(all[0]->name, "text-embedding-3-small");
    wick_models_return(models, all[0]);
    wick_models_return(models, all[1]);
    wick_models_return(models, NULL);
    assert_int_equal(wick_models_borrow_all(models, all, 1), 1);
    wick_models_return(models, all[0]);
    assert_int_equal(wick_models_get_options(models)->max_models, 8);
    wick_models_free(models, true);
    wick_models_free(NULL, true);
}

static void what_cannot_be_loaded_says_why(void **state)
{
    wick_models *models = models_new("mock", 2);
    load(models, "org/one", NULL, 0);
    load(models, "org/one", NULL, 0); /* is there */
    load(models, "org/one@main", NULL, 0);
    load_fails(models, "org/one@v2", NULL, WICK_E_INVALID_INPUT, "taken by another model: org/one");
    load(models, "org/two", (const char *const[]){"nick"}, 1);
    load_fails(models, "org/three", NULL, WICK_E_UNAVAILABLE, "2 models are loaded");
    load_fails(models, "org/three", "nick", WICK_E_INVALID_INPUT, "taken by another model: nick");
    load_fails(models, "", NULL, WICK_E_INVALID_INPUT, "no model is named");
    load_fails(models, NULL, NULL, WICK_E_INVALID_INPUT, "no model is named");
    load(models, "nick", NULL, 0); /* a name of one that is served is that one */
    wick_error error = {0};
    assert_int_equal(wick_models_unload(models, "org/three", &error), WICK_E_MODEL_NOT_FOUND);
    assert_int_equal(wick_models_unload(models, NULL, &error), WICK_E_MODEL_NOT_FOUND);
    assert_int_equal(wick_models_unload(models, "nick", &error), WICK_OK);
    assert_string_equal(first_name(models, "org/two"), "(not found)");
    load(models, "org/three", NULL, 0);
    assert_string_equal(first_name(models, "org/three"), "org/three");
    wick_models_free(models, true);
}

/* Long names do not spoil the list in the error. */
static void the_list_of_names_is_cut(void **state)
{
    wick_models *models = models_new("mock", 20);
    char names[20][100];
    for (size_t i = 0; i < 20; i++) {
        snprintf(names[i], sizeof names[i], "organisation/a-model-with-a-rather-long-name-%zu", i);
        load(models, names[i], NULL, 0);
    }
    wick_error error = {0};
    wick_served *served;
    assert_int_equal(wick_models_borrow(models, "no", &served, &error), WICK_E_MODEL_NOT_FOUND);
    assert_non_null(strstr(error.mend, "name-0, organisation"));
    assert_true(strlen(error.mend) < sizeof error.mend);
    wick_models_free(models, true);
}

typedef struct loader {
    wick_models *models;
    const char *model;
    int rc;
    wick_error error;
} loader;

static void *load_it(void *arg)
{
    loader *self = arg;
    self->rc = wick_models_load(self->models, self->model, NULL, 0, &self->error);
    return NULL;
}

#if WICK_WITH_CANDLE
static atomic_int n_opened;

static void count_opened(void *user, wick_log_level level, const char *message)
{
    atomic_fetch_add(&n_opened, strncmp(message, "opened ", 7) == 0);
}

static void loads_at_once_open_once(void **state)
{
    enum { N = 8 };
    wick_models *models = models_new("candle", 4);
    wick_log_set(count_opened, NULL);
    wick_log_set_level(WICK_LOG_DEBUG);
    n_opened = 0;
    pthread_t threads[N];
    loader loaders[N];
    for (size_t i = 0; i < N; i++) {
        loaders[i] = (loader){.models = models, .model = i % 2 ? TINY : TINY "/."};
        assert_int_equal(pthread_create(&threads[i], NULL, load_it, &loaders[i]), 0);
    }
    for (size_t i = 0; i < N; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(loaders[i].rc, WICK_OK);
    }
    assert_int_equal(n_opened, 1);
    wick_served *served;
    assert_int_equal(wick_models_borrow(models, "tiny-bert", &served, NULL), WICK_OK);
    assert_non_null(served->tokenizer);
    assert_ptr_equal(served->tokenizer, wick_provider_tokenizer(served->provider));
    assert_int_equal(wick_tokenizer_vocab_size(served->tokenizer), 257);
    assert_string_equal(served->provider_name, "candle");
    wick_models_return(models, served);
    wick_models_free(models, true);
    wick_log_set(NULL, NULL);
    wick_log_set_level(WICK_LOG_OFF);
}

static void failures_reach_all_who_wait(void **state)
{
    enum { N = 8 };
    wick_models *models = models_new("candle", 4);
    pthread_t threads[N];
    loader loaders[N];
    for (size_t i = 0; i < N; i++) {
        loaders[i] = (loader){.models = models, .model = "nonexistent/model"};
        assert_int_equal(pthread_create(&threads[i], NULL, load_it, &loaders[i]), 0);
    }
    for (size_t i = 0; i < N; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(loaders[i].rc, WICK_E_MODEL_NOT_FOUND);
        assert_string_equal(loaders[i].error.message, "model not found: nonexistent/model");
    }
    not_found(models, "nonexistent/model", "model not found: nonexistent/model", "no model is loaded");
    wick_models_free(models, true);
}

#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define MEMORY_SHOWS 1 /* sanitizers keep freed memory */
static size_t resident_pages(void)
{
    size_t total, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%zu %zu", &total, &resident), 2);
    fclose(file);
    return resident;
}

static void unloading_gives_the_memory_back(void **state)
{
    if (getenv("WICK_TEST_SLOW")) {
        print_message("WICK_TEST_SLOW: the memory is the emulator's\n");
        skip();
    }
    wick_models *models = models_new("candle", 1);
    size_t before = 0;
    for (int i = 0; i < 30; i++) {
        load(models, TINY, NULL, 0);
        assert_int_equal(wick_models_unload(models, "tiny-bert", NULL), WICK_OK);
        if (i == 4)
            before = resident_pages();
    }
    assert_true(resident_pages() <= before + 256); /* a model is some 200 pages: 25 of them would show */
    wick_models_free(models, true);
}
#endif
#endif

typedef struct unloader {
    wick_models *models;
    const char *name;
    atomic_bool is_done;
} unloader;

static void *unload_it(void *arg)
{
    unloader *self = arg;
    assert_int_equal(wick_models_unload(self->models, self->name, NULL), WICK_OK);
    self->is_done = true;
    return NULL;
}

static void unloading_waits_for_requests(void **state)
{
    wick_models *models = models_new("mock", 4);
    load(models, "org/one", NULL, 0);
    load(models, "org/two", NULL, 0);
    wick_served *served, *again;
    assert_int_equal(wick_models_borrow(models, "org/one", &served, NULL), WICK_OK);
    unloader self = {models, "org/one", false};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, unload_it, &self), 0);
    while (strcmp(first_name(models, "org/one"), "(not found)") != 0)
        support_sleep_ms(1); /* out of service at once, */
    assert_string_equal(first_name(models, NULL), "org/two");
    support_job *job = support_job_new("text", 3, 4, 1);
    job->dimension = 384;
    support_job_submit(served->lane, job); /* but whoever has it goes on */
    support_job_wait(job);
    support_job_check(job, served->provider);
    support_sleep_ms(20);
    assert_false(self.is_done);
    pthread_t second; /* loading it again waits for its end */
    loader reload = {.models = models, .model = "org/one"};
    assert_int_equal(pthread_create(&second, NULL, load_it, &reload), 0);
    support_sleep_ms(5);
    assert_int_equal(wick_models_borrow(models, "org/one", &again, NULL), WICK_E_MODEL_NOT_FOUND);
    wick_models_return(models, served);
    pthread_join(thread, NULL);
    pthread_join(second, NULL);
    assert_true(self.is_done);
    assert_int_equal(reload.rc, WICK_OK);
    assert_string_equal(first_name(models, "org/one"), "org/one");
    support_job_free(job);
    wick_models_free(models, true);
}

typedef struct traffic {
    wick_models *models;
    atomic_bool *stop;
    atomic_size_t n_served, n_missed;
} traffic;

static void *make_traffic(void *arg)
{
    traffic *self = arg;
    for (size_t i = 0; !*self->stop; i++) {
        wick_served *served;
        wick_error error = {0};
        if (wick_models_borrow(self->models, i % 3 ? "org/one" : "org/two", &served, &error) != WICK_OK) {
            assert_int_equal(error.code, WICK_E_MODEL_NOT_FOUND);
            self->n_missed++;
            sched_yield();
            continue;
        }
        support_job *job = support_job_new("text", 1 + i % 5, 4, i % 4);
        job->dimension = served->info.dimension;
        support_job_submit(served->lane, job);
        support_job_wait(job);
        support_job_check(job, served->provider);
        support_job_free(job);
        wick_models_return(self->models, served);
        self->n_served++;
    }
    return NULL;
}

enum { N_USERS = 4 };

static size_t sum_traffic(const traffic *users, bool of_missed)
{
    size_t n = 0;
    for (size_t i = 0; i < N_USERS; i++)
        n += of_missed ? users[i].n_missed : users[i].n_served;
    return n;
}

/* Until so many more requests were served, or found no model. */
static void wait_for_traffic(const traffic *users, bool of_missed, size_t n_more)
{
    const size_t before = sum_traffic(users, of_missed);
    while (sum_traffic(users, of_missed) < before + n_more)
        sched_yield();
}

static void models_come_and_go_under_traffic(void **state)
{
    enum { N = N_USERS };
    wick_models *models = models_new("mock", 4);
    atomic_bool stop = false;
    pthread_t threads[N];
    static traffic users[N];
    load(models, "org/two", NULL, 0);
    for (size_t i = 0; i < N; i++) {
        users[i].models = models;
        users[i].stop = &stop;
        assert_int_equal(pthread_create(&threads[i], NULL, make_traffic, &users[i]), 0);
    }
    for (size_t i = 0; i < 60; i++) {
        load(models, "org/one", NULL, 0);
        wait_for_traffic(users, false, 8);
        assert_int_equal(wick_models_unload(models, "org/one", NULL), WICK_OK);
        wait_for_traffic(users, true, 2);
    }
    stop = true;
    for (size_t i = 0; i < N; i++)
        pthread_join(threads[i], NULL);
    assert_true(sum_traffic(users, false) >= 60 * 8 && sum_traffic(users, true) >= 60 * 2);
    wick_models_free(models, true);
}

/* The job's callback returns the model, as the server's does. */
typedef struct request {
    wick_models *models;
    wick_served *served;
    support_job *job;
    void (*done)(wick_job *job);
} request;

static void done_and_return(wick_job *job)
{
    request *self = job->user;
    job->user = self->job;
    self->done(job);
    wick_models_return(self->models, self->served);
}

static void free_ends_what_is_queued(void **state)
{
    enum { N = 200 };
    static request requests[N];
    for (int drain = 0; drain < 2; drain++) {
        wick_models *models = models_new("mock", 4);
        load(models, "org/one", NULL, 0);
        for (size_t i = 0; i < N; i++) {
            request *self = &requests[i];
            self->models = models;
            self->job = support_job_new("text", 100, 4, i);
            self->job->dimension = 384;
            self->done = self->job->job.done;
            self->job->job.done = done_and_return;
            self->job->job.user = self;
            assert_int_equal(wick_models_borrow(models, NULL, &self->served, NULL), WICK_OK);
            support_job_submit(self->served->lane, self->job);
        }
        wick_models_free(models, drain);
        for (size_t i = 0; i < N; i++) {
            assert_true(support_job_is_done(requests[i].job));
            const int code = requests[i].job->job.code;
            assert_true(code == WICK_OK || (!drain && code == WICK_E_UNAVAILABLE));
            support_job_free(requests[i].job);
        }
    }
}

int main(void)
{
    setenv("WICK_PREPARED_DIR", "off", 1);
    wick_log_set_level(WICK_LOG_OFF);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_are_found_by_their_names),
        cmocka_unit_test(what_cannot_be_loaded_says_why),
        cmocka_unit_test(the_list_of_names_is_cut),
#if WICK_WITH_CANDLE
        cmocka_unit_test(loads_at_once_open_once),
        cmocka_unit_test(failures_reach_all_who_wait),
#ifdef MEMORY_SHOWS
        cmocka_unit_test(unloading_gives_the_memory_back),
#endif
#endif
        cmocka_unit_test(unloading_waits_for_requests),
        cmocka_unit_test(models_come_and_go_under_traffic),
        cmocka_unit_test(free_ends_what_is_queued),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
