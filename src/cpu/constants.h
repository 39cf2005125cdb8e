/* SPDX-License-Identifier: Apache-2.0
 * constants.h: the numbers of the approximations that the vector kernels share. */
#ifndef WICK_CPU_CONSTANTS_H
#define WICK_CPU_CONSTANTS_H

/* gelu(x) = x * Phi(x), Phi(x) = 1/2 + c * P(c^2) / Q(c^2) with c = x limited: tools/fit_gelu.py. The error of Phi is below 1e-8 before
 * rounding; gelu in f32 is within 1.1e-6 of the exact value for |x| <= 12, 5.2e-7 for |x| < 3. The limit is a value at which the quotient is exactly 1/2 in
 * f32, in the kernels' order of operations: so gelu is exactly x above it and exactly 0 below its negative, however far away. */
#define WICK_GELU_LIMIT 5.56f
#define WICK_GELU_P0 3.989422321e-01f
#define WICK_GELU_P1 3.437604383e-02f
#define WICK_GELU_P2 4.707253072e-03f
#define WICK_GELU_P3 1.738496649e-04f
#define WICK_GELU_P4 6.356488029e-06f
#define WICK_GELU_P5 2.214515327e-08f
#define WICK_GELU_Q1 2.528336644e-01f
#define WICK_GELU_Q2 2.894004434e-02f
#define WICK_GELU_Q3 1.912972541e-03f
#define WICK_GELU_Q4 7.510137948e-05f
#define WICK_GELU_Q5 1.180203981e-06f

/* For narrow dtypes, which round inputs to 1/256 of themselves or of a row's range: Phi(x) = 1/2 + c * P(c^2), no quotient; tools/fit_gelu.py. gelu is within
 * 4.7e-5, f32's rounding included. The limit as above: there c * P(c^2) is exactly 1/2. */
#define WICK_GELU_NARROW_LIMIT 4.39994955f
#define WICK_GELU_NARROW_P0 3.987616003e-01f
#define WICK_GELU_NARROW_P1 (-6.607642770e-02f)
#define WICK_GELU_NARROW_P2 9.643028490e-03f
#define WICK_GELU_NARROW_P3 (-1.054992666e-03f)
#define WICK_GELU_NARROW_P4 8.429303853e-05f
#define WICK_GELU_NARROW_P5 (-4.724870450e-06f)
#define WICK_GELU_NARROW_P6 1.740848461e-07f
#define WICK_GELU_NARROW_P7 (-3.754052180e-09f)
#define WICK_GELU_NARROW_P8 3.569432944e-11f

/* exp(x) = 2^n * exp(r), n = round(x / ln 2), |r| <= ln(2) / 2: Taylor's series to r^6, remainder below 1.2e-7. ln 2 in two parts
 * (Cody and Waite, 1980): the first has zeros at its end, so that n times it is exact. */
#define WICK_LOG2_E 1.44269504088896341f
#define WICK_LN2_HIGH 0.693359375f
#define WICK_LN2_LOW (-2.12194440e-4f)
#define WICK_EXP_C2 0.5f
#define WICK_EXP_C3 1.66666667e-1f
#define WICK_EXP_C4 4.16666667e-2f
#define WICK_EXP_C5 8.33333333e-3f
#define WICK_EXP_C6 1.38888889e-3f
/* exp of anything lower is less than the smallest normal f32: taken as exp(-87). */
#define WICK_EXP_LOWEST (-87.0f)

/* gelu's approximation with tanh (Hendrycks and Gimpel 2016), 0.5 x (1 + tanh(u)), is x / (1 + exp(-2 u)); 2 u = x (A + B x^2), A = 2 sqrt(2 / pi), B = 0.044715 A. */
#define WICK_GELU_TANH_A 1.5957691216057308f
#define WICK_GELU_TANH_B 0.07135481627260025f

/* A row of activations whose values lie within less than this is taken as constant: 255 / range must not overflow. */
#define WICK_LEAST_RANGE 1e-30f

#endif
