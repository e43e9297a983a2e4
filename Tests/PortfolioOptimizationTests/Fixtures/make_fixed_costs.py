#!/usr/bin/env python3
"""Makes fixed_mandates.json: random mandates whose trades cost something whatever their size, with the optimum of SCIP.

Data and limits are those of make_random_mandates.py. A binary for each instrument says whether it is traded; who is traded is
SCIP's, the optimum with these traded Clarabel's, and Sharpe ratios go by Dinkelbach's steps on excess - ratio * risk, each a
mixed-integer program: nothing of it is homogenised, as the service does it.

    python3 make_fixed_costs.py > fixed_mandates.json
"""

import json
import os
import random
import sys

import cvxpy as cp
import numpy as np

from make_charged_mandates import value_of
from make_random_mandates import TOLERANCES, Mandate, cost_rates, identifier, limits_of, random_case, rounded

FIRST = 43000
OBJECTIVES = ["maximize_return", "maximize_utility", "maximize_sharpe", "minimize_transaction_costs"]


class Fixed:
    def __init__(self, m, case):
        self.m, self.case = m, case
        p = case["preferences"]
        isCost = case["objective"] == "minimize_transaction_costs"
        horizon = 1 if isCost else p.get("cost_horizon_years", 1.0)
        value = value_of(case["seed"], case["size"])
        self.fixed = np.array([case["fixed"].get(identifier(i), 0) for i in range(m.n)]) / value / horizon
        rates = m.rates if case["own_costs"] else np.ones(m.n) * p.get("transaction_cost_model", 0.0)
        self.rates = rates if isCost else cost_rates(m, case)
        self.rate, self.aversion = p.get("risk_free_rate", 0.0), p.get("risk_aversion", 2.5)

    def pose(self, traded=None, ratio=0):
        m, case = self.m, self.case
        w, cash = cp.Variable(m.n), cp.Variable()
        rows, root = limits_of(m, case)(w, cash, 1)
        if traded is None:
            z = cp.Variable(m.n, boolean=True)
            rows += [cp.abs(w - m.current) <= z]
            paid = self.fixed @ z
        else:
            z = None
            rows += [w[i] == m.current[i] for i in range(m.n) if not traded[i]]
            paid = float(self.fixed @ traded)
        cost = self.rates @ cp.abs(w - m.current) + paid
        net = m.mu @ w + self.rate * cash - cost
        risk = cp.norm(root @ w)
        goal = {
            "maximize_return": lambda: net,
            "maximize_utility": lambda: net - self.aversion / 2 * cp.sum_squares(root @ w),
            "maximize_sharpe": lambda: net - self.rate - ratio * risk,
            "minimize_transaction_costs": lambda: -cost,
        }[case["objective"]]()
        return goal, rows, z, net, risk

    def best(self, ratio=0):
        """(status, goal, net, risk) with those traded that SCIP finds."""
        goal, rows, z, _, _ = self.pose(ratio=ratio)
        program = cp.Problem(cp.Maximize(goal), rows)
        try:
            program.solve(solver=cp.SCIP, scip_params={"limits/time": 10, "limits/gap": 1e-9, "display/verblevel": 0})
        except cp.SolverError:
            return "unclear", 0, 0, 0
        if program.status != cp.OPTIMAL:
            return ("infeasible" if program.status == cp.INFEASIBLE else "unclear"), 0, 0, 0
        goal, rows, _, net, risk = self.pose(traded=np.round(z.value), ratio=ratio)
        exact = cp.Problem(cp.Maximize(goal), rows)
        try:
            exact.solve(solver=cp.CLARABEL, **TOLERANCES)
        except cp.SolverError:
            return "unclear", 0, 0, 0
        if exact.status != cp.OPTIMAL:
            return "unclear", 0, 0, 0
        return "optimal", float(goal.value), float(net.value), float(risk.value)

    def solve(self):
        status, goal, net, risk = self.best()
        if status != "optimal" or self.case["objective"] != "maximize_sharpe":
            return status, goal
        if net - self.rate < 1e-4:
            return "unclear", 0
        ratio = (net - self.rate) / risk
        for _ in range(20):
            status, goal, net, risk = self.best(ratio)
            if status != "optimal":
                return "unclear", 0
            if goal <= 1e-9:
                return "optimal", ratio
            ratio = (net - self.rate) / risk
        return "unclear", 0


def main():
    # SCIP writes to the standard output whatever it is told: what is written there goes to the errors.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    rng = random.Random(20270)
    cases = []
    for number in range(FIRST, FIRST + (int(sys.argv[1]) if len(sys.argv) > 1 else 80)):
        m, case = random_case(rng, number)
        if case["size"] > 16:
            continue
        case["constraints"].pop("min_position_size", None)
        case["objective"] = OBJECTIVES[number % 4]
        case["preferences"]["include_transaction_costs"] = True
        case["preferences"].setdefault("transaction_cost_model", rounded(rng.uniform(0.0005, 0.005), 5))
        if case["objective"] != "maximize_utility":
            case["preferences"].pop("risk_aversion", None)
        fee = value_of(number, case["size"]) * 10 ** rng.uniform(-4, -2.3)
        case["fixed"] = {identifier(i): rounded(fee * rng.uniform(0.5, 1.5), 2) for i in range(m.n) if rng.random() < 0.8}
        status, value = Fixed(m, case).solve()
        print(number, case["objective"], case["size"], status, value, file=sys.stderr)
        if status == "unclear":
            continue
        case["status"] = status
        if status == "optimal":
            case["expected"] = value
        cases.append(case)
    print("[", file=out)
    print(",\n".join(json.dumps(case, separators=(",", ":")) for case in cases), file=out)
    print("]", file=out, flush=True)


if __name__ == "__main__":
    main()
