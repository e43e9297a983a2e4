#!/usr/bin/env python3
"""Makes grandfathered_mandates.json, largest_mandates.json and soft_mandates.json: random mandates with breaches of the
holdings that are let be, with limits on the sum of the largest positions, and with limits that may be exceeded at a price.

Data and the other limits are those of make_language_mandates.py. Every limit is written here as one expression and one
bound: a breach moves the bound to the expression's value at the holdings, a soft limit gets an excess that the objective
pays for, and the largest positions are cvxpy's sum_largest. Solved by Clarabel, with SCIP for who is held.

    python3 make_amended_mandates.py grandfathered > grandfathered_mandates.json
"""

import json
import os
import random
import sys

import cvxpy as cp
import numpy as np

from make_factor_mandates import FACTORS, exposures
from make_language_mandates import RATIOS, Search, language_case
from make_random_mandates import identifier, rounded

FIRST = {"grandfathered": 30000, "largest": 34000, "soft": 38000}
UNTOUCHED = {"max_turnover", "min_return", "min_position_size"}
SHARP = 1e-9


class Limit:
    """One bound: sign * (value - bound) <= 0."""

    def __init__(self, pointer, subject, sign, value, bound):
        self.pointer, self.subject, self.sign, self.value, self.bound = pointer, subject, sign, value, bound


class Amended(Search):
    def __init__(self, m, case):
        super().__init__(m, case)
        self.limits = list(self.every())
        c = case["constraints"]
        self.most = c.get("max_positions", m.n)
        if c.get("grandfather_breaches"):
            self.let_be()
        self.penalty = 0
        self.rows = self.structure()
        soft = {s["limit"]: s["penalty"] for s in c.get("soft_limits", [])}
        for limit in self.limits:
            excess = 0
            if limit.pointer in soft:
                excess = cp.Variable(nonneg=True)
                self.penalty = self.penalty + soft[limit.pointer] * excess
            self.rows.append(limit.sign * (limit.value - limit.bound) <= excess)

    def every(self):
        """Every number of the mandate, wherever it is applied."""
        m, w, cash, case = self.m, self.w, self.cash, self.case
        c = case["constraints"]
        outside = set(case["outside"])
        caps, floors = c.get("max_weights", {}), c.get("min_weights", {})
        for i in range(m.n):
            name = identifier(i)
            if i in outside:
                continue
            if name in caps:
                yield Limit("/max_weights/" + name, None, 1, w[i], caps[name])
            elif "max_position_size" in c:
                yield Limit("/max_position_size", name, 1, w[i], c["max_position_size"])
            if name in floors:
                yield Limit("/min_weights/" + name, None, -1, w[i], floors[name])
        for key, labels in (("max_sector_exposure", m.sectors), ("max_asset_class_exposure", m.classes)):
            if key in c:
                for name in sorted({x for x in labels if x is not None}):
                    members = [i for i in range(m.n) if labels[i] == name]
                    yield Limit("/" + key, name, 1, cp.sum(w[members]), c[key])
        for place, group in enumerate(c.get("groups", [])):
            members = [i for i in range(m.n) if self.belongs(i, group)]
            total = cp.sum(w[members]) if members else cp.Constant(0)
            if "min" in group:
                yield Limit("/groups/%d/min" % place, None, -1, total, group["min"])
            if "max" in group:
                yield Limit("/groups/%d/max" % place, None, 1, total, group["max"])
        loadings = exposures(case["seed"], m.n)
        for name, limit in c.get("factor_exposures", {}).items():
            value = loadings[:, FACTORS.index(name)] @ w
            if "min" in limit:
                yield Limit("/factor_exposures/%s/min" % name, None, -1, value, limit["min"])
            if "max" in limit:
                yield Limit("/factor_exposures/%s/max" % name, None, 1, value, limit["max"])
        if "min_cash" in c:
            yield Limit("/min_cash", None, -1, cash, c["min_cash"])
        if "max_cash" in c:
            yield Limit("/max_cash", None, 1, cash, c["max_cash"])
        if "max_turnover" in c:
            moved = 0.5 * (cp.norm1(w - m.current) + cp.abs(cash - m.cash))
            yield Limit("/max_turnover", None, 1, moved, c["max_turnover"])
        if "min_return" in c:
            yield Limit("/min_return", None, -1, m.mu @ w + self.rate * cash, c["min_return"])
        root = np.linalg.cholesky(m.cov).T
        for key in ("target_volatility", "max_risk"):
            if key in c:
                yield Limit("/" + key, None, 1, cp.norm(root @ w), c[key])
        if "max_tracking_error" in c:
            yield Limit("/max_tracking_error", None, 1, cp.norm(root @ (w - self.b)), c["max_tracking_error"])
        for place, limit in enumerate(c.get("largest_positions", [])):
            yield Limit(
                "/largest_positions/%d/max" % place, None, 1, cp.sum_largest(w, min(limit["count"], m.n)), limit["max"]
            )

    def belongs(self, i, group):
        if "instruments" in group:
            return identifier(i) in group["instruments"]
        if "sector" in group:
            return self.m.sectors[i] == group["sector"]
        return self.m.classes[i] == group["asset_class"]

    def let_be(self):
        self.w.value, self.cash.value = self.m.current, self.m.cash
        for limit in self.limits:
            if limit.pointer.split("/")[1] in UNTOUCHED:
                continue
            held = float(limit.value.value)
            if limit.sign * (held - limit.bound) > SHARP:
                limit.bound = held
        self.most = max(self.most, int(np.sum(self.m.current != 0)))

    def structure(self):
        """What no limit of the mandate says: the budget, no shorts, cash where it is not limited, what must be sold."""
        c = self.case["constraints"]
        rows = [cp.sum(self.w) + self.cash == 1, self.w >= 0, self.cash >= 0]
        if "max_cash" not in c:
            rows.append(self.cash <= c.get("min_cash", 0.0))
        outside = set(self.case["outside"])
        rows += [self.w[i] == 0 for i in outside]
        # A floor for what must be sold is a contradiction.
        if any(identifier(i) in c.get("min_weights", {}) and c["min_weights"][identifier(i)] > 0 for i in outside):
            rows.append(self.cash >= 2)
        return rows

    def choices(self):
        c = self.case["constraints"]
        if "max_positions" not in c and "min_position_size" not in c:
            return [], None
        z = cp.Variable(self.m.n, boolean=True)
        rows = [self.w <= z, cp.sum(z) <= self.most]
        rows += [self.w[i] >= c["min_position_size"] * z[i] for i in self.thresholds()]
        return rows, z

    def solve(self):
        if not isinstance(self.penalty, int):
            return self.solve_soft()
        return super().solve()

    def solve_soft(self):
        objective = self.case["objective"]
        goal = {
            "minimize_risk": -self.volatility,
            "maximize_return": self.net,
            "maximize_utility": self.net - self.aversion / 2 * self.variance,
            "minimize_tracking_error": -self.error,
            "minimize_transaction_costs": -self.cost,
        }[objective] - self.penalty
        status = self.best(cp.Maximize(goal))
        if status == cp.OPTIMAL:
            return "optimal", float(goal.value)
        return self.verdict(status)


def grandfathered(rng, m, case):
    c = case["constraints"]
    c["grandfather_breaches"] = True
    # Limits nearer to what is held, so that some are broken and some are not.
    if rng.random() < 0.5:
        c["max_position_size"] = rounded(float(np.sort(m.current)[-2]) * rng.uniform(0.7, 1.2) + 0.01)
    if rng.random() < 0.4:
        c["max_sector_exposure"] = rounded(rng.uniform(0.2, 0.45))
    if rng.random() < 0.3:
        c["max_risk"] = rounded(float(np.sqrt(m.current @ m.cov @ m.current)) * rng.uniform(0.8, 1.1))
        c.pop("target_volatility", None)
    if rng.random() < 0.5:
        c["max_turnover"] = rounded(rng.uniform(0.02, 0.3) + sum(m.current[i] for i in case["outside"]))
        c["max_cash"] = rounded(c.get("min_cash", 0) + m.cash * rng.uniform(0.5, 1.5))
    if c.get("min_position_size", 0) > c.get("max_position_size", 1):
        c.pop("min_position_size")


def largest(rng, m, case):
    c = case["constraints"]
    limits = []
    for count in sorted(rng.sample(range(1, min(8, m.n)), rng.choice([1, 1, 2]))):
        even = count / max(2, m.n - len(case["outside"]))
        limits.append({"count": count, "max": rounded(min(0.95, even * rng.uniform(0.97, 2.5)))})
    c["largest_positions"] = limits
    if rng.random() < 0.2:
        c["grandfather_breaches"] = True


def soft(rng, m, case):
    c = case["constraints"]
    while case["objective"] in RATIOS:
        case["objective"] = rng.choice(
            ["minimize_risk", "maximize_return", "maximize_utility", "minimize_tracking_error"]
            + ["minimize_transaction_costs"]
        )
    if case["objective"] == "minimize_transaction_costs":
        case["preferences"].setdefault("transaction_cost_model", 0.002)
    if rng.random() < 0.3:
        largest(rng, m, case)
        c.pop("grandfather_breaches", None)
    c.setdefault("max_turnover", rounded(rng.uniform(0.05, 0.4)))
    c.setdefault("max_position_size", rounded(min(0.9, rng.uniform(0.9, 4) / m.n)))
    named = sorted({limit.pointer for limit in Amended(m, case).limits})
    named = [n for n in named if not n.startswith("/min_cash") or "max_cash" in c]
    chosen = rng.sample(named, min(len(named), rng.choice([1, 1, 2, 3, 4])))
    c["soft_limits"] = [{"limit": name, "penalty": rounded(10 ** rng.uniform(-2.5, 0.5), 5)} for name in chosen]


KINDS = {"grandfathered": grandfathered, "largest": largest, "soft": soft}


def main():
    # SCIP writes to the standard output whatever it is told: what is written there goes to the errors.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    kind = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    rng = random.Random(FIRST[kind])
    cases = 0
    print("[", end="", file=out)
    for number in range(FIRST[kind], FIRST[kind] + count):
        m, case = language_case(rng, number)
        KINDS[kind](rng, m, case)
        try:
            status, value = Amended(m, case).solve()
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
