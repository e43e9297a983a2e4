#!/usr/bin/env python3
"""Makes factor_mandates.json: random mandates with limits on factor exposures, and the optimum of cvxpy and Clarabel.

Data and limits of weights are those of make_random_mandates.py, with other seeds; here the covariance is written with
the factors' exposures as variables, y = B'w, which is not how the service does it.

    python3 make_factor_mandates.py > factor_mandates.json
"""

import json
import random
import sys

import cvxpy as cp
import numpy as np

import make_random_mandates as base

FACTORS = ["MKT", "SECOND", "THIRD"]


def exposures(seed, size):
    r = base.SplitMix64(seed)
    return np.array([[0.05 + 0.2 * r.uniform()] + [0.24 * r.uniform() - 0.12 for _ in range(2)] for _ in range(size)])


plain_limits = base.limits_of


def limits_of(m, case, support=None):
    build = plain_limits(m, case, support)
    b = exposures(case["seed"], m.n)

    def with_factors(w, cash, k):
        rows, root = build(w, cash, k)
        y = cp.Variable(3)
        rows.append(y == b.T @ w)
        for name, limit in case["constraints"].get("factor_exposures", {}).items():
            if "min" in limit:
                rows.append(y[FACTORS.index(name)] >= limit["min"] * k)
            if "max" in limit:
                rows.append(y[FACTORS.index(name)] <= limit["max"] * k)
        return rows, root

    return with_factors


base.limits_of = limits_of


def factor_limits(rng, m, b):
    limits = {}
    weights = np.array([rng.random() for _ in range(m.n)])
    inside = b.T @ (weights / weights.sum())
    for f, name in enumerate(FACTORS):
        kind = rng.random()
        near = inside[f] + rng.gauss(0, 0.015)
        if kind < 0.25:
            limits[name] = {"max": base.rounded(near)}
        elif kind < 0.4:
            limits[name] = {"min": base.rounded(near)}
        elif kind < 0.6:
            limits[name] = {"min": base.rounded(near - 0.01), "max": base.rounded(near + 0.01)}
        elif kind < 0.7 and f > 0:
            limits[name] = {"min": 0.0, "max": 0.0}
        elif kind < 0.8:
            limits[name] = {"min": base.rounded(near), "max": base.rounded(near)}
    return limits or {"MKT": {"max": base.rounded(inside[0])}}


def main():
    rng = random.Random(8)
    cases = []
    for number in range(5000, 5000 + (int(sys.argv[1]) if len(sys.argv) > 1 else 120)):
        m, case = base.random_case(rng, number)
        case["constraints"].pop("min_position_size", None)
        case["constraints"]["factor_exposures"] = factor_limits(rng, m, exposures(number, m.n))
        status, value, _ = base.solve(m, case)
        print(number, case["objective"], case["size"], status, value, file=sys.stderr)
        if status == "unclear":
            continue
        case["status"] = status
        if value is not None:
            case["expected"] = value
        cases.append(case)
    print("[")
    print(",\n".join(json.dumps(case) for case in cases))
    print("]")


if __name__ == "__main__":
    main()
