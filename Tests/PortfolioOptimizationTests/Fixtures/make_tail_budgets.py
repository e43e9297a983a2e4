#!/usr/bin/env python3
"""Makes tail_budgets.json: budgets of conditional value-at-risk, without limits and under some.

Without limits w is y / sum y, y the minimiser of CVaR(y) - sum b log y (as Riskfolio-Lib and skfolio pose it). Under limits
w(lambda) minimises CVaR(w) - lambda sum b log w under them, but without the equation sum w = 1; the answer is the w(lambda)
that sums to 1, found by bisection. Cases without scenarios take the CVaR of normal returns, k |Fw| - m'w per period. All
with cvxpy's exponential cones and Clarabel.

    python3 make_tail_budgets.py > tail_budgets.json
"""

import json
import random
import sys

import cvxpy as cp
import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm



def optimize(program):
    """Solves as exactly as Clarabel will say it can."""
    for tolerance in (1e-12, 1e-11, 1e-10, 1e-9):
        try:
            program.solve(
                solver=cp.CLARABEL, tol_gap_abs=tolerance, tol_gap_rel=tolerance, tol_feas=tolerance, max_iter=300
            )
        except cp.SolverError:
            continue
        if program.status == cp.OPTIMAL:
            return
    raise ValueError(program.status)


def tail(case, w):
    beta = case["confidence"]
    if "returns" in case:
        returns = np.array(case["returns"])
        p = np.array(case.get("probabilities", [1 / len(returns)] * len(returns)))
        level = cp.Variable()
        return level + cp.sum(cp.multiply(p / (1 - beta), cp.pos(-returns @ w - level)))
    multiple = norm.pdf(norm.ppf(beta)) / (1 - beta)
    root = np.linalg.cholesky(np.array(case["covariance"])).T
    return multiple * cp.norm(root @ w) / np.sqrt(252) - np.array(case["means"]) @ w / 252


def free(case):
    b = np.array(case["budgets"])
    y = cp.Variable(len(b))
    unit = 0.01
    program = cp.Problem(cp.Minimize(tail(case, y) / unit - b @ cp.log(y)))
    optimize(program)
    return [float(x) for x in y.value / np.sum(y.value)]


def limited(case):
    b = np.array(case["budgets"])
    n = len(b)
    w, weight = cp.Variable(n), cp.Parameter(nonneg=True)
    rows = [w >= case["low"], w <= case["high"]]
    for group in case["groups"]:
        rows += [cp.sum(w[group["members"]]) >= group["min"], cp.sum(w[group["members"]]) <= group["max"]]
    if "turnover" in case:
        rows.append(cp.sum(cp.pos(np.full(n, 1 / n) - w)) <= case["turnover"])
    program = cp.Problem(cp.Minimize(tail(case, w) / 0.01 - weight * (b @ cp.log(w))), rows)

    def total(logarithm):
        weight.value = float(np.exp(logarithm))
        optimize(program)
        return float(np.sum(w.value)) - 1

    low_end, high_end = np.log(0.05), np.log(20)
    if total(low_end) >= 0 or total(high_end) <= 0:
        return None
    total(brentq(total, low_end, high_end, xtol=1e-11, rtol=1e-11))
    return [float(x) for x in w.value]


def main():
    rng = random.Random(2007)
    cases = []
    for number in range(44):
        n = rng.randint(2, 9)
        gen = np.random.default_rng(number)
        loadings = np.column_stack([0.003 + 0.01 * gen.random(n), 0.01 * gen.random(n) - 0.005])
        case = {}
        if number % 11 == 10:
            covariance = loadings @ loadings.T * 252 + np.diag((0.05 + 0.2 * gen.random(n)) ** 2)
            case["covariance"] = np.round(covariance, 6).tolist()
            case["means"] = np.round(0.1 * gen.random(n), 4).tolist()
        else:
            periods = int(gen.integers(40, 400))
            shocks = gen.standard_t(4, (periods, 2)) @ loadings.T
            own = gen.standard_t(5, (periods, n)) * (0.004 + 0.01 * gen.random(n))
            case["returns"] = np.round(shocks + own + 0.0003, 5).tolist()
            if number % 5 == 3:
                parts = gen.integers(1, 9, periods)
                case["probabilities"] = (parts / parts.sum()).tolist()
        case["confidence"] = [0.95, 0.9, 0.99, 0.5][number % 4]
        parts = [rng.randint(1, 9) for _ in range(n)] if number % 2 else [1] * n
        case["budgets"] = [part / sum(parts) for part in parts]
        try:
            case["free"] = free(case)
        except (ValueError, cp.SolverError) as error:
            print(number, "free", error, file=sys.stderr)
            continue
        case |= dict(low=[0.0] * n, high=[1.0] * n, groups=[])
        kind = number % 3
        if kind == 0 and n > 3:
            case["high"] = [round(1.25 / n, 4)] * n
        if kind == 1 and n > 2:
            case["low"][0] = round(1.5 / n, 4)
            case["high"][2] = round(0.5 / n, 4)
        if kind == 2 and n > 2:
            members = list(range(0, n, 2))
            share = len(members) / n
            case["groups"] = [dict(members=members, min=round(share * 0.3, 4), max=round(share * 0.75, 4))]
        if number % 7 == 2:
            case["turnover"] = round(rng.uniform(0.04, 0.12), 4)
        try:
            case["limited"] = limited(case)
        except (ValueError, cp.SolverError) as error:
            print(number, "limited", error, file=sys.stderr)
        if case.get("limited") is None:
            case.pop("limited", None)
        print(number, n, kind, case.get("turnover"), case["free"], case.get("limited"), file=sys.stderr)
        cases.append(case)
    print("[")
    print(",\n".join(json.dumps(case) for case in cases))
    print("]")


if __name__ == "__main__":
    main()
