/* SPDX-License-Identifier: Apache-2.0
 * pace.c: see pace.h. A try is a few calls in the other way; tries take some hundredths of the time at the most. */
#include "cpu/pace.h"

#include "cpu/plan.h"

#define LARGEST_BACKOFF 128 /* a crowded try takes a few times what a call alone takes: a loss of some 2 % */
#define FREE_AGAIN_NS 20000000

/* Calls' time before the first try, and at the least between two; more where calls become slower again and again, and tries are lost. */
#define SOON_NS 20000000
/* Between two while nothing changes: sharing that becomes slower shows at once; that it would have become faster, where one thread is taken, does not. */
#define PAUSE_NS 300000000
#define PAUSE_ALONE_NS 80000000
/* And so many calls, which count more where a call takes long. */
#define SOON_CALLS 20
#define PAUSE_CALLS 400
#define PAUSE_ALONE_CALLS 80
#define LONGEST_PAUSE_NS 2400000000u
#define FASTER 0.9f   /* of the cost: then the other way is taken */
#define SLOWER 1.25f  /* of the cost that it was: then the other way is tried soon */
#define HOPELESS 1.6f /* of the cost, twice: then a try ends early */
/* Alone, a call takes many times as long where there are many threads: one tells enough. (The first shared one may be slow, since threads wake up.) */
#define HOPELESS_AT_ONCE 3.0f
/* So many times the last call of a hopeless try is spent before the next; no more than a minute, since the process may just have been stopped. */
#define PAUSE_BY_LOSS 64
#define LONGEST_BY_LOSS_NS 60000000000u
#define MANY_ROWS WICK_MOST_ALONE_ROWS /* always shared, but for crowding: even one try would take long */

/* ---- crowding ------------------------------------------------------------------------------------------------------ */

/* Crowded is a call whose n_threads slept for more than a quarter of the time it took. */
static bool note_crowding(wick_crowding *c, uint64_t took_ns, uint64_t slept_ns, unsigned n_threads)
{
    if (slept_ns > took_ns / 4 * n_threads) {
        c->backoff = c->backoff == 0 ? 1 : c->backoff < LARGEST_BACKOFF ? c->backoff * 2 : LARGEST_BACKOFF;
        c->n_alone = c->backoff;
        c->well_ns = 0;
        return true;
    }
    if ((c->well_ns += took_ns) >= FREE_AGAIN_NS)
        c->backoff = 0;
    return false;
}

/* ---- classes ------------------------------------------------------------------------------------------------------- */

/* Two to an octave: 1, 2, 3, 4 to 5, 6 to 7, 8 to 11, 12 to 15, ... */
static wick_pace_class *class_of(wick_pace *pace, size_t n_rows)
{
    size_t i = 0;
    for (; n_rows > 3; n_rows /= 2)
        i += 2;
    i += n_rows;
    return &pace->classes[i < WICK_PACE_CLASSES ? i : WICK_PACE_CLASSES - 1];
}

/* Few rows cost about the same, since all weights are read for them; many cost by the row. */
static float cost_of(size_t n_rows, uint64_t took_ns)
{
    return (float)took_ns / ((float)n_rows + 16);
}

static void note_cost(wick_pace_costs *costs, float cost)
{
    costs->latest[costs->n++ % WICK_PACE_SAMPLES] = cost;
}

static bool is_known(const wick_pace_costs *costs)
{
    return costs->n >= WICK_PACE_SAMPLES;
}

/* The median of the latest three. */
static float cost_now(const wick_pace_costs *costs)
{
    const float a = costs->latest[0], b = costs->latest[1], c = costs->latest[2];
    const float low = a < b ? a : b, high = a < b ? b : a;
    return c < low ? low : c > high ? high : c;
}

_Static_assert(WICK_PACE_SAMPLES == 3, "cost_now takes the median of three");

/* ---- tries --------------------------------------------------------------------------------------------------------- */

static void settle(wick_pace_class *c, bool alone)
{
    c->alone = alone;
    c->phase = WICK_PACE_USUAL;
    c->settled = cost_now(&c->costs[alone]);
    c->since_ns = 0;
    c->since_calls = 0;
    c->pause_ns = alone ? PAUSE_ALONE_NS : PAUSE_NS;
}

/* A call of a try was crowded: others take the cores, and tries cost most then. */
static void give_up(wick_pace_class *c)
{
    const uint64_t pause_ns = c->pause_ns * 2;
    settle(c, c->alone);
    c->pause_ns = pause_ns < LONGEST_PAUSE_NS ? pause_ns : LONGEST_PAUSE_NS;
}

static bool is_hopeless(const wick_pace_class *c)
{
    const wick_pace_costs *other = &c->costs[!c->alone];
    const float usual = cost_now(&c->costs[c->alone]), latest = other->latest[other->n - 1];
    return (!c->alone && latest > HOPELESS_AT_ONCE * usual) ||
           (other->n == 2 && other->latest[0] > HOPELESS * usual && latest > HOPELESS * usual);
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* The latest call of a hopeless try took so long. */
static void give_up_for(wick_pace_class *c, uint64_t took_ns)
{
    const uint64_t pause_ns =
        took_ns < LONGEST_BY_LOSS_NS / PAUSE_BY_LOSS ? took_ns * PAUSE_BY_LOSS : LONGEST_BY_LOSS_NS;
    settle(c, c->alone);
    c->pause_ns = larger(c->pause_ns, pause_ns);
    c->soon_ns = larger(c->soon_ns, pause_ns);
}

static void note_other(wick_pace_class *c, float cost, uint64_t took_ns)
{
    wick_pace_costs *usual = &c->costs[c->alone], *other = &c->costs[!c->alone];
    note_cost(other, cost);
    if (is_hopeless(c)) {
        give_up_for(c, took_ns);
    } else if (is_known(other)) {
        c->phase = WICK_PACE_AGAIN;
        usual->n = 0;
    }
}

static void note_again(wick_pace_class *c, float cost)
{
    wick_pace_costs *usual = &c->costs[c->alone], *other = &c->costs[!c->alone];
    note_cost(usual, cost);
    if (!is_known(usual))
        return;
    const bool is_won = cost_now(other) < FASTER * cost_now(usual);
    if (is_won)
        c->soon_ns = SOON_NS;
    settle(c, is_won ? !c->alone : c->alone);
}

static void note_usual(wick_pace_class *c, float cost, uint64_t took_ns)
{
    wick_pace_costs *costs = &c->costs[c->alone];
    note_cost(costs, cost);
    c->since_ns += took_ns;
    if (++c->since_calls < SOON_CALLS || c->since_ns < SOON_NS)
        return;
    const bool is_first = c->settled == 0,
               is_due = is_first ||
                        (c->since_ns >= c->pause_ns && c->since_calls >= (c->alone ? PAUSE_ALONE_CALLS : PAUSE_CALLS)),
               is_slower = c->since_ns >= c->soon_ns && cost_now(costs) > SLOWER * c->settled;
    if (!(is_due || is_slower))
        return;
    c->soon_ns = is_due ? SOON_NS : c->soon_ns < PAUSE_NS ? 2 * c->soon_ns : PAUSE_NS;
    c->phase = WICK_PACE_OTHER;
    c->costs[!c->alone].n = 0;
}

/* ---- calls --------------------------------------------------------------------------------------------------------- */

bool wick_pace_begin(wick_pace *pace, size_t n_rows)
{
    const wick_pace_class *c = class_of(pace, n_rows);
    const bool alone = c->phase == WICK_PACE_OTHER ? !c->alone : c->alone;
    pace->is_forced = !alone && pace->crowding.n_alone > 0;
    pace->crowding.n_alone -= pace->is_forced;
    return alone || pace->is_forced;
}

void wick_pace_end(wick_pace *pace, size_t n_rows, bool alone, uint64_t took_ns, uint64_t slept_ns, unsigned n_threads)
{
    wick_pace_class *c = class_of(pace, n_rows);
    if (pace->is_forced) /* it says nothing of a free machine */
        return;
    const bool is_crowded = !alone && note_crowding(&pace->crowding, took_ns, slept_ns, n_threads);
    const float cost = cost_of(n_rows, took_ns);
    if (n_rows >= MANY_ROWS)
        return;
    if (is_crowded && c->phase == WICK_PACE_OTHER)
        give_up(c);
    else if (is_crowded)
        return;
    else if (c->phase == WICK_PACE_OTHER)
        note_other(c, cost, took_ns);
    else if (c->phase == WICK_PACE_AGAIN)
        note_again(c, cost);
    else
        note_usual(c, cost, took_ns);
}
