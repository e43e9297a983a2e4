#!/usr/bin/env python3
"""Makes charged_mandates.json: random mandates charged with impact and taxes, with the optimum that cvxpy finds for them.

Data and limits are those of make_random_mandates.py; lots and impact stand in the file. Impact is written as a power of the
trade, a holding with losses is either kept or sold in part, by enumeration, and Sharpe ratios by Dinkelbach's iteration,
bracketed as by bisection: none of it is how the service does it.

    python3 make_charged_mandates.py > charged_mandates.json
"""

import itertools
import json
import random
import sys

import cvxpy as cp
import numpy as np

from make_random_mandates import SplitMix64, identifier, limits_of, random_case, rounded

FIRST = 15000
DAILY = 1e6
# Tighter ones are out of reach with a power of 3/2.
TOLERANCES = dict(tol_gap_abs=1e-9, tol_gap_rel=1e-9, tol_feas=1e-9, max_iter=200)


def value_of(seed, size):
    """Value of the holdings and cash of a seed."""
    r = SplitMix64(seed)
    for _ in range(5 * size):
        r.uniform()
    prices = [10 + 190 * r.uniform() for _ in range(size)]
    quantities = [(1.0 if r.uniform() < 0.6 else 0.0) * (1 + int(200 * r.uniform())) for _ in range(size)]
    for _ in range(size):
        r.uniform()
    cash = 5000 * r.uniform()
    if quantities[0] == 0:
        quantities[0] = 10.0
    return sum(p * q for p, q in zip(prices, quantities)) + cash


class Charged:
    def __init__(self, m, case):
        self.m, self.case = m, case
        self.value = value_of(case["seed"], case["size"])
        self.p = case["preferences"]
        self.horizon = self.p.get("cost_horizon_years", 1.0)

    def lots(self, i):
        """(width, tax per unit of weight sold), the least taxed first."""
        found = []
        for share, ratio, is_long in self.case["lots"].get(identifier(i), []):
            rate = self.p["long_term_tax_rate" if is_long else "short_term_tax_rate"]
            found.append((share * self.m.current[i], rate * (1 - ratio)))
        return sorted(found, key=lambda lot: lot[1])

    def charges(self, w, kept):
        """Cost and tax, and rows, where the holdings with losses in `kept` are not reduced and the others not increased."""
        m, total, rows = self.m, 0, []
        if self.p.get("include_transaction_costs"):
            moved = cp.abs(w - m.current)
            total += m.rates @ moved
            for i in range(m.n):
                impact = self.case["impact"].get(identifier(i), 0.0)
                if impact:
                    total += impact * np.sqrt(self.value / DAILY) * cp.power(moved[i], 1.5)
        for i in range(m.n):
            lots = self.lots(i)
            if not lots:
                continue
            if i in kept:
                rows.append(w[i] >= m.current[i])
                continue
            sold = cp.Variable(len(lots), nonneg=True)
            widths = np.array([width for width, _ in lots])
            rows += [sold <= widths + np.array([0.0] * (len(lots) - 1) + [1e-12])]
            if any(rate < 0 for _, rate in lots):
                rows.append(cp.sum(sold) == m.current[i] - w[i])
            else:
                rows.append(cp.sum(sold) >= m.current[i] - w[i])
            total += np.array([rate for _, rate in lots]) @ sold
        return total / self.horizon, rows

    def losers(self):
        return [i for i in range(self.m.n) if any(rate < 0 for _, rate in self.lots(i))]

    def best(self, make_goal):
        """The best value over who of the losers is kept; None where nothing is allowed."""
        best, unclear = None, False
        losers = self.losers()
        for size in range(len(losers) + 1):
            for kept in itertools.combinations(losers, size):
                w, cash = cp.Variable(self.m.n), cp.Variable()
                rows, root = limits_of(self.m, self.case)(w, cash, 1)
                charge, more = self.charges(w, set(kept))
                rate = self.p.get("risk_free_rate", 0.0)
                net = self.m.mu @ w + rate * cash - charge
                program = cp.Problem(cp.Maximize(make_goal(net, cp.norm(root @ w), root, w)), rows + more)
                try:
                    program.solve(solver=cp.CLARABEL, **TOLERANCES)
                except cp.SolverError:
                    unclear = True
                    continue
                if program.status == cp.OPTIMAL:
                    if best is None or program.value > best:
                        best, self.risk = program.value, float(np.linalg.norm(root @ w.value))
                elif program.status != cp.INFEASIBLE:
                    unclear = True
        return best, unclear

    def solve(self):
        objective = self.case["objective"]
        rate = self.p.get("risk_free_rate", 0.0)
        aversion = self.p.get("risk_aversion", 2.5)
        if objective == "maximize_return":
            best, unclear = self.best(lambda net, risk, root, w: net)
        elif objective == "maximize_utility":
            best, unclear = self.best(lambda net, risk, root, w: net - aversion / 2 * cp.sum_squares(root @ w))
        else:
            return self.ratio(rate)
        if unclear:
            return "unclear", None
        return ("infeasible", None) if best is None else ("optimal", best)

    def ratio(self, rate):
        best, unclear = self.best(lambda net, risk, root, w: net - rate)
        if unclear or (best is not None and abs(best) < 1e-3):
            return "unclear", None
        if best is None:
            return "infeasible", None
        if best < 0:
            return "no_excess_return", None
        # Dinkelbach's steps, then what a bisection ends with: below the ratio there is a surplus, above it there is none.
        ratio = 0.0
        for _ in range(20):
            surplus, unclear = self.best(lambda net, risk, root, w: net - rate - ratio * risk)
            if unclear:
                return "unclear", None
            step = surplus / self.risk
            ratio += step
            if step < 1e-10:
                break
        for side in (-1, 1):
            theta = ratio + side * 1e-6
            surplus, unclear = self.best(lambda net, risk, root, w: net - rate - theta * risk)
            if unclear or side * surplus > 0:
                return "unclear", None
        return "optimal", ratio


def charged_case(rng, number):
    while True:
        m, case = random_case(rng, number)
        if case["size"] <= 12 and "min_position_size" not in case["constraints"] and case["objective"] != "minimize_risk":
            break
        number += 1003
    case["own_costs"] = True
    kind = rng.randint(0, 2)
    p = case["preferences"]
    p.pop("transaction_cost_model", None)
    p["include_transaction_costs"] = kind != 1
    case["impact"], case["lots"] = {}, {}
    if kind != 1:
        for i in range(m.n):
            if rng.random() < 0.7:
                case["impact"][identifier(i)] = rounded(rng.uniform(0.05, 0.6))
    if kind != 0:
        p["consider_tax_implications"] = True
        p["short_term_tax_rate"] = rounded(rng.uniform(0.2, 0.4))
        p["long_term_tax_rate"] = rounded(rng.uniform(0.1, 0.2))
        losers = 0
        for i in range(m.n):
            if m.current[i] == 0 or rng.random() < 0.25:
                continue
            share = rounded(rng.uniform(0.2, 0.8))
            lots = []
            for part in (share, 1 - share):
                ratio = rounded(rng.uniform(0.4, 1.0))
                if losers < 2 and rng.random() < 0.2:
                    ratio = rounded(rng.uniform(1.0, 1.4))
                lots.append([part, ratio, rng.random() < 0.5])
            losers += any(ratio > 1 for _, ratio, _ in lots)
            case["lots"][identifier(i)] = lots
    if rng.random() < 0.4:
        p["cost_horizon_years"] = rounded(rng.uniform(0.5, 4))
    return m, case


def main():
    rng = random.Random(31415)
    cases = []
    for number in range(FIRST, FIRST + (int(sys.argv[1]) if len(sys.argv) > 1 else 44)):
        m, case = charged_case(rng, number)
        status, value = Charged(m, case).solve()
        print(case["seed"], case["objective"], case["size"], status, value, file=sys.stderr)
        if status == "unclear":
            continue
        case["status"] = status
        if value is not None:
            case["expected"] = float(value)
        cases.append(case)
    print("[")
    print(",\n".join(json.dumps(case) for case in cases))
    print("]")


if __name__ == "__main__":
    main()
