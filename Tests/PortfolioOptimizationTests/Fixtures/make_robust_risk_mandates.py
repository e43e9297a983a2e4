"""Best worst-case objective of random mandates on the measures of risk, by cvxpy with Clarabel.

Written for robust_risk_mandates.json; run as make_risk_mandates.py, whose data, measures and limits these are:
    python make_robust_risk_mandates.py > robust_risk_mandates.json
What is uncertain is written here as a penalty on homogenised weights; the service adds it to the measure, or takes the
ratio apart by Dinkelbach's steps.
"""
import json
import sys
import warnings

import cvxpy as cp
import numpy as np

from make_risk_mandates import OBJECTIVES, PERIODS, dataset, factor, limits, risk, variants

warnings.filterwarnings("ignore")
DUAL = {"l1": "inf", "l2": 2, "linf": 1}


def best(case, data):
    u, c, n = case["uncertainty"], case["constraints"], len(data["mu"])
    w, cash, k, extra = cp.Variable(n), cp.Variable(), 1, []
    sharpe = case["objective"] == "maximize_sharpe"
    if sharpe:
        k = cp.Variable(nonneg=True)
    rho = risk(case["measure"], w, data, case["confidence"], extra)
    gross = data["mu"] @ w + data["rf"] * cash
    # Omega is the covariance by the years of history.
    errors = data["covariance"] * PERIODS / len(data["p"])
    if u["kind"] == "wasserstein":
        rho += u["size"] / (1 - case["confidence"]) * cp.norm(w, DUAL[u["norm"]])
    elif u["kind"] == "ellipsoidal":
        gross -= u["size"] * cp.norm(factor({"covariance": errors}) @ w)
    else:
        gross -= u["size"] * np.sqrt(np.diag(errors)) @ cp.abs(w)
    net = gross
    if data["cost"]:
        net = net - data["cost"] * cp.sum(cp.abs(w - data["current"][:-1] * k))
    plain = {key: value for key, value in c.items() if key not in ("min_return", "max_risk")}
    rules = limits(w, cash, k, data, plain) + extra
    if "min_return" in c:
        rules.append(gross >= c["min_return"] * k)
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
    if problem.status == "unbounded" or (sharpe and problem.status == "optimal" and problem.value < 1e-9):
        return "unbounded"
    if problem.status != "optimal":
        # A ratio without a positive excess return looks infeasible here, too.
        return "unknown"
    value = float(problem.value)
    return 1 / value if sharpe else -value + 0.0


def main():
    out = []
    plans = [(4, 30, False, 0.0, 0.0), (8, 60, True, 0.0, 0.01), (12, 40, False, 0.002, 0.02), (10, 120, False, 0.0, 0.0)]
    kinds = [("wasserstein", "l1"), ("wasserstein", "l2"), ("wasserstein", "linf"), ("ellipsoidal", None), ("box", None)]
    for seed, (n, T, unequal, cost, rf) in enumerate(plans):
        data = dataset(100 + seed, n, T, unequal, False, cost, rf)
        rng = np.random.default_rng(seed)
        cases = []
        for kind, norm in kinds:
            beta = float(rng.choice([0.8, 0.9, 0.95]))
            measures = ["cvar"] if kind == "wasserstein" else ["cvar", "mad", "semi_deviation", "worst_realization"]
            for position, base in enumerate(variants(rng, n, data, "cvar", beta)):
                name = measures[position % len(measures)]
                least = None
                for objective in OBJECTIVES:
                    size = 0.0004 if kind == "wasserstein" else 0.1
                    uncertainty = {"kind": kind, "size": round(float(rng.uniform(0.5, 2)) * size, 6)}
                    if norm:
                        uncertainty["norm"] = norm
                    constraints = dict(base)
                    case = dict(measure=name, confidence=beta, objective=objective, constraints=constraints,
                                risk_aversion=float(np.round(rng.uniform(0.02, 0.3), 3)), uncertainty=uncertainty)
                    if objective == "minimize_risk":
                        least = best(case, data)
                        if rng.random() < 0.4:
                            constraints["min_return"] = round(float(np.median(data["mu"])) - 0.1, 4)
                    elif isinstance(least, float) and rng.random() < 0.6:
                        constraints["max_risk"] = round(-least + 0.25 * abs(least), 6)
                    elif rng.random() < 0.3:
                        constraints["target_volatility"] = round(
                            1.3 * float(np.sqrt(np.min(np.diag(data["covariance"])))), 4)
                    if constraints.get("max_risk", 1) <= 0:
                        del constraints["max_risk"]
                    try:
                        value = best(case, data)
                    except cp.error.SolverError:
                        value = "unknown"
                    print(seed, kind, norm, name, objective, constraints, value, file=sys.stderr)
                    if value in ("unknown", "unbounded"):
                        continue
                    case["expected"] = value
                    cases.append(case)
        out.append(dict(returns=data["returns"].tolist(), probabilities=data["p"].tolist() if unequal else None,
                        expected_returns=data["mu"].tolist(), covariance=data["covariance"].tolist(),
                        quantities=data["quantities"].tolist(), cash=data["cash"], sectors=data["sectors"],
                        cost=cost, risk_free_rate=rf, cases=cases))
    print(json.dumps(out, separators=(",", ":")))


if __name__ == "__main__":
    main()
