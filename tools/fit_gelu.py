#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fits the constants of the GELU kernels: Phi(x) - 1/2 = x * P(x^2) / Q(x^2) on |x| <= LIMIT, Q(0) = 1.

Phi is the normal distribution function, gelu(x) = x * Phi(x). The fit is a linearised least-squares problem on Chebyshev points,
reweighted until the largest error levels out (Lawson's method). Needs numpy and scipy. Prints C arrays and the error of the f32 evaluation.
"""
import numpy as np
from scipy.special import ndtr

LIMIT = 5.6  # 1 - Phi(5.6) = 1.1e-8: less than half a unit in the last place of 1.0f
CLAMP = 5.56  # where the kernels stop following x: nearly LIMIT, and in f32 the quotient there is exactly 1/2
P_DEGREE, Q_DEGREE = 5, 5


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
