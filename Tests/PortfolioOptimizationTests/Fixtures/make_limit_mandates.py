#!/usr/bin/env python3
"""Makes limit_mandates.json: random mandates with factor risk budgets, limits on the changes of single weights and groups of
fractional membership, with the verdict and the optimum of other solvers.

Data, the other limits and the way to solve are those of make_language_mandates.py, with other seeds. The factors have
variances of their own here, exposures the smaller for it; a risk budget is a norm of one number, a change an absolute value.

    python3 make_limit_mandates.py > limit_mandates.json
"""

import json
import os
import random
import sys

import cvxpy as cp
import numpy as np

import make_factor_mandates as factors
import make_language_mandates as language
from make_random_mandates import identifier, rounded

FIRST = 40000
plain_limits = language.limits_of


def limits_of(m, case, support=None):
    c = case["constraints"]
    plain = dict(case, constraints={k: v for k, v in c.items() if k not in ("groups", "factor_exposures")})
    build = plain_limits(m, plain, support)
    deviations = np.sqrt(np.array(case["factor_variances"]))
    b = factors.exposures(case["seed"], m.n) / deviations

    def whole(w, cash, k):
        rows, root = build(w, cash, k)
        for group in c.get("groups", []):
            total = sum(part * w[int(name[1:])] for name, part in group["memberships"].items())
            if "min" in group:
                rows.append(total >= group["min"] * k)
            if "max" in group:
                rows.append(total <= group["max"] * k)
        for name, limit in c.get("factor_exposures", {}).items():
            f = factors.FACTORS.index(name)
            exposure = b[:, f] @ w
            if "min" in limit:
                rows.append(exposure >= limit["min"] * k)
            if "max" in limit:
                rows.append(exposure <= limit["max"] * k)
            if "max_risk" in limit:
                rows.append(cp.norm(cp.reshape(deviations[f] * exposure, (1,), order="C")) <= limit["max_risk"] * k)
        own = c.get("max_weight_changes", {})
        for i in range(m.n):
            most = own.get(identifier(i), c.get("max_weight_change"))
            if most is not None:
                rows.append(cp.abs(w[i] - m.current[i] * k) <= most * k)
        return rows, root

    return whole


language.limits_of = limits_of


def limit_case(rng, number):
    m, case = language.language_case(rng, number)
    c = case["constraints"]
    for name in ("groups", "factor_exposures", "max_turnover"):
        c.pop(name, None)
    case["factor_variances"] = [rounded(rng.uniform(0.01, 4), 3) for _ in factors.FACTORS]
    deviations = np.sqrt(np.array(case["factor_variances"]))
    raw = factors.exposures(number, m.n)
    near = np.array([rng.random() for _ in range(m.n)])
    inside = raw.T @ (near / near.sum())
    kinds = rng.sample(["risk", "change", "group"], rng.choice([1, 1, 2, 3]))
    if "risk" in kinds:
        limits = {}
        for f, name in enumerate(factors.FACTORS):
            if rng.random() < 0.6 or (f == 2 and not limits):
                limits[name] = {"max_risk": rounded(abs(inside[f]) * rng.uniform(0.6, 1.2) + 0.002, 5)}
                if rng.random() < 0.3:
                    limits[name]["min"] = rounded((inside[f] - 0.03) / deviations[f])
        c["factor_exposures"] = limits
    if "change" in kinds:
        if rng.random() < 0.7:
            c["max_weight_change"] = rounded(rng.choice([rng.uniform(0.005, 0.06), rng.uniform(0.05, 0.3)]))
        if "max_weight_change" not in c or rng.random() < 0.5:
            chosen = rng.sample(range(m.n), min(m.n, 3))
            c["max_weight_changes"] = {identifier(i): rounded(rng.choice([0, rng.uniform(0, 0.2)])) for i in chosen}
    if "group" in kinds:
        chosen = rng.sample(range(m.n), min(m.n, rng.randint(2, 5)))
        parts = {identifier(i): rounded(rng.choice([1, rng.uniform(0.05, 1)])) for i in chosen}
        group = {"name": "g", "memberships": parts}
        kind = rng.random()
        if kind < 0.7:
            group["min"] = rounded(rng.uniform(0, 0.4))
        if kind > 0.5:
            group["max"] = rounded(group.get("min", 0) + rng.uniform(0, 0.3))
        c["groups"] = [group]
    return m, case


def main():
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    rng = random.Random(27182)
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 420
    cases = 0
    print("[", end="", file=out)
    for number in range(FIRST, FIRST + count):
        m, case = limit_case(rng, number)
        try:
            status, value = language.Search(m, case).solve()
        except Exception as failure:  # a solver that breaks down gives no verdict
            status, value = "unclear", repr(failure)
        print(number, case["objective"], case["size"], status, value, file=sys.stderr)
        if status == "unclear":
            continue
        case["status"] = status
        if value is not None:
            case["expected"] = value
        print(",\n" if cases else "\n", json.dumps(case, separators=(",", ":")), sep="", end="", flush=True, file=out)
        cases += 1
    print("\n]", file=out, flush=True)


if __name__ == "__main__":
    main()
