/* SPDX-License-Identifier: Apache-2.0
 * test_score.c: scores as the tokenizers package reads them. The bits are what tokenizers 0.23.3 writes again of a Unigram vocabulary with these decimals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "text/score.h"

static void as_the_package(void **state)
{
    static const struct {
        const char *text;
        double value; /* written with 17 digits: the f64 itself */
    } cases[] = {
        {"0", 0.0},
        {"-0.0", -0.0},
        {"12", 12.0},
        {"-7.5", -7.5},
        {"1E5", 100000.0},
        {"-9.38", -9.3800000000000008},
        {"1e-320", 9.9998886718268301e-321},
        {"1e-400", 0.0},
        {"0.000000000000000000000000000001", 9.9999999999999991e-31},
        {"18446744073709551615", 1.8446744073709552e+19},
        {"18446744073709551616.25", 1.8446744073709552e+19},
        {"-12345678901234567890123", -1.2345678901234568e+22},
        {"123456789012345678901234.5e-3", 1.2345678901234567e+20},
        {"-9.0000000000000000000000001e-3", -0.0089999999999999993},
        {"100000000000000000000000e-23", 1.0},
        {"2.5e+2", 250.0},
        {"-6.476655296663248", -6.4766552966632478},
        {"-7.896469928463469", -7.8964699284634694},
        {"-1.44872573335085519375", -1.4487257333508552},
        {"-1.88260083879365103243", -1.882600838793651},
        {"-1.15997849549413611925", -1.1599784954941361},
        {"-4.293963616713235", -4.2939636167132349},
        {"-8.672913673247717", -8.6729136732477166},
        {"-4.81326000254050079263", -4.8132600025405008},
        {"-8.49038378285028016990", -8.4903837828502802},
        {"-2.476039222992912", -2.4760392229929118},
        {"-12.61251831463474104567", -12.612518314634741},
        {"-18.95417884914011352748", -18.954178849140114},
        {"-11.710828452807736", -11.710828452807736},
        {"-19.525102111858402", -19.525102111858399},
        {"-11.133297958741853", -11.133297958741853},
        {"-5.792185726633525", -5.7921857266335248},
        {"-1.9486115198946674", -1.9486115198946672},
        {"-10.634404931603713", -10.634404931603711},
        {"-15.596592611684875", -15.596592611684876},
        {"-10.238656612950983", -10.238656612950985},
        {"-11.161515053067495", -11.161515053067497},
        {"-15.781883429807097", -15.781883429807095},
        {"-1.8719199217380722", -1.871919921738072},
        {"-14.623186692817809", -14.623186692817807},
        {"-9.930133980599239", -9.9301339805992406},
        {"-0.24126119687597702", -0.24126119687597705},
        {"-13.099329274326575", -13.099329274326577},
        {"-14.795694955288303", -14.795694955288305},
    };
    size_t n_not_nearest = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double value = 1;
        assert_true(wick_score_read(cases[i].text, strlen(cases[i].text), &value));
        if (memcmp(&value, &cases[i].value, sizeof value) != 0)
            fail_msg("%s is read as %.17g, not %.17g", cases[i].text, value, cases[i].value);
        n_not_nearest += value != strtod(cases[i].text, NULL);
    }
    assert_true(n_not_nearest > 5);
}

static void out_of_range(void **state)
{
    static const char *const texts[] = {"1e309", "-1e999999999999999999999", "123456789e305"};
    double value;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_false(wick_score_read(texts[i], strlen(texts[i]), &value));
}

/* The text of a number with what follows, for wick_score_take. */
static const char *padded(const char *text, const char *behind, char out[128])
{
    memset(out, ' ', 128);
    memcpy(out, text, strlen(text));
    memcpy(out + strlen(text), behind, strlen(behind));
    return out;
}

/* What is taken at once has the bits of what is read; what may be something else is not taken. */
static void at_once(void **state)
{
    char room[128], text[64];
    double taken, read;
    uint64_t bits = 88172645463325252u;
    for (int i = 0; i < 200000; i++) {
        bits ^= bits << 13; /* xorshift64 */
        bits ^= bits >> 7;
        bits ^= bits << 17;
        snprintf(text, sizeof text, "%s%.*f", i & 1 ? "-" : "", i % 22,
                 (double)(bits >> 11) * (i % 3 ? 1e-15 : 1e-13) * (i % 7 ? 1 : 1e-9));
        const char *at = padded(text, i & 2 ? "]" : ",", room), *end = wick_score_take(at, at + sizeof room, &taken);
        assert_true(wick_score_read(text, strlen(text), &read));
        if (end && (end != at + strlen(text) || memcmp(&taken, &read, sizeof read) != 0))
            fail_msg("%s is taken as %.17g, not %.17g", text, taken, read);
        const char *point = strchr(text, '.');
        const size_t n_digits = strlen(text) - (i & 1) - (point != NULL);
        assert_int_equal(end != NULL, point && n_digits <= 19 && point - text - (i & 1) < 9);
    }
    static const char *const others[] = {
        "1", "1.", "-", "-.5", ".5", "01.5", "1.5e3", "1.5E-3", "123456789.5", "1.2345678901234567890", "--1.5"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_null(wick_score_take(padded(others[i], "]", room), room + sizeof room, &taken));
    assert_null(wick_score_take(padded("-1.5", "]", room), room + WICK_SCORE_ROOM - 1, &taken));
    assert_ptr_equal(wick_score_take(padded("-1.5", "]", room), room + WICK_SCORE_ROOM, &taken), room + 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_the_package), cmocka_unit_test(out_of_range),
                                       cmocka_unit_test(at_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
