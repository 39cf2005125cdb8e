/* SPDX-License-Identifier: Apache-2.0
 * test_server_metrics.c: the text of /metrics, read as Prometheus would: families, labels, histograms; and that counting from many threads loses nothing. */
#include "server/metrics.h"
#include "support_lane.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* One sample: name{labels} value. */
typedef struct sample {
    char series[600];
    char name[100];
    double value;
} sample;

typedef struct page {
    sample samples[3000];
    size_t n;
    wick_buffer text;
} page;

static page shown;

static bool is_name(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!((text[i] >= 'a' && text[i] <= 'z') || text[i] == '_'))
            return false;
    return n > 0;
}

/* The end of {key="value",...}; fails the test where that is malformed. */
static const char *skip_labels(const char *at)
{
    do {
        at++;
        const size_t n = strcspn(at, "=");
        assert_true(is_name(at, n));
        at += n + 1;
        assert_int_equal(*at++, '"');
        for (; *at != '"'; at++) {
            assert_true(*at != '\0' && *at != '\n');
            if (*at == '\\')
                assert_non_null(strchr("\\\"n", *++at));
        }
        at++;
    } while (*at == ',');
    assert_int_equal(*at, '}');
    return at + 1;
}

static void read_sample(const char *line, const char *family, const char *type)
{
    sample *one = &shown.samples[shown.n];
    const size_t n_name = strcspn(line, "{ ");
    assert_true(is_name(line, n_name) && shown.n < sizeof shown.samples / sizeof shown.samples[0]);
    const char *end = line[n_name] == '{' ? skip_labels(line + n_name) : line + n_name;
    snprintf(one->series, sizeof one->series, "%.*s", (int)(end - line), line);
    snprintf(one->name, sizeof one->name, "%.*s", (int)n_name, line);
    assert_int_equal(*end, ' ');
    char *rest;
    one->value = strtod(end + 1, &rest);
    assert_true(rest > end + 1 && *rest == '\0');
    /* Under its family's head. */
    const size_t n_family = strlen(family);
    assert_memory_equal(one->name, family, n_family);
    const char *suffix = one->name + n_family;
    if (strcmp(type, "histogram") == 0)
        assert_true(strcmp(suffix, "_bucket") == 0 || strcmp(suffix, "_sum") == 0 || strcmp(suffix, "_count") == 0);
    else
        assert_string_equal(suffix, "");
    for (size_t i = 0; i < shown.n; i++)
        assert_string_not_equal(shown.samples[i].series, one->series);
    shown.n++;
}

static void read_page(const wick_metrics *metrics, wick_models *models, size_t n_connections)
{
    free(shown.text.bytes);
    memset(&shown, 0, sizeof shown);
    wick_metrics_write(metrics, models, n_connections, &shown.text);
    assert_false(shown.text.failed);
    assert_int_equal(shown.text.bytes[shown.text.n_bytes - 1], '\n');
    wick_buffer_put(&shown.text, "", 1);
    char families[200][100], family[100] = "", type[20] = "", *save = NULL;
    size_t n_families = 0;
    char *copy = strdup(shown.text.bytes);
    for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        if (strncmp(line, "# HELP ", 7) == 0) {
            assert_int_equal(sscanf(line + 7, "%99s", family), 1);
            for (size_t i = 0; i < n_families; i++)
                assert_string_not_equal(families[i], family);
            memcpy(families[n_families++], family, sizeof family);
            assert_true(strlen(line) > 7 + strlen(family) + 5);
            char *next = strtok_r(NULL, "\n", &save), again[100];
            assert_int_equal(sscanf(next, "# TYPE %99s %19s", again, type), 2);
            assert_string_equal(again, family);
            assert_true(strcmp(type, "counter") == 0 || strcmp(type, "gauge") == 0 || strcmp(type, "histogram") == 0);
        } else {
            read_sample(line, family, type);
        }
    }
    free(copy);
}

static double value_of(const char *series)
{
    for (size_t i = 0; i < shown.n; i++)
        if (strcmp(shown.samples[i].series, series) == 0)
            return shown.samples[i].value;
    fail_msg("no %s in\n%s", series, shown.text.bytes);
    return 0;
}

static size_t count_of(const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < shown.n; i++)
        n += strcmp(shown.samples[i].name, name) == 0;
    return n;
}

/* Buckets only grow, and the last is the count. */
static void check_histogram(const char *name, const char *labels)
{
    char prefix[200], series[300];
    double before = 0;
    snprintf(prefix, sizeof prefix, "%s_bucket{%s%sle=", name, labels, labels[0] ? "," : "");
    for (size_t i = 0; i < shown.n; i++)
        if (strncmp(shown.samples[i].series, prefix, strlen(prefix)) == 0) {
            assert_true(shown.samples[i].value >= before);
            before = shown.samples[i].value;
        }
    snprintf(series, sizeof series, "%s\"+Inf\"}", prefix);
    assert_true(value_of(series) == before);
    snprintf(series, sizeof series, labels[0] ? "%s_count{%s}" : "%s_count", name, labels);
    assert_true(value_of(series) == before);
}

static void events_are_counted(void **state)
{
    wick_metrics *metrics = wick_metrics_new();
    wick_metrics_request(metrics, "/embed", 200, 0.003);
    wick_metrics_request(metrics, "/embed", 200, 0.0025); /* on a bound: within it */
    wick_metrics_request(metrics, "/embed", 429, 100);
    wick_metrics_request(metrics, "/health", 200, 0.00001);
    wick_metrics_request(metrics, "/health", 200, -1);
    wick_metrics_job(metrics, 0.5, 0.0002, 0.02);
    wick_metrics_batch(metrics, 3, 100);
    wick_metrics_batch(metrics, 4000, 100000);
    wick_metrics_texts(metrics, "org/one", 3, 100);
    wick_metrics_texts(metrics, "org/one", 2, 50);
    wick_metrics_texts(metrics, "a\\b\"c\nd", 1, 9);
    wick_metrics_error(metrics, "overloaded");
    wick_metrics_nonfinite(metrics);
    read_page(metrics, NULL, 17);
    assert_true(value_of("wick_requests_total{route=\"/embed\",status=\"200\"}") == 2);
    assert_true(value_of("wick_requests_total{route=\"/embed\",status=\"429\"}") == 1);
    assert_true(value_of("wick_requests_total{route=\"/health\",status=\"200\"}") == 2);
    assert_true(value_of("wick_request_duration_seconds_bucket{route=\"/embed\",le=\"0.001\"}") == 0);
    assert_true(value_of("wick_request_duration_seconds_bucket{route=\"/embed\",le=\"0.0025\"}") == 1);
    assert_true(value_of("wick_request_duration_seconds_bucket{route=\"/embed\",le=\"0.005\"}") == 2);
    assert_true(value_of("wick_request_duration_seconds_bucket{route=\"/embed\",le=\"10\"}") == 2);
    assert_true(value_of("wick_request_duration_seconds_count{route=\"/embed\"}") == 3);
    assert_true(value_of("wick_request_duration_seconds_sum{route=\"/embed\"}") > 100.0054);
    assert_true(value_of("wick_request_duration_seconds_sum{route=\"/embed\"}") < 100.0056);
    check_histogram("wick_request_duration_seconds", "route=\"/embed\"");
    check_histogram("wick_request_duration_seconds", "route=\"/health\"");
    check_histogram("wick_queue_duration_seconds", "");
    check_histogram("wick_tokenize_duration_seconds", "");
    check_histogram("wick_inference_duration_seconds", "");
    check_histogram("wick_batch_tokens", "");
    check_histogram("wick_batch_texts", "");
    assert_true(value_of("wick_batch_texts_sum") == 4003);
    assert_true(value_of("wick_batch_texts_bucket{le=\"4\"}") == 1);
    assert_true(value_of("wick_batch_tokens_bucket{le=\"16384\"}") == 1);
    assert_true(value_of("wick_batch_tokens_count") == 2);
    assert_true(value_of("wick_texts_total{model=\"org/one\"}") == 5);
    assert_true(value_of("wick_tokens_total{model=\"org/one\"}") == 150);
    assert_true(value_of("wick_tokens_total{model=\"a\\\\b\\\"c\\nd\"}") == 9);
    assert_true(value_of("wick_errors_total{code=\"overloaded\"}") == 1);
    assert_true(value_of("wick_nonfinite_total") == 1);
    assert_true(value_of("wick_connections") == 17);
    assert_true(value_of("wick_build_info{version=\"" WICK_VERSION "\"}") == 1);
    wick_metrics_free(metrics);
}

static void the_process_is_told(void **state)
{
    wick_metrics *metrics = wick_metrics_new();
    read_page(metrics, NULL, 0);
    const double resident = value_of("process_resident_memory_bytes"), n_fds = value_of("process_open_fds");
    const double cpu = value_of("process_cpu_seconds_total"), started = value_of("process_start_time_seconds");
    assert_true(resident > 500e3);
    assert_true(n_fds >= 3 && n_fds < 1000);
    assert_true(started <= (double)time(NULL) + 1 && started > (double)time(NULL) - 600);
    const int fd = dup(0);
    for (volatile unsigned i = 0; i < 100000000; i++) {
    }
    read_page(metrics, NULL, 0);
    assert_true(value_of("process_open_fds") == n_fds + 1);
    assert_true(value_of("process_cpu_seconds_total") > cpu);
    assert_true(value_of("process_start_time_seconds") == started);
    close(fd);
    wick_metrics_free(metrics);
}

/* Every name of the contract, with models served. */
static void all_families_are_there(void **state)
{
    static const char *const names[] = {"wick_requests_total",
                                        "wick_request_duration_seconds_bucket",
                                        "wick_queue_duration_seconds_sum",
                                        "wick_tokenize_duration_seconds_sum",
                                        "wick_inference_duration_seconds_sum",
                                        "wick_batch_tokens_sum",
                                        "wick_batch_texts_sum",
                                        "wick_queue_depth",
                                        "wick_queue_tokens",
                                        "wick_tokens_total",
                                        "wick_texts_total",
                                        "wick_errors_total",
                                        "wick_nonfinite_total",
                                        "wick_breaker_state",
                                        "wick_connections",
                                        "wick_build_info",
                                        "wick_model_info",
                                        "process_resident_memory_bytes",
                                        "process_open_fds",
                                        "process_cpu_seconds_total",
                                        "process_start_time_seconds"};
    wick_metrics *metrics = wick_metrics_new();
    wick_models_options options = {.lane = support_lane_options(), .max_models = 4};
    wick_provider_options_init(&options.provider);
    options.provider.provider = "mock";
    options.lane.metrics = metrics;
    wick_models *models = NULL;
    assert_int_equal(wick_models_new(&options, &models, NULL), WICK_OK);
    assert_int_equal(wick_models_load(models, "org/one", NULL, 0, NULL), WICK_OK);
    assert_int_equal(wick_models_load(models, "org/two", NULL, 0, NULL), WICK_OK);
    wick_served *served;
    assert_int_equal(wick_models_borrow(models, "org/two", &served, NULL), WICK_OK);
    support_job *job = support_job_new("text", 7, 3, 1);
    job->dimension = 384;
    support_job_submit(served->lane, job);
    support_job_wait(job);
    support_job_free(job);
    wick_models_return(models, served);
    wick_metrics_request(metrics, "/embed", 200, 0.1);
    wick_metrics_texts(metrics, "org/two", 7, 21);
    wick_metrics_error(metrics, "internal");
    read_page(metrics, models, 1);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (count_of(names[i]) == 0)
            fail_msg("no %s", names[i]);
    assert_int_equal(count_of("wick_breaker_state"), 1); /* one provider */
    assert_true(value_of("wick_breaker_state{provider=\"mock\"}") == 0);
    assert_true(value_of("wick_model_info{model=\"org/one\",dtype=\"\",device=\"\",provider=\"mock\"}") == 1);
    assert_int_equal(count_of("wick_model_info"), 2);
    assert_true(value_of("wick_batch_texts_sum") == 7);
    assert_true(value_of("wick_batch_tokens_sum") == 21);
    assert_true(value_of("wick_queue_depth") == 0);
    assert_true(value_of("wick_queue_tokens") == 0);
    wick_models_free(models, true);
    read_page(metrics, NULL, 0);
    wick_metrics_free(metrics);
}

/* What does not fit into a table is counted under "other", and nothing is lost. */
static void tables_overflow_into_other(void **state)
{
    wick_metrics *metrics = wick_metrics_new();
    char name[400];
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "name-%d", i);
        wick_metrics_request(metrics, name, 200 + i, 0.001);
        wick_metrics_request(metrics, "/fixed", 100 + i, 0.001);
        wick_metrics_texts(metrics, name, 1, 2);
        wick_metrics_error(metrics, name);
    }
    memset(name, 'x', sizeof name - 1); /* longer than a label is kept */
    name[sizeof name - 1] = '\0';
    read_page(metrics, NULL, 0);
    double n_requests = 0, n_texts = 0, n_errors = 0;
    for (size_t i = 0; i < shown.n; i++) {
        n_requests += strcmp(shown.samples[i].name, "wick_requests_total") == 0 ? shown.samples[i].value : 0;
        n_texts += strcmp(shown.samples[i].name, "wick_texts_total") == 0 ? shown.samples[i].value : 0;
        n_errors += strcmp(shown.samples[i].name, "wick_errors_total") == 0 ? shown.samples[i].value : 0;
    }
    assert_true(n_requests == 1000 && n_texts == 500 && n_errors == 500);
    assert_true(value_of("wick_texts_total{model=\"other\"}") > 400);
    assert_true(value_of("wick_request_duration_seconds_count{route=\"other\"}") > 400);
    wick_metrics_free(metrics);
    metrics = wick_metrics_new();
    wick_metrics_texts(metrics, name, 1, 2);
    wick_metrics_texts(metrics, name, 1, 2);
    read_page(metrics, NULL, 0);
    assert_int_equal(count_of("wick_texts_total"), 1);
    wick_metrics_free(metrics);
}

static void *count_much(void *arg)
{
    static const char *const routes[] = {"/a", "/b", "/c", "/d", "/e", "/f"};
    wick_metrics *metrics = arg;
    for (int i = 0; i < 20000; i++) {
        wick_metrics_request(metrics, routes[i % 6], 200 + i % 4, 0.001);
        wick_metrics_texts(metrics, routes[i % 3], 1, 10);
        wick_metrics_error(metrics, routes[i % 5]);
        wick_metrics_job(metrics, 0.001, 0.001, 0.001);
    }
    return NULL;
}

static void threads_lose_nothing(void **state)
{
    enum { N = 4 };
    wick_metrics *metrics = wick_metrics_new();
    pthread_t threads[N];
    for (int i = 0; i < N; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_much, metrics), 0);
    read_page(metrics, NULL, 0); /* whole at any time */
    for (int i = 0; i < N; i++)
        pthread_join(threads[i], NULL);
    read_page(metrics, NULL, 0);
    assert_true(value_of("wick_queue_duration_seconds_count") == N * 20000);
    assert_int_equal(count_of("wick_requests_total"), 12);
    assert_int_equal(count_of("wick_texts_total"), 3);
    assert_int_equal(count_of("wick_errors_total"), 5);
    double n_requests = 0, n_tokens = 0;
    for (size_t i = 0; i < shown.n; i++) {
        n_requests += strcmp(shown.samples[i].name, "wick_requests_total") == 0 ? shown.samples[i].value : 0;
        n_tokens += strcmp(shown.samples[i].name, "wick_tokens_total") == 0 ? shown.samples[i].value : 0;
    }
    assert_true(n_requests == N * 20000 && n_tokens == 10 * N * 20000);
    wick_metrics_free(metrics);
}

static void none_is_accepted(void **state)
{
    wick_metrics_request(NULL, "/a", 200, 1);
    wick_metrics_job(NULL, 1, 1, 1);
    wick_metrics_batch(NULL, 1, 1);
    wick_metrics_texts(NULL, "a", 1, 1);
    wick_metrics_error(NULL, "a");
    wick_metrics_nonfinite(NULL);
    wick_metrics_free(NULL);
    read_page(NULL, NULL, 3);
    assert_true(value_of("wick_connections") == 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_counted),     cmocka_unit_test(the_process_is_told),
        cmocka_unit_test(all_families_are_there), cmocka_unit_test(tables_overflow_into_other),
        cmocka_unit_test(threads_lose_nothing),   cmocka_unit_test(none_is_accepted),
    };
    const int rc = cmocka_run_group_tests(tests, NULL, NULL);
    free(shown.text.bytes);
    return rc;
}
