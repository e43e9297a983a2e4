"""Least risk of the scenario measures on small random cases, by cvxpy with Clarabel.

Written for scenario_minima.json; run with `pip install cvxpy` and a numpy 2:
    python make_scenario_minima.py > scenario_minima.json
The measures are written here from their definitions, not from the programs of the service.
"""
import json

import cvxpy as cp
import numpy as np

CASES = [(4, 30, False), (8, 60, True), (12, 40, False), (6, 5, True)]


def measures(w, returns, p, equal):
    r = returns @ w
    mean = p @ r
    yield "worst_realization", cp.max(-r), None
    for beta in (0.0, 0.8, 0.95):
        a = cp.Variable()
        yield "cvar", a + p @ cp.pos(-r - a) / (1 - beta), beta
    yield "mad", p @ cp.abs(r - mean), None
    yield "semi_deviation", cp.norm(cp.multiply(np.sqrt(p), cp.pos(mean - r))), None
    if equal:
        path = cp.hstack([0, cp.cumsum(r)])
        drawdowns = cp.hstack([cp.max(path[: t + 1]) - path[t] for t in range(1, len(p) + 1)])
        yield "max_drawdown", cp.max(drawdowns), None
        a = cp.Variable()
        yield "cdar", a + p @ cp.pos(drawdowns - a) / (1 - 0.8), 0.8


out = []
for seed, (n, T, unequal) in enumerate(CASES):
    rng = np.random.default_rng(100 + seed)
    returns = np.round(0.0006 + 0.01 * rng.standard_t(5, (T, n)) + 0.006 * rng.standard_normal((T, 1)), 6)
    p = np.full(T, 1 / T)
    if unequal:
        p = rng.integers(1, 5, T).astype(float)
        p /= p.sum()
    mu = returns.mean(0)
    least = float(0.5 * (mu.max() + mu.mean()))
    cap = max(0.5, 1.5 / n)
    w = cp.Variable(n)
    minima = []
    for name, objective, beta in measures(w, returns, p, not unequal):
        problem = cp.Problem(cp.Minimize(objective), [cp.sum(w) == 1, w >= 0, w <= cap, mu @ w >= least])
        problem.solve(solver=cp.CLARABEL, tol_gap_abs=1e-12, tol_gap_rel=1e-12, tol_feas=1e-12)
        minima.append(dict(measure=name, confidence=beta, value=float(problem.value)))
    out.append(dict(returns=returns.tolist(), probabilities=p.tolist() if unequal else None,
                    expected_returns=mu.tolist(), least_return=least, largest_weight=cap, minima=minima))
print(json.dumps(out, separators=(",", ":")))
