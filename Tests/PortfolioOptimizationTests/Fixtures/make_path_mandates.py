#!/usr/bin/env python3
"""Makes path_mandates.json: random mandates over several periods, and the optimum of cvxpy and Clarabel.

Data and limits of a period are those of make_random_mandates.py; a period's expected returns are those of the mandate
plus a shift that SplitMix64 draws from the seed after 1000 more. Trades are written here as absolute values between the
periods' weights, and ratios are found by Dinkelbach's iteration: neither is how the service does it.

    python3 make_path_mandates.py > path_mandates.json
"""

import json
import random
import sys

import cvxpy as cp
import numpy as np

from make_active_objectives import benchmark
from make_random_mandates import TOLERANCES, Mandate, SplitMix64, cost_rates, identifier, limits_of, random_case, rounded

OBJECTIVES = [
    "maximize_utility",
    "maximize_sharpe",
    "minimize_risk",
    "maximize_return",
    "minimize_tracking_error",
    "maximize_information_ratio",
    "maximize_diversification",
    "minimize_transaction_costs",
]


def forecasts(seed, mu, periods):
    r = SplitMix64(seed + 1000)
    return [[float(m) + 0.06 * r.uniform() - 0.03 for m in mu] for _ in range(periods)]


def run(goal, rows):
    program = cp.Problem(goal, rows)
    try:
        program.solve(solver=cp.CLARABEL, **TOLERANCES)
    except cp.SolverError:
        return "unclear"
    return program.status


def charged_rates(m, case):
    if case["objective"] == "minimize_transaction_costs":
        return m.rates if case["own_costs"] else np.ones(m.n) * case["preferences"].get("transaction_cost_model", 0.0)
    return cost_rates(m, case)


def path_rows(m, case, w, cash):
    """Every period's limits, with the period's own returns and the weights before it."""
    rows, means = [], case["means"]
    current, money = m.current, m.cash
    before = (m.current, m.cash, m.mu)
    for t in range(case["periods"]):
        m.current, m.cash, m.mu = current, money, np.array(means[t])
        rows += limits_of(m, case)(w[t], cash[t], 1)[0]
        current, money = w[t], cash[t]
    m.current, m.cash, m.mu = before
    target = case.get("terminal_target")
    if target:
        rows += [w[-1][i] == target.get(identifier(i), 0.0) for i in range(m.n)]
        rows.append(cash[-1] == target.get("cash", 0.0))
    return rows


def best_ratio(gain, risk, rows):
    status = run(cp.Maximize(gain), rows)
    if status == cp.INFEASIBLE:
        return "infeasible", None
    if status != cp.OPTIMAL or -1e-6 <= gain.value < 1e-4:
        return "unclear", None
    if gain.value < 0:
        return "no_gain", None
    ratio = float(gain.value / risk.value)
    for _ in range(40):
        status = run(cp.Maximize(gain - ratio * risk), rows)
        if status not in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE) or risk.value < 1e-6:
            return "unclear", None
        better = float(gain.value / risk.value)
        if better <= ratio * (1 + 1e-10):
            return "optimal", ratio
        ratio = better
    return "unclear", None


def solve(m, case):
    periods, p, objective = case["periods"], case["preferences"], case["objective"]
    w = [cp.Variable(m.n) for _ in range(periods)]
    cash = [cp.Variable() for _ in range(periods)]
    rows = path_rows(m, case, w, cash)
    root = np.linalg.cholesky(m.cov).T
    rate, costs, b = p.get("risk_free_rate", 0.0), charged_rates(m, case), benchmark(m.n)
    trades, before = 0, m.current
    for t in range(periods):
        trades = trades + (costs @ cp.abs(w[t] - before) if costs.any() else 0)
        before = w[t]
    means = case["means"]
    gross = sum(np.array(means[t]) @ w[t] + rate * cash[t] for t in range(periods)) / periods
    stacked = cp.hstack([root @ x for x in w]) / np.sqrt(periods)
    active = cp.hstack([root @ (x - b) for x in w]) / np.sqrt(periods)
    if objective == "maximize_sharpe":
        return best_ratio(gross - trades / periods - rate, cp.norm(stacked), rows)
    if objective == "maximize_information_ratio":
        gain = sum(np.array(means[t]) @ (w[t] - b) for t in range(periods)) / periods - trades / periods
        return best_ratio(gain, cp.norm(active), rows)
    if objective == "maximize_diversification":
        gain = sum(np.sqrt(np.diag(m.cov)) @ x for x in w) / periods
        return best_ratio(gain, cp.norm(stacked), rows)
    if objective == "minimize_transaction_costs" and not costs.any():
        return "unclear", None
    aversion = p.get("risk_aversion", 2.5)
    goal = {
        "minimize_risk": lambda: cp.Minimize(cp.sum_squares(stacked)),
        "minimize_tracking_error": lambda: cp.Minimize(cp.sum_squares(active)),
        "minimize_transaction_costs": lambda: cp.Minimize(trades),
        "maximize_return": lambda: cp.Maximize(gross - trades / periods),
        "maximize_utility": lambda: cp.Maximize(gross - trades / periods - aversion / 2 * cp.sum_squares(stacked)),
    }[objective]()
    status = run(goal, rows)
    if status == cp.INFEASIBLE:
        return "infeasible", None
    if status != cp.OPTIMAL:
        return "unclear", None
    value = float(goal.value)
    return "optimal", value**0.5 if objective in ("minimize_risk", "minimize_tracking_error") else value


def main():
    rng = random.Random(20269)
    cases = []
    for number in range(7000, 7000 + (int(sys.argv[1]) if len(sys.argv) > 1 else 150)):
        m, case = random_case(rng, number)
        periods = rng.choice([1, 2, 3, 4, 6])
        if case["size"] > 25:
            case["size"] = rng.choice([8, 12, 16])
            m = Mandate(number, case["size"])
            held = [i for i in range(m.n) if m.current[i] > 0]
            case["outside"] = [rng.choice(held)] if case["outside"] else []
            case["constraints"] = {k: v for k, v in case["constraints"].items() if k not in ("max_weights", "min_weights", "groups")}
            if "max_position_size" in case["constraints"]:
                case["constraints"]["max_position_size"] = rounded(min(0.9, rng.uniform(1.2, 5) / m.n))
        case["constraints"].pop("min_position_size", None)
        case["objective"] = OBJECTIVES[number % 8]
        if case["objective"] != "maximize_utility":
            case["preferences"].pop("risk_aversion", None)
        if case["objective"] == "minimize_transaction_costs":
            case["preferences"].setdefault("transaction_cost_model", 0.002)
        elif rng.random() < 0.5:
            case["preferences"]["include_transaction_costs"] = True
            case["preferences"].setdefault("transaction_cost_model", rounded(rng.uniform(0.001, 0.01), 5))
        if rng.random() < 0.5:
            case["constraints"]["max_turnover"] = rounded(rng.uniform(0.05, 0.5) + sum(m.current[i] for i in case["outside"]))
        case["periods"] = periods
        case["foreseen"] = rng.random() < 0.8
        case["means"] = forecasts(number, m.mu, periods) if case["foreseen"] else [list(map(float, m.mu))] * periods
        if rng.random() < 0.2:
            parts = [0.0 if i in case["outside"] else float(rng.randint(0, 4)) for i in range(m.n)]
            money = case["constraints"].get("min_cash", 0.0)
            weights = [rounded(x / sum(parts) * (1 - money)) for x in parts]
            target = {identifier(i): x for i, x in enumerate(weights) if x > 0}
            largest = max(target, key=target.get)
            target[largest] = rounded(target[largest] + 1 - money - sum(target.values()), 10)
            if money > 0:
                target["cash"] = money
            case["terminal_target"] = target
        status, value = solve(m, case)
        print(number, case["objective"], case["size"], periods, status, value, file=sys.stderr)
        if status == "unclear":
            continue
        del case["means"]
        case["status"] = status
        if value is not None:
            case["expected"] = value
        cases.append(case)
    print("[")
    print(",\n".join(json.dumps(case) for case in cases))
    print("]")


if __name__ == "__main__":
    main()
