/* SPDX-License-Identifier: Apache-2.0
 * tiles_amx.c: the shapes of a thread's tiles (tiles_amx.h). Tiles that are in use make context switches dearer and keep a core from its deeper
 * sleep, and other libraries in the process may want other shapes: so they are given back whenever a thread leaves the model. */
#include "cpu/x86/tiles_amx.h"

#include "cpu/x86/tiers_x86.h"

/* What LDTILECFG reads (Intel SDM). */
typedef struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_config;

/* Of this thread. 0 rows: no shape is set. */
static _Thread_local struct {
    size_t rows, first_b;
    bool entered;
} now;

void wick_tiles_shape(size_t rows, size_t first_b)
{
    if (now.rows == rows && (now.first_b == first_b || rows == WICK_AMX_ROWS))
        return;
    tile_config config = {.palette = 1};
    for (size_t tile = 0; tile < 8; tile++) {
        config.rows[tile] = (uint8_t)(tile < first_b ? rows : WICK_AMX_ROWS);
        config.row_bytes[tile] = WICK_AMX_ROW_BYTES;
    }
    __asm__ volatile("ldtilecfg %0" : : "m"(config));
    now.rows = rows;
    now.first_b = first_b;
}

static void give_back(void)
{
    if (now.rows == 0)
        return;
    __asm__ volatile("tilerelease" : :);
    now.rows = 0;
}

void wick_tiles_done(void)
{
    if (!now.entered)
        give_back();
}

static void enter(void)
{
    now.entered = true;
}

static void leave(void)
{
    now.entered = false;
    give_back();
}

void wick_tiles_init_amx(wick_kernels *kernels)
{
    kernels->enter = enter;
    kernels->leave = leave;
}
