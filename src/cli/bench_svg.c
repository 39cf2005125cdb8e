/* SPDX-License-Identifier: Apache-2.0
 * bench_svg.c: the results of `wick bench` as one SVG that needs nothing else: above, the latency of one text by its length (both axes logarithmic:
 * the lengths double); below, texts a second as bars. Colours follow the reader's dark or light setting. Called by bench.c. */
#include "cli/bench.h"
#include <math.h>
#include <string.h>

/* In pixels. */
#define WIDTH 760
#define LEFT 70
#define RIGHT 730
#define TOP 90
#define CHART_HEIGHT 220
#define BARS_TOP (TOP + CHART_HEIGHT + 90)
#define BAR_STEP 26
#define BAR_HEIGHT 18
#define BAR_LEFT 150
#define BAR_RIGHT 560

/* XML knows no other control characters than these three, escaped or not. */
static void print_escaped(wick_output *output, const char *text)
{
    for (const char *c = text; *c; c++) {
        const char *escaped = *c == '&'   ? "&amp;"
                              : *c == '<' ? "&lt;"
                              : *c == '>' ? "&gt;"
                              : *c == '"' ? "&quot;"
                                          : NULL;
        if (escaped)
            wick_output_text(output, escaped);
        else if ((unsigned char)*c >= 0x20)
            wick_output_write(output, c, 1);
        else
            wick_output_text(output, " ");
    }
}

/* anchor: "start", "middle" or "end" */
static void print_label(wick_output *output, double x, double y, const char *anchor, const char *format, double value)
{
    char text[64];
    snprintf(text, sizeof text, format, value);
    wick_output_format(output, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", x, y, anchor, text);
}

/* 0.123, 1.23, 12.3, 123 */
static const char *three_digits(double value)
{
    return value < 1 ? "%.3f" : value < 10 ? "%.2f" : value < 100 ? "%.1f" : "%.0f";
}

static void print_head(const wick_bench_results *r, int height, wick_output *output)
{
    wick_output_format(
        output,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\">\n"
        "<title>wick bench</title>\n"
        "<style>\n"
        "text { font: 12px system-ui, sans-serif; fill: #333 }\n"
        ".title { font-size: 16px; font-weight: 600 }\n"
        ".page { fill: #fff } .grid { stroke: #ddd } .bar { fill: #2f6fb7 }\n"
        ".p50 { stroke: #2f6fb7 } .p99 { stroke: #c4622d; stroke-dasharray: 5 4 }\n"
        ".p50, .p99 { fill: none; stroke-width: 2 }\n"
        "@media (prefers-color-scheme: dark) {\n"
        "text { fill: #ddd } .page { fill: #16191d } .grid { stroke: #3a3f45 } .bar { fill: #6aa5e8 }\n"
        ".p50 { stroke: #6aa5e8 } .p99 { stroke: #f09a63 }\n"
        "}\n"
        "</style>\n"
        "<rect class=\"page\" width=\"%d\" height=\"%d\"/>\n<text class=\"title\" x=\"20\" y=\"30\">",
        WIDTH, height, WIDTH, height, WIDTH, height);
    print_escaped(output, r->info.model);
    wick_output_format(output, "</text>\n<text x=\"20\" y=\"50\">wick %s, %s", wick_version(), r->provider);
    const char *const facts[] = {r->info.device, r->info.tier, r->info.dtype};
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        if (facts[i])
            wick_output_text(output, ", ");
        print_escaped(output, facts[i] ? facts[i] : "");
    }
    if (r->info.n_threads)
        wick_output_format(output, ", %u threads", r->info.n_threads);
    if (r->peak_gflops > 0)
        wick_output_format(output, ", peak %.0f %s", r->peak_gflops, wick_bench_rate_unit(r));
    wick_output_text(output, "</text>\n");
}

/* ---- latency by length --------------------------------------------------------------------------------------------- */

typedef struct axis {
    double low, high; /* powers of ten */
} axis;

static double y_of(const axis *y, double ms)
{
    double share = (log10(fmax(ms, 1e-6)) - y->low) / (y->high - y->low);
    return TOP + CHART_HEIGHT * (1 - share);
}

static double x_of(size_t i, size_t n)
{
    return n > 1 ? LEFT + 20 + (double)(RIGHT - LEFT - 40) * (double)i / (double)(n - 1) : (LEFT + RIGHT) / 2.0;
}

static void print_line(const wick_bench_results *r, const axis *y, bool is_p99, wick_output *output)
{
    size_t n = r->n_points[WICK_BENCH_LENGTH];
    wick_output_format(output, "<polyline class=\"%s\" points=\"", is_p99 ? "p99" : "p50");
    for (size_t i = 0; i < n; i++) {
        const wick_bench_point *point = &r->points[WICK_BENCH_LENGTH][i];
        wick_output_format(output, "%.1f,%.1f ", x_of(i, n), y_of(y, 1e3 * (is_p99 ? point->p99 : point->p50)));
    }
    wick_output_text(output, "\"/>\n");
}

static void print_latency(const wick_bench_results *r, wick_output *output)
{
    size_t n = r->n_points[WICK_BENCH_LENGTH];
    const wick_bench_point *points = r->points[WICK_BENCH_LENGTH];
    double least = INFINITY, most = 0;
    for (size_t i = 0; i < n; i++) {
        least = fmin(least, 1e3 * fmax(points[i].p50, 1e-9));
        most = fmax(most, 1e3 * fmax(points[i].p99, 1e-9));
    }
    const axis y = {floor(log10(least)), fmax(ceil(log10(most)), floor(log10(least)) + 1)};
    wick_output_format(
        output,
        "<text x=\"20\" y=\"%d\">Latency of one text, ms, by its length in tokens: median, and p99 (dashed)</text>\n",
        TOP - 14);
    for (int power = (int)y.low; power <= (int)y.high; power++) {
        double at = y_of(&y, pow(10, power));
        wick_output_format(output, "<line class=\"grid\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>\n", LEFT, at,
                           RIGHT, at);
        print_label(output, LEFT - 8, at + 4, "end", "%g", pow(10, power));
    }
    print_line(r, &y, true, output);
    print_line(r, &y, false, output);
    for (size_t i = 0; i < n; i++) {
        double x = x_of(i, n), ms = 1e3 * points[i].p50;
        print_label(output, x, TOP + CHART_HEIGHT + 18, "middle", "%.0f", points[i].n_tokens);
        print_label(output, x, y_of(&y, ms) + 16, "middle", three_digits(ms), ms);
    }
}

/* ---- texts a second ------------------------------------------------------------------------------------------------ */

static void print_bar(const wick_bench_results *r, const wick_bench_point *point, int y, double most,
                      wick_output *output)
{
    char label[64];
    if (point->name)
        snprintf(label, sizeof label, "%s, many", point->name);
    else
        snprintf(label, sizeof label, "%zu text%s a call", point->n_texts, point->n_texts > 1 ? "s" : "");
    wick_output_format(output, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", BAR_LEFT - 8, y + 13, label);
    wick_output_format(output, "<rect class=\"bar\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"2\"/>\n",
                       BAR_LEFT, y, (BAR_RIGHT - BAR_LEFT) * point->texts_per_s / most, BAR_HEIGHT);
    double end = BAR_LEFT + (BAR_RIGHT - BAR_LEFT) * point->texts_per_s / most + 8;
    wick_output_format(output, "<text x=\"%.1f\" y=\"%d\">%.0f", end, y + 13, point->texts_per_s);
    if (wick_bench_share(r, point) > 0)
        wick_output_format(output, " (%.0f %% of the peak)", 100 * wick_bench_share(r, point));
    wick_output_text(output, "</text>\n");
}

static void print_bars(const wick_bench_results *r, wick_output *output)
{
    static const wick_bench_group groups[] = {WICK_BENCH_BATCH, WICK_BENCH_THROUGHPUT};
    double most = 0;
    int y = BARS_TOP;
    for (size_t g = 0; g < 2; g++)
        for (size_t i = 0; i < r->n_points[groups[g]]; i++)
            most = fmax(most, r->points[groups[g]][i].texts_per_s);
    wick_output_format(output, "<text x=\"20\" y=\"%d\">Texts a second</text>\n", BARS_TOP - 14);
    for (size_t g = 0; g < 2; g++)
        for (size_t i = 0; i < r->n_points[groups[g]]; i++, y += BAR_STEP)
            print_bar(r, &r->points[groups[g]][i], y, most, output);
}

void wick_bench_print_svg(const wick_bench_results *r, wick_output *output)
{
    size_t n_bars = r->n_points[WICK_BENCH_BATCH] + r->n_points[WICK_BENCH_THROUGHPUT];
    print_head(r, BARS_TOP + (int)n_bars * BAR_STEP + 20, output);
    if (r->n_points[WICK_BENCH_LENGTH] > 0)
        print_latency(r, output);
    print_bars(r, output);
    wick_output_text(output, "</svg>\n");
}
