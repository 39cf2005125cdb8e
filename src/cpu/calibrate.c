/* SPDX-License-Identifier: Apache-2.0
 * calibrate.c: what the inputs of each int8 layer are multiplied by, so that rounding costs the vectors least.
 *
 * A few channels of a transformer's activations are far larger than the rest, and one scale per token would spend the 256 steps on them.
 * SmoothQuant (Xiao et al. 2023, alpha = 1/2) divides each input channel j by what its weights are multiplied by instead:
 *     factor[j] = sqrt(largest weight of column j / size of channel j's inputs)
 * The size is the fourth root of the sum of their fourth powers: near the largest, but not at the mercy of one token (docs/speed.md). The inputs are seen by running the model itself, in f32, layer by layer, over made-up token ids: on all-MiniLM-L6-v2 random ids serve
 * as well as text (docs/speed.md), and no file of texts has to travel with the library. The ids are the same in every run.
 * Memory: one layer's weights in f32 at a time. Called once at open, by model_cpu.c. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cpu/calibrate.h"
#include "cpu/fill.h"
#include "cpu/layer.h"
#include "cpu/plan.h"
#include "cpu/workspace.h"

#define N_SEQUENCES 10
/* In all no more than a chunk that one thread takes alone may have (plan.h): the longest sequence counts, see run(). */
static const uint32_t lengths[N_SEQUENCES] = {6, 10, 10, 14, 18, 26, 34, 50, 66, 102};
/* A channel's factor stays within this of the mean one: a channel that the made-up ids never use must not lose its weights. */
#define LARGEST_RATIO 1000.0f

typedef struct calibration {
    wick_cpu_model *model;
    wick_pool *pool;
    wick_cpu_model f32; /* the same, but for one layer at a time in f32 */
    wick_cpu_layer layer;
    void *memory; /* of that layer */
    size_t memory_bytes;
    float *observed; /* [n_observed], the four layers' inputs one after another */
    size_t n_observed;
    float *hidden; /* [n_tokens, hidden_size] all sequences between two layers */
    int32_t *ids;  /* [n_tokens] */
    uint32_t offsets[N_SEQUENCES + 1];
    wick_packed_batch batch;
    wick_workspace workspace;
} calibration;

/* A linear congruential generator (Knuth's MMIX constants): the ids must be the same everywhere. */
static int32_t next_id(uint64_t *state, size_t vocab_size)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (int32_t)((*state >> 33) % vocab_size);
}

static size_t longest(size_t max_tokens)
{
    return lengths[N_SEQUENCES - 1] < max_tokens ? lengths[N_SEQUENCES - 1] : max_tokens;
}

static int take(calibration *c, wick_error *error)
{
    const wick_model_files *files = c->model->files;
    uint64_t state = 1;
    for (size_t i = 0; i < N_SEQUENCES; i++) {
        size_t n = lengths[i] < files->max_tokens ? lengths[i] : files->max_tokens;
        c->offsets[i + 1] = c->offsets[i] + (uint32_t)n;
    }
    size_t n_tokens = c->offsets[N_SEQUENCES];
    c->memory_bytes = wick_cpu_place_layer(&c->f32, WICK_COMPUTE_F32, NULL, &c->layer);
    c->memory = c->memory_bytes > 0 ? wick_pages_take(c->memory_bytes, true) : NULL;
    c->ids = calloc(n_tokens, sizeof *c->ids);
    c->hidden = calloc(n_tokens * files->encoder.hidden_size, sizeof *c->hidden);
    c->n_observed = c->layer.qkv.in + c->layer.attention_output.in + c->layer.up.in + c->layer.down.in;
    c->observed = calloc(c->n_observed + 1, sizeof *c->observed);
    if (!c->memory || !c->ids || !c->hidden || !c->observed)
        return wick_fail_memory(error, "calibration");
    for (size_t i = 0; i < n_tokens; i++)
        c->ids[i] = next_id(&state, files->encoder.vocab_size);
    c->batch = (wick_packed_batch){N_SEQUENCES, n_tokens, c->ids, c->offsets};
    wick_cpu_place_layer(&c->f32, WICK_COMPUTE_F32, c->memory, &c->layer);
    float *observed = c->observed;
    wick_cpu_linear *const readers[] = {&c->layer.qkv, &c->layer.attention_output, &c->layer.up, &c->layer.down};
    for (size_t i = 0; i < 4; i++) {
        readers[i]->observed = observed;
        observed += readers[i]->in;
    }
    return wick_workspace_open(&c->f32, 1, longest(files->max_tokens), &c->workspace, error);
}

static void give_back(calibration *c)
{
    wick_workspace_close(&c->workspace);
    wick_pages_free(c->memory, c->memory_bytes);
    free(c->ids);
    free(c->hidden);
    free(c->observed);
}

/* All sequences, one after another: embeds them (layer NULL) or takes them through the layer. */
static void run(calibration *c, const wick_cpu_layer *layer)
{
    wick_team team = {c->pool, 0, 1};
    wick_activations *act = &c->workspace.activations[0];
    size_t width = c->model->files->encoder.hidden_size;
    for (uint32_t i = 0; i < N_SEQUENCES; i++) {
        wick_chunk chunk = wick_chunk_of(&c->batch, &i, 1);
        float *hidden = c->hidden + c->offsets[i] * width;
        size_t bytes = chunk.n_rows * width * sizeof *hidden;
        if (layer) {
            memcpy(act->hidden.f32, hidden, bytes);
            wick_layer_begin(&c->f32, layer, &team, act, 0, chunk.n_rows); /* what its first product sees is observed */
            wick_layer_forward(&c->f32, layer, NULL, &team, &chunk, act, &c->workspace.scratch[0]);
        } else {
            wick_embed_rows(&c->f32, NULL, &team, &chunk, act);
        }
        memcpy(hidden, act->hidden.f32, bytes);
    }
}

/* from: the same layer in f32 with what was observed. */
static void set_factors(const wick_cpu_linear *from, const wick_cpu_linear *to, size_t panel_width)
{
    double sum = 0;
    for (size_t k = 0; k < from->in; k++) {
        float largest = 0;
        for (size_t p = 0; p < from->n_panels; p++) {
            const float *weights = (const float *)(const void *)from->panels + (p * from->n_units + k) * panel_width;
            for (size_t j = 0; j < panel_width; j++)
                largest = fabsf(weights[j]) > largest ? fabsf(weights[j]) : largest;
        }
        const float size = sqrtf(sqrtf(from->observed[k]));
        float factor = size > 0 && largest > 0 ? sqrtf(largest / size) : 0;
        to->factors[k] = isfinite(factor) ? factor : 0;
        sum += to->factors[k];
    }
    float mean = (float)(sum / (double)from->in);
    for (size_t k = 0; k < from->in; k++) {
        float ratio = mean > 0 ? to->factors[k] / mean : 1.0f;
        to->factors[k] = ratio == 0                  ? 1.0f
                         : ratio > LARGEST_RATIO     ? LARGEST_RATIO
                         : ratio < 1 / LARGEST_RATIO ? 1 / LARGEST_RATIO
                                                     : ratio;
    }
}

static int calibrate_layer(calibration *c, size_t index, wick_error *error)
{
    const wick_model_files *files = c->model->files;
    wick_cpu_layer *to = &c->model->layers[index];
    wick_packing list[WICK_PACKINGS_A_LAYER];
    size_t n = wick_cpu_list_packings(files, index, &c->layer, list), width = c->f32.panel_width;
    memset(c->observed, 0, c->n_observed * sizeof *c->observed);
    int code = wick_cpu_pack(&c->f32, list, n, c->pool, error);
    if (code != WICK_OK)
        return code;
    wick_cpu_layer layer = *to; /* its norms, in f32 always */
    layer.qkv = c->layer.qkv;
    layer.attention_output = c->layer.attention_output;
    layer.up = c->layer.up;
    layer.down = c->layer.down;
    run(c, &layer);
    set_factors(&c->layer.qkv, &to->qkv, width);
    set_factors(&c->layer.attention_output, &to->attention_output, width);
    set_factors(&c->layer.up, &to->up, width);
    set_factors(&c->layer.down, &to->down, width);
    return WICK_OK;
}

int wick_cpu_calibrate(wick_cpu_model *model, wick_pool *pool, wick_error *error)
{
    wick_kernels kernels;
    int code = wick_positions_reach(&model->positions, longest(model->files->max_tokens), error);
    if (code != WICK_OK)
        return code;
    wick_calibration_kernels(model->kernels, &kernels);
    calibration c = {.model = model, .pool = pool, .f32 = *model};
    c.f32.kernels = &kernels;
    c.f32.panel_width = model->kernels->panel_width; /* it runs */
    c.f32.layer_compute = WICK_COMPUTE_F32;
    c.f32.compute = WICK_COMPUTE_F32; /* its words stay narrow: what comes in is what will come in */
    c.f32.row_block = WICK_ALONE_ROWS;
    code = take(&c, error);
    if (code == WICK_OK)
        run(&c, NULL);
    for (size_t i = 0; i < model->files->encoder.n_layers && code == WICK_OK; i++)
        code = calibrate_layer(&c, i, error);
    give_back(&c);
    return code;
}
