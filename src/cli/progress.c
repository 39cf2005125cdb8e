/* SPDX-License-Identifier: Apache-2.0
 * progress.c: see progress.h. Called by embed.c, tokenize.c and bench_measure.c between batches, and by pull.c as bytes come. */
#include "cli/progress.h"
#include "cli/interrupt.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define FIRST_SECONDS 0.5 /* shorter work shows no bar */
#define EVERY_SECONDS 0.1
#define BAR_COLUMNS 24

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void wick_progress_begin(wick_progress *progress, bool wanted)
{
    const char *term = getenv("TERM");
    bool can_clear = term && *term && strcmp(term, "dumb") != 0;
    *progress = (wick_progress){.enabled = wanted && can_clear && isatty(STDERR_FILENO), .started = now()};
}

/* 1234567 -> "1,234,567" */
static void group_digits(uint64_t n, char out[32])
{
    char plain[32];
    int length = snprintf(plain, sizeof plain, "%llu", (unsigned long long)n);
    char *o = out;
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0)
            *o++ = ',';
        *o++ = plain[i];
    }
    *o = '\0';
}

static void clock_text(double seconds, char out[32])
{
    unsigned long s = seconds < 1e7 ? (unsigned long)(seconds + 0.5) : 9999999;
    if (s >= 3600)
        snprintf(out, 32, "%lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(out, 32, "%lu:%02lu", s / 60, s % 60);
}

static size_t terminal_columns(void)
{
    struct winsize size;
    return !ioctl(STDERR_FILENO, TIOCGWINSZ, &size) && size.ws_col > 10 ? size.ws_col : 80;
}

static void draw(const char *line)
{
    /* One column stays free: a full line would wrap and could not be cleared. */
    wick_interrupt_bar(true);
    fprintf(stderr, "\r%.*s\033[K", (int)terminal_columns() - 1, line);
    fflush(stderr);
}

void wick_progress_update(wick_progress *progress, uint64_t n_texts, uint64_t done_bytes, uint64_t total_bytes)
{
    if (!progress->enabled)
        return;
    double t = now(), elapsed = t - progress->started;
    if (elapsed < FIRST_SECONDS || t - progress->drawn < EVERY_SECONDS)
        return;
    progress->drawn = t;
    char texts[32], rate[32], clock[32], line[256];
    group_digits(n_texts, texts);
    group_digits((uint64_t)((double)n_texts / elapsed), rate);
    if (total_bytes && done_bytes) {
        double share = done_bytes < total_bytes ? (double)done_bytes / (double)total_bytes : 1;
        char bar[BAR_COLUMNS + 1];
        memset(bar, '.', BAR_COLUMNS);
        memset(bar, '#', (size_t)(share * BAR_COLUMNS));
        bar[BAR_COLUMNS] = '\0';
        clock_text(elapsed / share - elapsed, clock);
        snprintf(line, sizeof line, "[%s] %3d %%  %s texts  %s texts/s  %s left", bar, (int)(share * 100), texts, rate,
                 clock);
    } else {
        clock_text(elapsed, clock);
        snprintf(line, sizeof line, "%s texts  %s texts/s  %s", texts, rate, clock);
    }
    draw(line);
}

void wick_bytes_text(uint64_t n, char out[16])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    double value = (double)n;
    size_t unit = 0;
    for (; value >= 999.95 && unit + 1 < sizeof units / sizeof units[0]; unit++)
        value /= 1000;
    snprintf(out, 16, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

/* Narrow terminals get less: the bar goes first, then rate and name. */
static void bytes_line(const wick_progress *progress, double elapsed, uint64_t have, uint64_t total, const char *name,
                       char line[256])
{
    const size_t columns = terminal_columns();
    const double share = total ? (have < total ? (double)have / (double)total : 1) : 0;
    const uint64_t came = have > progress->first_bytes ? have - progress->first_bytes : 0;
    const double rate = (double)came / elapsed;
    const size_t bar_columns = columns >= 72 ? BAR_COLUMNS : columns >= 60 ? 10 : 0;
    char bar[BAR_COLUMNS + 1], have_text[16], total_text[16], rate_text[16], clock[32] = "-:--";
    memset(bar, '.', bar_columns);
    memset(bar, '#', (size_t)(share * (double)bar_columns));
    bar[bar_columns] = '\0';
    wick_bytes_text(have, have_text);
    wick_bytes_text(total, total_text);
    wick_bytes_text((uint64_t)rate, rate_text);
    if (rate > 0 && have <= total)
        clock_text((double)(total - have) / rate, clock);
    int n = snprintf(line, 256, bar_columns ? "[%s] %3d %%  %s of %s" : "%s%3d %%  %s of %s", bar, (int)(share * 100),
                     have_text, total_text);
    if (columns >= 45 && n > 0 && n < 256)
        n += snprintf(line + n, 256 - (size_t)n, "  %s/s  %s left", rate_text, clock);
    if (columns >= 72 && n > 0 && n < 256)
        snprintf(line + n, 256 - (size_t)n, "  %s", name);
}

void wick_progress_bytes(wick_progress *progress, uint64_t have_bytes, uint64_t total_bytes, const char *name)
{
    if (!progress->enabled)
        return;
    const double t = now(), elapsed = t - progress->started;
    if (!progress->has_first) {
        progress->has_first = true;
        progress->first_bytes = have_bytes;
    }
    if (elapsed < FIRST_SECONDS || t - progress->drawn < EVERY_SECONDS)
        return;
    progress->drawn = t;
    char line[256];
    bytes_line(progress, elapsed, have_bytes, total_bytes, name, line);
    draw(line);
}

void wick_progress_note(wick_progress *progress, const char *text)
{
    if (!progress->enabled)
        return;
    draw(text);
    progress->is_noted = true;
}

void wick_progress_clear(wick_progress *progress)
{
    if (progress->enabled && (progress->drawn > 0 || progress->is_noted)) {
        wick_interrupt_bar(false);
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
}

void wick_progress_end(wick_progress *progress)
{
    wick_progress_clear(progress);
    progress->enabled = false;
}
