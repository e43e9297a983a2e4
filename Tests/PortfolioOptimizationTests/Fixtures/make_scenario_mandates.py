"""Best objective of random scenario-based mandates with limits on the losses in single scenarios, by cvxpy with Clarabel.

Written for scenario_mandates.json; run as make_risk_mandates.py, whose data, measures and limits these are:
    python make_scenario_mandates.py > scenario_mandates.json
The scenarios are the distribution: means and covariance are theirs, by their probabilities.
"""
import json
import sys
import warnings

import cvxpy as cp
import numpy as np

from make_risk_mandates import OBJECTIVES, PERIODS, dataset, factor, limits, risk, variants

warnings.filterwarnings("ignore")
MEASURES = ["volatility", "cvar", "semi_deviation", "mad", "evar", "worst_realization"]


def best(case, data):
    c, n = case["constraints"], len(data["mu"])
    w, cash, k, extra = cp.Variable(n), cp.Variable(), 1, []
    sharpe = case["objective"] == "maximize_sharpe"
    if sharpe:
        k = cp.Variable(nonneg=True)
    if case["measure"] == "volatility":
        rho = cp.norm(factor(data) @ w)
    else:
        rho = risk(case["measure"], w, data, case["confidence"], extra)
    net = data["mu"] @ w + data["rf"] * cash
    rules = limits(w, cash, k, data, c) + extra
    for name, bound in c.get("max_scenario_losses", {}).items():
        rules.append(-(data["returns"][int(name[1:])] @ w) <= bound * k)
    if "max_risk" in c:
        rules.append(rho <= c["max_risk"] * k)
    if sharpe:
        rules.append(net - data["rf"] * k >= 1)
        goal = cp.Minimize(rho)
    elif case["objective"] == "minimize_risk":
        goal = cp.Minimize(rho)
    elif case["objective"] == "maximize_return":
        goal = cp.Minimize(-net)
    else:
        goal = cp.Minimize(case["risk_aversion"] * PERIODS * rho - net)
    problem = cp.Problem(goal, rules)
    for tolerance in (1e-11, 1e-9):
        problem.solve(solver=cp.CLARABEL, tol_gap_abs=tolerance, tol_gap_rel=tolerance, tol_feas=tolerance)
        if problem.status != "optimal_inaccurate":
            break
    if problem.status == "infeasible" and not sharpe:
        return None, None
    if problem.status != "optimal" or (sharpe and problem.value < 1e-9):
        return "unknown", None
    value, scale = float(problem.value), k.value if sharpe else 1
    return (1 / value if sharpe else -value + 0.0), w.value / scale


def main():
    out = []
    for seed, (n, T, unequal, rf) in enumerate([(5, 12, True, 0.0), (8, 40, True, 0.01), (10, 60, False, 0.0)]):
        data = dataset(200 + seed, n, T, unequal, False, 0.0, rf)
        p = data["p"]
        mean = p @ data["returns"]
        centred = data["returns"] - mean
        data["mu"] = PERIODS * mean
        data["covariance"] = PERIODS * (centred.T * p) @ centred
        rng = np.random.default_rng(seed)
        cases = []
        for name in MEASURES:
            beta = float(rng.choice([0.8, 0.9, 0.95]))
            for base in variants(rng, n, data, name, beta):
                for objective in OBJECTIVES:
                    if name == "volatility" and objective == "maximize_utility":
                        continue
                    case = dict(measure=name, confidence=beta, objective=objective, constraints=dict(base),
                                risk_aversion=float(np.round(rng.uniform(0.02, 0.3), 3)))
                    try:
                        value, w = best(case, data)
                        if w is not None:
                            # The worst two scenarios of the free optimum are limited to less.
                            earned = data["returns"] @ w
                            share = rng.uniform(0.0, 0.4) if rng.random() < 0.1 else rng.uniform(0.55, 0.95)
                            case["constraints"]["max_scenario_losses"] = {
                                "S%d" % t: round(float(-earned[t] * share), 6) for t in np.argsort(earned)[:2]}
                            value, w = best(case, data)
                    except cp.error.SolverError:
                        value = "unknown"
                    print(seed, name, objective, case["constraints"], value, file=sys.stderr)
                    if value == "unknown" or "max_scenario_losses" not in case["constraints"]:
                        continue
                    case["expected"] = value
                    cases.append(case)
        out.append(dict(returns=data["returns"].tolist(), probabilities=p.tolist() if unequal else None,
                        expected_returns=data["mu"].tolist(), covariance=data["covariance"].tolist(),
                        quantities=data["quantities"].tolist(), cash=data["cash"], sectors=data["sectors"],
                        cost=0.0, risk_free_rate=rf, cases=cases))
    print(json.dumps(out, separators=(",", ":")))


if __name__ == "__main__":
    main()
