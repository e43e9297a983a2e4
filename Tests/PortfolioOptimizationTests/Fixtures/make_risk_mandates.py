"""Best objective of random mandates on the measures of risk, by cvxpy with Clarabel.

Written for risk_mandates.json; run with `pip install cvxpy scipy` and a numpy 2:
    python make_risk_mandates.py > risk_mandates.json
Measures and limits are written here from their definitions, not from the programs of the service. Values are oriented so
that larger is better: minus the risk, the net return, the utility, the ratio.
"""
import json
import sys
import warnings
from itertools import combinations

import cvxpy as cp
import numpy as np
from scipy.stats import norm

warnings.filterwarnings("ignore")
PERIODS = 252
CONVEX = ["cvar", "semi_deviation", "mad", "evar", "cdar", "max_drawdown", "worst_realization"]
OBJECTIVES = ["minimize_risk", "maximize_return", "maximize_utility", "maximize_sharpe"]
SECTORS = ["X", "Y", "Z", None]


def factor(data):
    values, vectors = np.linalg.eigh(data["covariance"])
    return np.sqrt(np.maximum(values, 0))[:, None] * vectors.T


def risk(name, w, data, beta, extra):
    p = data["p"]
    if data["returns"] is None:
        z = norm.ppf(beta)
        k = z if name == "var" else norm.pdf(z) / (1 - beta)
        root = factor(data)
        return k * cp.norm(root @ w) / np.sqrt(PERIODS) - data["mu"] @ w / PERIODS
    r = data["returns"] @ w
    mean = p @ r
    if name == "worst_realization":
        return cp.max(-r)
    if name == "cvar":
        a = cp.Variable()
        return a + p @ cp.pos(-r - a) / (1 - beta)
    if name == "mad":
        return p @ cp.abs(r - mean)
    if name == "semi_deviation":
        return cp.norm(cp.multiply(np.sqrt(p), cp.pos(mean - r)))
    if name == "evar":
        t, z, u = cp.Variable(), cp.Variable(nonneg=True), cp.Variable(len(p))
        extra += [cp.constraints.ExpCone(-r - t, z * np.ones(len(p)), u), p @ u <= z]
        return t - z * np.log(1 - beta)
    d = cp.Variable(len(p), nonneg=True)
    extra += [d[0] >= -r[0], d[1:] >= d[:-1] - r[1:]]
    if name == "max_drawdown":
        return cp.max(d)
    a = cp.Variable()
    return a + cp.sum(cp.pos(d - a)) / len(p) / (1 - beta)


def limits(w, cash, k, data, c):
    """The limits on weights, homogeneous in (w, cash, k): k is 1 or the scale."""
    current = data["current"]
    out = [cp.sum(w) + cash == k, w >= 0, cash >= c.get("min_cash", 0) * k,
           cash <= c.get("max_cash", c.get("min_cash", 0)) * k]
    if "max_position_size" in c:
        out.append(w <= c["max_position_size"] * k)
    if "max_sector_exposure" in c:
        for s in set(data["sectors"]) - {None}:
            members = [i for i, x in enumerate(data["sectors"]) if x == s]
            out.append(cp.sum(w[members]) <= c["max_sector_exposure"] * k)
    if "group" in c:
        out.append(cp.sum(w[c["group"]["members"]]) >= c["group"]["min"] * k)
    if "max_turnover" in c:
        out.append(0.5 * (cp.sum(cp.abs(w - current[:-1] * k)) + cp.abs(cash - current[-1] * k))
                   <= c["max_turnover"] * k)
    if "target_volatility" in c:
        out.append(cp.norm(factor(data) @ w) <= c["target_volatility"] * k)
    if "min_return" in c:
        out.append(data["mu"] @ w + data["rf"] * cash >= c["min_return"] * k)
    return out


def best(case, data, held=None):
    n = len(data["mu"])
    c, name, beta = case["constraints"], case["measure"], case["confidence"]
    w, cash, k, extra = cp.Variable(n), cp.Variable(), 1, []
    sharpe = case["objective"] == "maximize_sharpe"
    if sharpe:
        k = cp.Variable(nonneg=True)
    rho = risk(name, w, data, beta, extra)
    net = data["mu"] @ w + data["rf"] * cash
    if data["cost"]:
        net -= data["cost"] * cp.sum(cp.abs(w - data["current"][:-1] * k))
    rules = limits(w, cash, k, data, c) + extra
    if "max_risk" in c:
        rules.append(rho <= c["max_risk"] * k)
    threshold = c.get("min_position_size")
    if threshold and held is None:
        # Every choice of who is held: few instruments, and no search to be trusted.
        found = [best(case, data, s) for size in range(1, n + 1) for s in combinations(range(n), size)]
        numbers = [x for x in found if isinstance(x, float)]
        return "unknown" if "unknown" in found else max(numbers, default=None)
    if threshold:
        for i in range(n):
            rules.append(w[i] >= threshold * k if i in held else w[i] == 0)
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
    if problem.status in ("infeasible", "infeasible_inaccurate"):
        return None
    if problem.status != "optimal":
        return "unknown"
    value = float(problem.value)
    return 1 / value if sharpe else -value + 0.0


def dataset(seed, n, T, unequal, gaussian=False, cost=0.0, rf=0.0):
    rng = np.random.default_rng(1000 + seed)
    returns = np.round(0.0006 + 0.01 * rng.standard_t(5, (T, n)) + 0.006 * rng.standard_normal((T, 1)), 6)
    p = np.full(T, 1 / T)
    if unequal:
        p = rng.integers(1, 5, T).astype(float)
        p /= p.sum()
    mean = p @ returns
    mu = np.round(PERIODS * mean, 6)
    centred = returns - mean
    covariance = np.round(PERIODS * (centred.T * p) @ centred, 9)
    quantities = rng.integers(0, 40, n).astype(float)
    quantities[0] = 10
    money = quantities * 100
    cash = 500.0
    current = np.append(money, cash) / (money.sum() + cash)
    return dict(returns=None if gaussian else returns, p=p, mu=mu, covariance=covariance, quantities=quantities,
                current=current, cash=cash, sectors=[SECTORS[i % 4] for i in range(n)], cost=cost, rf=rf,
                unequal=unequal)


def variants(rng, n, data, name, beta):
    """Sets of limits: none, a box, a mixture, costs come with the data."""
    yield {}
    yield {"max_position_size": round(max(0.3, 1.6 / n), 3), "max_cash": 0.2}
    yield {"max_position_size": 0.5, "max_sector_exposure": 0.6, "max_turnover": 0.3, "max_cash": 0.3}
    yield {"max_cash": 1.0, "group": {"members": [0, n - 1], "min": 0.15}, "max_position_size": 0.6}


def main():
    out = []
    plans = [(4, 30, False, False, 0.0, 0.0), (8, 60, True, False, 0.0, 0.01), (12, 40, False, False, 0.002, 0.02),
             (10, 120, False, False, 0.0, 0.0), (6, 5, True, False, 0.0, 0.0), (8, 60, False, True, 0.001, 0.01)]
    for seed, (n, T, unequal, gaussian, cost, rf) in enumerate(plans):
        data = dataset(seed, n, T, unequal, gaussian, cost, rf)
        rng = np.random.default_rng(seed)
        names = ["var", "cvar"] if gaussian else [
            m for m in CONVEX if not (unequal and m in ("cdar", "max_drawdown"))]
        cases = []
        for name in names:
            beta = float(rng.choice([0.8, 0.9, 0.95]))
            for base in variants(rng, n, data, name, beta):
                least = None
                for objective in OBJECTIVES:
                    constraints = dict(base)
                    case = dict(measure=name, confidence=beta, objective=objective, constraints=constraints,
                                risk_aversion=float(np.round(rng.uniform(0.02, 0.3), 3)))
                    if objective == "minimize_risk":
                        least = best(case, data)
                        if rng.random() < 0.4 and isinstance(least, float):
                            constraints["min_return"] = round(float(np.median(data["mu"])), 4)
                    elif objective == "maximize_return" and isinstance(least, float):
                        constraints["max_risk"] = round(-least + 0.25 * abs(least), 6)
                    elif rng.random() < 0.4 and isinstance(least, float):
                        constraints["max_risk"] = round(-least + 0.15 * abs(least), 6)
                    elif rng.random() < 0.3:
                        constraints["target_volatility"] = round(
                            1.3 * float(np.sqrt(np.min(np.diag(data["covariance"])))), 4)
                    if constraints.get("max_risk", 1) <= 0:
                        del constraints["max_risk"]
                    if seed == 0 and rng.random() < 0.5 and name in ("cvar", "mad", "semi_deviation",
                                                                     "worst_realization"):
                        constraints["min_position_size"] = 0.2
                    try:
                        value = best(case, data)
                    except cp.error.SolverError:
                        value = "unknown"
                    print(seed, name, objective, constraints, value, file=sys.stderr)
                    if value == "unknown":
                        continue
                    case["expected"] = value
                    cases.append(case)
        out.append(dict(returns=None if gaussian else data["returns"].tolist(),
                        probabilities=data["p"].tolist() if unequal else None,
                        expected_returns=data["mu"].tolist(), covariance=data["covariance"].tolist(),
                        quantities=data["quantities"].tolist(), cash=data["cash"], sectors=data["sectors"],
                        cost=cost, risk_free_rate=rf, cases=cases))
    print(json.dumps(out, separators=(",", ":")))


if __name__ == "__main__":
    main()
