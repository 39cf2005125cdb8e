/* SPDX-License-Identifier: Apache-2.0
 * wick_bench.c: times libwick in process, without Python: latency of one text and of small batches, throughput over files of texts.
 * In: a model, files of one text a line, one or more variants (a shared library and an instruction tier each).
 * Out: a table on stdout. For work on kernels: the variants alternate within one run, so that their ratio means something on a noisy machine.
 * Each variant lives in a child process of its own (a tier is chosen once a process); only one child computes at a time. */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <wick.h>

#ifndef WICK_BENCH_LIB
#define WICK_BENCH_LIB "libwick.so"
#endif
#define MAX_VARIANTS 8
#define MAX_FILES 8
#define MAX_PHASES (4 + MAX_FILES)
#define MAX_SAMPLES 65536
#define MAX_ROUNDS 64
#define N_LATENCY 4
/* all-MiniLM-L6-v2: 10.6 M multiply-adds a token in the linear layers. Attention is not counted. */
#define MFLOP_PER_TOKEN 21.2

static const char single_text[] = "How do I install a package on Debian?";
/* Used where no file is named: package-like one-liners, written for this program. */
static const char *const built_in[] = {"command line tool to convert audio files",
                                       "small and fast web server",
                                       "library for reading maps",
                                       "puzzle game with marbles",
                                       "development files for the parser",
                                       "documentation for the mail client",
                                       "Python bindings for a geometry library",
                                       "daemon that watches the disk and warns before it is full"};

typedef struct text_set {
    const char *name;
    char **texts;
    size_t *bytes;
    size_t n_texts;
} text_set;

/* What a child leaves for the parent, in shared memory. */
typedef struct phase_result {
    size_t n_samples;
    double samples[MAX_SAMPLES];  /* seconds a call; of throughput phases seconds a pass */
    size_t round_end[MAX_ROUNDS]; /* n_samples after each round */
    size_t n_rounds;
    double tokens, texts;
} phase_result;

typedef struct variant {
    const char *label, *library, *tier;
    char used_tier[32];
    double open_seconds, first_seconds;
    phase_result phase[MAX_PHASES];
    unsigned n_threads;
} variant;

typedef struct settings {
    const char *model;
    unsigned n_threads;
    double seconds;
    size_t n_rounds, batch, max_texts;
    const char *only, *dtype;
    size_t n_variants, n_files;
    variant *variants; /* shared memory */
    text_set files[MAX_FILES];
    size_t n_phases;
} settings;

typedef struct api {
    int (*open)(const char *, const wick_model_options *, wick_model **, wick_error *);
    void (*close)(wick_model *);
    void (*options_init)(wick_model_options *, size_t);
    void (*embed_init)(wick_embed_options *, size_t);
    int (*info)(const wick_model *, wick_model_info *);
    int (*embed)(wick_model *, const char *const *, const size_t *, size_t, const wick_embed_options *, float *,
                 wick_usage *, wick_error *);
    wick_model *model;
    wick_embed_options options;
    float *out;
    size_t out_rows, dimension;
} api;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void die(const char *what, const char *where)
{
    fprintf(stderr, "wick_bench: %s: %s\n", what, where);
    exit(1);
}

static void *take(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size);
    if (!p)
        die("out of memory", "calloc");
    return p;
}

/* ---- texts ---------------------------------------------------------------------------------------------------------- */

static int by_length(const void *a, const void *b)
{
    size_t x = strlen(*(char *const *)a), y = strlen(*(char *const *)b);
    return x < y ? -1 : x > y;
}

static void finish_set(text_set *set)
{
    /* Texts of like length share a batch, as with the peers. */
    qsort(set->texts, set->n_texts, sizeof *set->texts, by_length);
    set->bytes = take(set->n_texts, sizeof *set->bytes);
    for (size_t i = 0; i < set->n_texts; i++)
        set->bytes[i] = strlen(set->texts[i]);
}

static void read_texts(const char *path, size_t max_texts, text_set *set)
{
    FILE *file = fopen(path, "r");
    if (!file)
        die(strerror(errno), path);
    const char *slash = strrchr(path, '/');
    set->name = slash ? slash + 1 : path;
    size_t room = 0, line_bytes = 0;
    char *line = NULL;
    ssize_t n;
    while ((n = getline(&line, &line_bytes, file)) >= 0 && (!max_texts || set->n_texts < max_texts)) {
        while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
            line[--n] = 0;
        if (set->n_texts == room) {
            room = room ? 2 * room : 256;
            set->texts = realloc(set->texts, room * sizeof *set->texts);
        }
        if (!set->texts || !(set->texts[set->n_texts++] = strdup(line)))
            die("out of memory", path);
    }
    free(line);
    fclose(file);
    if (!set->n_texts)
        die("no texts", path);
    finish_set(set);
}

/* ---- the child: one variant ------------------------------------------------------------------------------------------- */

static void bind(void *library, const char *name, void *function)
{
    void *symbol = dlsym(library, name);
    if (!symbol)
        die("no such function in the library", name);
    memcpy(function, &symbol, sizeof symbol);
}

static void fail_wick(const char *what, const wick_error *error)
{
    fprintf(stderr, "wick_bench: %s: %s (%s) %s\n", what, error->message, error->where, error->mend);
    _exit(1);
}

static double embed(api *a, char *const *texts, const size_t *bytes, size_t n, double *tokens)
{
    wick_error error = {0};
    wick_usage usage;
    if (n > a->out_rows) {
        free(a->out);
        a->out = take(n * a->dimension, sizeof *a->out);
        a->out_rows = n;
    }
    double start = now();
    if (a->embed(a->model, (const char *const *)texts, bytes, n, &a->options, a->out, &usage, &error))
        fail_wick("embed", &error);
    double seconds = now() - start;
    *tokens = (double)usage.total_tokens;
    return seconds;
}

static void open_variant(const settings *s, variant *v, api *a)
{
    if (v->tier)
        setenv("WICK_CPU", v->tier, 1);
    double start = now();
    void *library = dlopen(v->library, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        die("cannot load the library", dlerror());
    bind(library, "wick_model_open", &a->open);
    bind(library, "wick_model_close", &a->close);
    bind(library, "wick_model_options_init_sized", &a->options_init);
    bind(library, "wick_embed_options_init_sized", &a->embed_init);
    bind(library, "wick_model_get_info", &a->info);
    bind(library, "wick_embed", &a->embed);
    wick_error error = {0};
    wick_model_options options;
    a->options_init(&options, sizeof options);
    options.n_threads = s->n_threads;
    options.dtype = s->dtype;
    if (a->open(s->model, &options, &a->model, &error))
        fail_wick("cannot open the model", &error);
    a->embed_init(&a->options, sizeof a->options);
    a->options.normalize = true;
    v->open_seconds = now() - start;
    wick_model_info info = {.size = sizeof info};
    a->info(a->model, &info);
    a->dimension = info.dimension;
    v->n_threads = info.n_threads;
    snprintf(v->used_tier, sizeof v->used_tier, "%s", info.tier ? info.tier : "?");
    char *one = (char *)(uintptr_t)single_text;
    double tokens;
    embed(a, &one, NULL, 1, &tokens);
    v->first_seconds = now() - start;
}

static void note(phase_result *r, double seconds, double tokens, double texts)
{
    if (r->n_samples == MAX_SAMPLES)
        return;
    r->samples[r->n_samples++] = seconds;
    r->tokens += tokens;
    r->texts += texts;
}

/* One pass over a file, in batches. Returns its seconds. */
static double pass(const settings *s, api *a, const text_set *set, double *tokens)
{
    double seconds = 0;
    size_t batch = s->batch ? s->batch : set->n_texts;
    *tokens = 0;
    for (size_t i = 0; i < set->n_texts; i += batch) {
        size_t n = set->n_texts - i < batch ? set->n_texts - i : batch;
        double t;
        seconds += embed(a, set->texts + i, set->bytes + i, n, &t);
        *tokens += t;
    }
    return seconds;
}

static void run_phase(const settings *s, api *a, size_t phase, phase_result *r)
{
    static const size_t sizes[N_LATENCY] = {1, 8, 32, 1};
    char *texts[32];
    const text_set *set = &s->files[phase < N_LATENCY ? 0 : phase - N_LATENCY];
    double until = now() + s->seconds / (double)s->n_rounds, tokens, seconds;
    static char long_text[2048]; /* 300 words of one token each: cut at 256 tokens */
    for (size_t i = 0; i < 300; i++)
        memcpy(long_text + 6 * i, "water ", 6);
    for (size_t i = 0; i < 32; i++) /* spread over the file, so that lengths differ */
        texts[i] = set->texts[(i * set->n_texts) / 32 % set->n_texts];
    if (phase == 0)
        texts[0] = (char *)(uintptr_t)single_text;
    else if (phase == 1)
        for (size_t i = 0; i < 8; i++)
            texts[i] = texts[4 * i + 2];
    else if (phase == 3)
        texts[0] = long_text;
    do {
        if (phase < N_LATENCY)
            seconds = embed(a, texts, NULL, sizes[phase], &tokens);
        else
            seconds = pass(s, a, set, &tokens);
        note(r, seconds, tokens, phase < N_LATENCY ? (double)sizes[phase] : (double)set->n_texts);
    } while (now() < until);
}

/* Reads phase numbers from orders, runs each, answers with one byte. */
static void child(const settings *s, variant *v, int orders, int answers)
{
    static phase_result thrown_away;
    api a = {0};
    unsigned char phase = 0;
    open_variant(s, v, &a);
    if (write(answers, &phase, 1) != 1)
        _exit(1);
    while (read(orders, &phase, 1) == 1) {
        bool warm_up = phase & 0x80;
        phase &= 0x7F;
        phase_result *r = warm_up ? &thrown_away : &v->phase[phase];
        run_phase(s, &a, phase, r);
        r->round_end[r->n_rounds++ % MAX_ROUNDS] = r->n_samples;
        if (warm_up)
            memset(r, 0, sizeof *r);
        if (write(answers, &phase, 1) != 1)
            _exit(1);
    }
    a.close(a.model);
    _exit(0);
}

/* ---- the parent ------------------------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Percentile p of samples[first..last). */
static double percentile(const double *samples, size_t first, size_t last, double p)
{
    size_t n = last - first;
    if (!n)
        return 0;
    double *copy = take(n, sizeof *copy);
    memcpy(copy, samples + first, n * sizeof *copy);
    qsort(copy, n, sizeof *copy, by_value);
    size_t i = (size_t)(p * (double)(n - 1) + 0.5);
    double value = copy[i];
    free(copy);
    return value;
}

/* Median over the rounds of (median of base's round) / (median of r's round): over 1 means faster than base. */
static double speed_ratio(const phase_result *base, const phase_result *r)
{
    double ratios[MAX_ROUNDS];
    size_t n = base->n_rounds < r->n_rounds ? base->n_rounds : r->n_rounds, kept = 0;
    for (size_t i = 0; i < n; i++) {
        double a = percentile(base->samples, i ? base->round_end[i - 1] : 0, base->round_end[i], 0.5);
        double b = percentile(r->samples, i ? r->round_end[i - 1] : 0, r->round_end[i], 0.5);
        if (a > 0 && b > 0)
            ratios[kept++] = a / b;
    }
    return percentile(ratios, 0, kept, 0.5);
}

static const char *phase_name(const settings *s, size_t phase)
{
    static const char *const names[N_LATENCY] = {"single", "batch8", "batch32", "256tokens"};
    return phase < N_LATENCY ? names[phase] : s->files[phase - N_LATENCY].name;
}

static bool is_wanted(const settings *s, size_t phase)
{
    const char *name = phase_name(s, phase), *at = s->only;
    size_t n = strlen(name);
    while (at && (at = strstr(at, name))) {
        if ((at == s->only || at[-1] == ',') && (at[n] == ',' || !at[n]))
            return true;
        at += n;
    }
    return !s->only;
}

static void report(const settings *s)
{
    printf("%-16s %-22s %9s %9s %9s %10s %10s %8s %7s\n", "phase", "variant", "p50 ms", "p95 ms", "min ms", "texts/s",
           "tokens/s", "GFLOP/s", "speed");
    for (size_t p = 0; p < s->n_phases; p++) {
        if (!is_wanted(s, p))
            continue;
        for (size_t i = 0; i < s->n_variants; i++) {
            const phase_result *r = &s->variants[i].phase[p];
            double p50 = percentile(r->samples, 0, r->n_samples, 0.5);
            double texts = r->texts / (double)r->n_samples, tokens = r->tokens / (double)r->n_samples;
            printf("%-16s %-22s %9.3f %9.3f %9.3f %10.0f %10.0f %8.0f %6.3fx\n", phase_name(s, p), s->variants[i].label,
                   1e3 * p50, 1e3 * percentile(r->samples, 0, r->n_samples, 0.95),
                   1e3 * percentile(r->samples, 0, r->n_samples, 0), texts / p50, tokens / p50,
                   tokens / p50 * MFLOP_PER_TOKEN * 1e-3, speed_ratio(&s->variants[0].phase[p], r));
        }
    }
    for (size_t i = 0; i < s->n_variants; i++)
        printf("%s: tier %s, %u threads, model open %.1f ms, first vector %.1f ms\n", s->variants[i].label,
               s->variants[i].used_tier, s->variants[i].n_threads, 1e3 * s->variants[i].open_seconds,
               1e3 * s->variants[i].first_seconds);
}

static void run_all(settings *s)
{
    int orders[MAX_VARIANTS][2], answers[MAX_VARIANTS][2];
    unsigned char byte;
    for (size_t i = 0; i < s->n_variants; i++) {
        if (pipe(orders[i]) || pipe(answers[i]))
            die(strerror(errno), "pipe");
        fflush(NULL);
        pid_t pid = fork();
        if (pid < 0)
            die(strerror(errno), "fork");
        if (!pid) {
            for (size_t j = 0; j <= i; j++)
                close(orders[j][1]);
            child(s, &s->variants[i], orders[i][0], answers[i][1]);
        }
        close(orders[i][0]);
        close(answers[i][1]);
        if (read(answers[i][0], &byte, 1) != 1)
            die("the variant's process ended", s->variants[i].label);
    }
    for (size_t round = 0; round <= s->n_rounds; round++) { /* round 0 warms up */
        for (size_t p = 0; p < s->n_phases; p++) {
            for (size_t i = 0; is_wanted(s, p) && i < s->n_variants; i++) {
                size_t v = round & 1 ? s->n_variants - 1 - i : i; /* nobody always follows the same neighbour */
                byte = (unsigned char)(p | (round ? 0 : 0x80));
                if (write(orders[v][1], &byte, 1) != 1 || read(answers[v][0], &byte, 1) != 1)
                    die("the variant's process ended", s->variants[v].label);
            }
        }
    }
    for (size_t i = 0; i < s->n_variants; i++)
        close(orders[i][1]);
    while (wait(NULL) > 0)
        ;
}

static const char usage_text[] =
    "usage: wick_bench --model DIR|NAME [--texts FILE]... [--threads N] [--seconds S] [--rounds R] [--batch N]\n"
    "                  [--max-texts N] [--dtype D] [--only PHASE,...] [--variant [LIBRARY][@TIER]]...\n"
    "  --texts FILE    one text a line; each file is a throughput phase; the first also gives the texts of batch8 and "
    "batch32\n"
    "  --seconds S     time a phase and variant [3], spread over --rounds [5]\n"
    "  --batch N       texts a call in throughput phases, sorted by length [32]; 0: the whole file in one call\n"
    "  --dtype D       f32 (the default), bf16 or int8\n"
    "  --only LIST     phases to run: single, batch8, batch32, 256tokens, or a file's name\n"
    "  --variant V     a shared library (default: the one of this build) and a tier for WICK_CPU, for example @avx2;\n"
    "                  several alternate in one run; speed is against the first\n";

static void add_variant(settings *s, char *argument)
{
    if (s->n_variants == MAX_VARIANTS)
        die("too many variants", argument);
    variant *v = &s->variants[s->n_variants++];
    char *at = strrchr(argument, '@');
    v->label = strdup(*argument ? argument : "this build");
    if (!v->label)
        die("out of memory", argument);
    if (at) {
        *at = 0;
        v->tier = at + 1;
    }
    v->library = *argument ? argument : WICK_BENCH_LIB;
    if (strlen(v->label) > 22)
        v->label += strlen(v->label) - 22;
}

static void set_option(settings *s, const char *name, char *value)
{
    if (!strcmp(name, "--model"))
        s->model = value;
    else if (!strcmp(name, "--texts") && s->n_files < MAX_FILES)
        read_texts(value, s->max_texts, &s->files[s->n_files++]);
    else if (!strcmp(name, "--dtype"))
        s->dtype = value;
    else if (!strcmp(name, "--threads"))
        s->n_threads = (unsigned)strtoul(value, NULL, 10);
    else if (!strcmp(name, "--seconds"))
        s->seconds = strtod(value, NULL);
    else if (!strcmp(name, "--rounds"))
        s->n_rounds = strtoul(value, NULL, 10);
    else if (!strcmp(name, "--batch"))
        s->batch = strtoul(value, NULL, 10);
    else if (!strcmp(name, "--max-texts"))
        s->max_texts = strtoul(value, NULL, 10); /* of the files named behind it */
    else if (!strcmp(name, "--only"))
        s->only = value;
    else if (!strcmp(name, "--variant"))
        add_variant(s, value);
    else {
        fputs(usage_text, stderr);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    settings s = {
        .model = "sentence-transformers/all-MiniLM-L6-v2", .dtype = "f32", .seconds = 3, .n_rounds = 5, .batch = 32};
    s.variants =
        mmap(NULL, MAX_VARIANTS * sizeof *s.variants, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (s.variants == MAP_FAILED)
        die(strerror(errno), "mmap");
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc) {
            fputs(usage_text, stderr);
            return 2;
        }
        set_option(&s, argv[i], argv[i + 1]);
    }
    if (!s.n_rounds || s.n_rounds >= MAX_ROUNDS)
        die("--rounds is 1 to 63", "command line");
    if (!s.n_files) {
        text_set *set = &s.files[s.n_files++];
        set->name = "built-in";
        set->n_texts = sizeof built_in / sizeof *built_in;
        set->texts = take(set->n_texts, sizeof *set->texts);
        for (size_t i = 0; i < set->n_texts; i++)
            set->texts[i] = (char *)(uintptr_t)built_in[i];
        finish_set(set);
    }
    if (!s.n_variants)
        add_variant(&s, strdup(""));
    s.n_phases = N_LATENCY + s.n_files;
    run_all(&s);
    report(&s);
    return 0;
}
