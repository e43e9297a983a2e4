#!/usr/bin/env python3
"""Makes language_mandates.json: random mandates over the whole language of limits and objectives on volatility, with the
verdict and the optimum of other solvers.

Data and the simple limits are those of make_random_mandates.py; limits on exposures to factors, on the tracking error, on
positions and buy-in thresholds come on top, in every mixture. Who is held is found by SCIP with a binary for each
instrument and the optimum on that support by Clarabel; ratios by Dinkelbach's iteration; a verdict of infeasible on linear
limits is confirmed by HiGHS. The service does none of this.

    python3 make_language_mandates.py > language_mandates.json
"""

import json
import os
import random
import sys

import cvxpy as cp
import numpy as np

from make_active_objectives import benchmark
from make_factor_mandates import exposures, factor_limits
from make_random_mandates import TOLERANCES, cost_rates, identifier, limits_of, random_case, rounded

FIRST = 20000
OBJECTIVES = [
    "maximize_sharpe",
    "minimize_risk",
    "maximize_return",
    "maximize_utility",
    "minimize_tracking_error",
    "maximize_information_ratio",
    "maximize_diversification",
    "minimize_transaction_costs",
]
RATIOS = {
    "maximize_sharpe": "no_excess_return",
    "maximize_information_ratio": "no_active_return",
    "maximize_diversification": "riskless",
}
# Where SCIP calls a support the best that the service beats by an allocation within all limits.
BEATEN = {20597}
CONES = {"target_volatility", "max_risk", "max_tracking_error"}
FINE = (cp.OPTIMAL, cp.OPTIMAL_INACCURATE)


def attempt(goal, rows, integers=False):
    program = cp.Problem(goal, rows)
    try:
        if integers:
            program.solve(solver=cp.SCIP, scip_params={"limits/time": 10, "limits/gap": 1e-9, "display/verblevel": 0})
        else:
            program.solve(solver=cp.CLARABEL, **TOLERANCES)
    except cp.SolverError:
        return "unclear"
    return program.status


class Search:
    def __init__(self, m, case):
        self.m, self.case = m, case
        c, p = case["constraints"], case["preferences"]
        self.w, self.cash = cp.Variable(m.n), cp.Variable()
        self.rows, root = limits_of(m, case)(self.w, self.cash, 1)
        self.b = benchmark(m.n)
        active = self.w - self.b
        if "max_tracking_error" in c:
            self.rows.append(cp.norm(root @ active) <= c["max_tracking_error"])
        self.volatility, self.error = cp.norm(root @ self.w), cp.norm(root @ active)
        self.variance, self.squared_error = cp.sum_squares(root @ self.w), cp.sum_squares(root @ active)
        self.aversion, self.rate = p.get("risk_aversion", 2.5), p.get("risk_free_rate", 0.0)
        moved = cp.abs(self.w - m.current)
        rates = cost_rates(m, case)
        trades = rates @ moved if rates.any() else 0
        self.net = m.mu @ self.w + self.rate * self.cash - trades
        self.active_return = m.mu @ active - trades
        own = m.rates if case["own_costs"] else np.ones(m.n) * p.get("transaction_cost_model", 0.0)
        self.cost = own @ moved
        self.spread = np.sqrt(np.diag(m.cov)) @ self.w

    def choices(self):
        """Rows of the choice of who is held, with its binaries; none where nothing is chosen."""
        c = self.case["constraints"]
        if "max_positions" not in c and "min_position_size" not in c:
            return [], None
        z = cp.Variable(self.m.n, boolean=True)
        rows = [self.w <= z, cp.sum(z) <= c.get("max_positions", self.m.n)]
        rows += [self.w[i] >= c["min_position_size"] * z[i] for i in self.thresholds()]
        return rows, z

    def thresholds(self):
        c = self.case["constraints"]
        if "min_position_size" not in c:
            return []
        return [i for i in range(self.m.n) if identifier(i) not in c.get("min_weights", {})]

    def best(self, goal):
        """Status, and the optimum left in w and cash."""
        rows, z = self.choices()
        status = attempt(goal, self.rows + rows, z is not None)
        if z is None or status not in FINE:
            return status
        held = z.value > 0.5
        under = set(self.thresholds())
        fixed = [self.w[i] == 0 for i in range(self.m.n) if not held[i]]
        fixed += [self.w[i] >= self.case["constraints"]["min_position_size"] for i in under if held[i]]
        return attempt(goal, self.rows + fixed)

    def solve(self):
        objective = self.case["objective"]
        if objective in RATIOS:
            gain, risk = {
                "maximize_sharpe": (self.net - self.rate, self.volatility),
                "maximize_information_ratio": (self.active_return, self.error),
                "maximize_diversification": (self.spread, self.volatility),
            }[objective]
            return self.ratio(gain, risk, RATIOS[objective])
        goal, value = {
            "minimize_risk": (cp.Minimize(self.variance), lambda: self.volatility.value),
            "maximize_return": (cp.Maximize(self.net), lambda: self.net.value),
            "maximize_utility": (
                cp.Maximize(self.net - self.aversion / 2 * self.variance),
                lambda: self.net.value - self.aversion / 2 * self.variance.value,
            ),
            "minimize_tracking_error": (cp.Minimize(self.squared_error), lambda: self.error.value),
            "minimize_transaction_costs": (cp.Minimize(self.cost), lambda: self.cost.value),
        }[objective]
        status = self.best(goal)
        if status == cp.OPTIMAL:
            return "optimal", float(value())
        return self.verdict(status)

    def verdict(self, status):
        if status != cp.INFEASIBLE:
            return "unclear", None
        if CONES.isdisjoint(self.case["constraints"]) and self.choices()[1] is None:
            program = cp.Problem(cp.Minimize(0), self.rows)
            program.solve(solver=cp.HIGHS)
            if program.status != cp.INFEASIBLE:
                return "unclear", None
        return "infeasible", None

    def ratio(self, gain, risk, none):
        status = self.best(cp.Maximize(gain))
        if status != cp.OPTIMAL:
            return self.verdict(status)
        if abs(gain.value) < 1e-3:
            return "unclear", None
        if gain.value < 0:
            return none, None
        ratio = float(gain.value / risk.value)
        for _ in range(12):
            if self.best(cp.Maximize(gain - ratio * risk)) not in FINE or risk.value < 1e-6:
                return "unclear", None
            better = float(gain.value / risk.value)
            if better <= ratio * (1 + 1e-9):
                return "optimal", max(ratio, better)
            ratio = better
        return "unclear", None


def language_case(rng, number):
    chooses = number % 8 == 5
    while True:
        m, case = random_case(rng, number)
        case["constraints"].pop("min_position_size", None)
        if case["size"] <= (8 if chooses else 40):
            break
    c, p = case["constraints"], case["preferences"]
    case["objective"] = rng.choice(OBJECTIVES)
    if case["objective"] != "maximize_utility":
        p.pop("risk_aversion", None)
    if case["objective"] == "minimize_transaction_costs":
        p.setdefault("transaction_cost_model", 0.002)
    if rng.random() < 0.25:
        c["factor_exposures"] = factor_limits(rng, m, exposures(number, m.n))
    if rng.random() < 0.25:
        c["max_tracking_error"] = rounded(rng.uniform(0.04, 0.16))
    if chooses:
        kind = rng.random()
        if kind < 0.7:
            c["max_positions"] = rng.randint(2, max(2, case["size"] // 2))
            c["max_position_size"] = rounded(min(1, rng.uniform(0.95, 2.5) / c["max_positions"]))
        if kind > 0.4:
            c["min_position_size"] = rounded(rng.uniform(0.02, min(0.3, 0.7 * c.get("max_position_size", 1))))
        c.pop("min_weights", None)
    return m, case


def main():
    # SCIP writes to the standard output whatever it is told: what is written there goes to the errors.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    rng = random.Random(31415)
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2200
    cases = 0
    print("[", end="", file=out)
    for number in range(FIRST, FIRST + count):
        m, case = language_case(rng, number)
        try:
            status, value = Search(m, case).solve()
        except Exception as failure:  # a solver that breaks down gives no verdict
            status, value = "unclear", repr(failure)
        print(number, case["objective"], case["size"], status, value, file=sys.stderr)
        if status == "unclear" or number in BEATEN:
            continue
        case["status"] = status
        if value is not None:
            case["expected"] = value
        print(",\n" if cases else "\n", json.dumps(case, separators=(",", ":")), sep="", end="", flush=True, file=out)
        cases += 1
    print("\n]", file=out, flush=True)


if __name__ == "__main__":
    main()
