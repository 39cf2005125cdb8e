#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fits the constants of the GELU kernels: Phi(x) - 1/2 = x * P(x^2) / Q(x^2) on |x| <= LIMIT, Q(0) = 1.

Phi is the normal distribution function, gelu(x) = x * Phi(x). The fit is a linearised least-squares problem on Chebyshev points,
reweighted until the largest error levels out (Lawson's method). Needs numpy and scipy. Prints C arrays and the error of the f32 evaluation.

And the polynomial without a quotient that narrow dtypes are served by: Phi(x) - 1/2 = x * P(x^2) on |x| <= NARROW_LIMIT, where it has to be 1/2.
"""
import numpy as np
from scipy.special import ndtr

LIMIT = 5.6  # 1 - Phi(5.6) = 1.1e-8: less than half a unit in the last place of 1.0f
CLAMP = 5.56  # where the kernels stop following x: nearly LIMIT, and in f32 the quotient there is exactly 1/2
P_DEGREE, Q_DEGREE = 5, 5
NARROW_LIMIT = 4.4  # gelu(-4.4) is -2.4e-5: what is dropped beyond is no more
NARROW_DEGREE = 8


def fit(p_degree, q_degree, limit, rounds=300):
    n = 4000
    x = limit * 0.5 * (1 - np.cos(np.pi * (np.arange(n) + 0.5) / n))
    t = x * x
    y = np.where(x > 1e-9, (ndtr(x) - 0.5) / np.maximum(x, 1e-9), 1 / np.sqrt(2 * np.pi))
    scale = limit * limit
    u = t / scale  # keeps the columns of the system within reach of float64
    weight = np.ones(n)
    q_now = np.ones(n)
    best = None
    for _ in range(rounds):
        # x * (P - y * Q) / Q_now is the error in Phi to first order
        w = np.sqrt(weight) * x / q_now
        columns = [u**i for i in range(p_degree + 1)] + [-y * u**i for i in range(1, q_degree + 1)]
        a = np.stack(columns, axis=1)
        solution, *_ = np.linalg.lstsq(a * w[:, None], y * w, rcond=None)
        p, q = solution[: p_degree + 1], np.concatenate([[1.0], solution[p_degree + 1 :]])
        q_now = np.polyval(q[::-1], u)
        error = np.abs(x * (np.polyval(p[::-1], u) / q_now - y))
        if best is None or error.max() < best[0]:
            best = (error.max(), p / scale ** np.arange(p_degree + 1), q / scale ** np.arange(q_degree + 1))
        weight *= error / error.max() + 1e-3
        weight /= weight.mean()
    return best


def evaluate_f32(p, q, x):
    p, q, x = p.astype(np.float32), q.astype(np.float32), x.astype(np.float32)
    c = np.clip(x, np.float32(-CLAMP), np.float32(CLAMP))
    t = c * c
    top, bottom = np.full_like(t, p[-1]), np.full_like(t, q[-1])
    for k in p[-2::-1]:
        top = (top.astype(np.float64) * t + k).astype(np.float32)  # as a fused multiply-add rounds
    for k in q[-2::-1]:
        bottom = (bottom.astype(np.float64) * t + k).astype(np.float32)
    phi = ((c * top) / bottom).astype(np.float32) + np.float32(0.5)
    return x * phi


def fma(a, b, c):
    return (a.astype(np.float64) * b + c).astype(np.float32)


def fit_narrow(degree, limit, rounds=300):
    """P, scaled so that limit * P(limit^2) is 1/2; the error of gelu is levelled, not that of Phi."""
    x = np.linspace(1e-4, limit, 8001)
    u = x * x / limit**2
    y = (ndtr(x) - 0.5) / x
    basis = np.polynomial.chebyshev.chebvander(2 * u - 1, degree)
    # P = 1 / (2 limit) + (u - 1) * R(u): 1/2 at the end whatever R is
    columns, rest = (u - 1)[:, None] * basis[:, :degree], y - 0.5 / limit
    weight = np.ones_like(x)
    for _ in range(rounds):
        w = np.sqrt(weight) * x * x
        solution, *_ = np.linalg.lstsq(columns * w[:, None], rest * w, rcond=None)
        error = np.abs(x * x * (columns @ solution - rest))
        weight *= error / error.max() + 1e-3
        weight /= weight.mean()
    in_u = np.polynomial.chebyshev.cheb2poly(solution)  # of 2 u - 1
    r = np.polynomial.Polynomial(in_u)(np.polynomial.Polynomial([-1.0, 2.0]))
    whole = (r * np.polynomial.Polynomial([-1.0, 1.0]) + 0.5 / limit).coef
    return whole / limit ** (2 * np.arange(degree + 1))


def half_of_phi_narrow(p, c):
    t = c * c
    sum_ = np.full_like(t, p[-1])
    for k in p[-2::-1]:
        sum_ = fma(sum_, t, k)
    return c * sum_


def main_narrow():
    p = fit_narrow(NARROW_DEGREE, NARROW_LIMIT).astype(np.float32)
    ends = np.float32(NARROW_LIMIT) + np.arange(-2000, 2000).astype(np.float32) * np.float32(2.0**-22)
    exact = ends[half_of_phi_narrow(p, ends) == np.float32(0.5)]
    if len(exact) == 0:
        raise SystemExit("no limit at which x * P is 1/2 in f32: change NARROW_LIMIT")
    limit = exact[np.argmin(np.abs(exact - np.float32(NARROW_LIMIT)))]
    x = np.linspace(-12, 12, 2_000_001).astype(np.float32)
    got = x * (half_of_phi_narrow(p, np.clip(x, -limit, limit)) + np.float32(0.5))
    worst = np.abs(got - x.astype(np.float64) * ndtr(x.astype(np.float64)))
    print(f"/* narrow, limit {limit:.9g}f: largest error of gelu {worst.max():.2e}, for |x| < 3 {worst[np.abs(x) < 3].max():.2e} */")
    print("static const float narrow[] = {" + ", ".join(f"{v:.9e}f" for v in p) + "};")


def main():
    error, p, q = fit(P_DEGREE, Q_DEGREE, LIMIT)
    x = np.linspace(-12, 12, 2_000_001).astype(np.float32)
    exact = x.astype(np.float64) * ndtr(x.astype(np.float64))
    got = evaluate_f32(p, q, x)
    worst = np.abs(got - exact)
    print(f"/* |x| <= {LIMIT}: error of Phi {error:.2e}; largest error of gelu in f32 {worst.max():.2e},"
          f" for |x| < 3 {worst[np.abs(x) < 3].max():.2e} */")
    for name, values in (("P", p), ("Q", q)):
        print(f"static const float {name}[] = {{" + ", ".join(f"{np.float32(v):.9e}f" for v in values) + "};")


if __name__ == "__main__":
    main()
    main_narrow()
