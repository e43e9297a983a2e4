#!/usr/bin/env python3
"""Makes robust_terms.json: objectives put together of terms in the worst case of an uncertainty, by cvxpy and Clarabel.

Data are those of make_custom_objectives.py. The worst case is written here from its definition: the penalty of a return by
a norm of its own or by absolute values, the covariance at the upper end of its box, and CVaR over a Wasserstein ball by a
dual norm. The service has columns, lowered returns and supports instead.

    python3 make_robust_terms.py > robust_terms.json
"""

import json
import sys

import cvxpy as cp
import numpy as np

from make_custom_objectives import PERIODS, dataset, risk

SIZES = {
    "return": (0.5, 1.5), "variance": (-5, -0.5), "risk": (-1, -0.1), "turnover": (-0.03, -0.002),
    "tracking_error": (-0.8, -0.1), "concentration": (-0.1, -0.005), "entropy": (0.002, 0.03),
}
DUAL = {"l1": "inf", "l2": 2, "linf": 1}


def factor(matrix):
    values, vectors = np.linalg.eigh(matrix)
    return np.sqrt(np.maximum(values, 0))[:, None] * vectors.T


def omega(data, u):
    """Given: a tenth of the covariance, its correlations at 30 %; else the covariance by the years of history."""
    if u.get("given"):
        return 0.1 * (0.3 * data["covariance"] + 0.7 * np.diag(np.diag(data["covariance"])))
    return data["covariance"] * PERIODS / len(data["returns"])


def upper(data):
    s = np.sqrt(np.diag(data["covariance"]))
    return data["covariance"] + 0.2 * np.outer(s, s) * (0.5 + 0.5 * np.eye(len(s)))


def solve(case, data):
    n, c, u = len(data["expected_returns"]), case["constraints"], case["uncertainty"]
    w, cash, extra = cp.Variable(n), cp.Variable(), []
    worst = dict(data)
    if u["kind"] == "covariance_box":
        worst["covariance"] = data["covariance"] + u["size"] * (upper(data) - data["covariance"])
    root = factor(worst["covariance"])
    penalty = 0
    if u["kind"] == "ellipsoidal":
        penalty = u["size"] * cp.norm(factor(omega(data, u)) @ w)
    if u["kind"] == "box":
        penalty = u["size"] * np.sqrt(np.diag(omega(data, u))) @ cp.abs(w)
    gross = data["expected_returns"] @ w + 0.01 * cash - penalty

    def measured(name):
        value = risk(name, w, worst, 0.9, extra)
        if u["kind"] == "wasserstein":
            value = value + u["size"] / 0.1 * cp.norm(w, DUAL[u["norm"]])
        return value

    goal = 0
    for term in case["terms"]:
        goal = goal + term["weight"] * {
            "return": lambda: gross,
            "variance": lambda: cp.sum_squares(root @ w),
            "risk": lambda: measured(term.get("risk_measure", case["risk_measure"])),
            "turnover": lambda: 0.5 * (cp.norm1(w - data["current"]) + cp.abs(cash - data["current_cash"])),
            "tracking_error": lambda: cp.norm(factor(data["covariance"]) @ (w - data["benchmark"])),
            "concentration": lambda: cp.sum_squares(w) + cash**2,
            "entropy": lambda: cp.sum(cp.entr(w)) + (cp.entr(cash) if "max_cash" in c else 0),
        }[term["term"]]()
    rows = [cp.sum(w) + cash == 1, w >= 0, cash >= 0, cash <= c.get("max_cash", 0)]
    if "max_position_size" in c:
        rows.append(w <= c["max_position_size"])
    if "min_return" in c:
        rows.append(gross >= c["min_return"])
    if "target_volatility" in c:
        rows.append(cp.norm(root @ w) <= c["target_volatility"])
    if "max_risk" in c:
        rows.append(measured(case["risk_measure"]) <= c["max_risk"])
    problem = cp.Problem(cp.Maximize(goal), rows + extra)
    for tolerance in (1e-11, 1e-9):
        try:
            problem.solve(solver=cp.CLARABEL, tol_gap_abs=tolerance, tol_gap_rel=tolerance, tol_feas=tolerance)
        except cp.SolverError:
            return "unknown"
        if problem.status == "optimal" and np.isfinite(problem.value):
            return float(problem.value)
        if problem.status == "infeasible":
            return None
    return "unknown"


def random_case(rng, data, index):
    kind = ["ellipsoidal", "box", "covariance_box", "wasserstein"][index % 4]
    u = {"kind": kind, "size": round(float(rng.uniform(0.02, 0.3)), 3)}
    measure = "volatility"
    kinds = list(SIZES)
    if kind in ("ellipsoidal", "box"):
        u["given"] = bool(rng.random() < 0.5)
        if u["given"]:
            u["size"] = round(float(rng.uniform(0.2, 1.2)), 3)
        measure = str(rng.choice(["volatility", "cvar", "semi_deviation", "max_drawdown"]))
    if kind == "covariance_box":
        u["size"] = round(float(rng.uniform(0.2, 1.2)), 3)
        kinds.remove("tracking_error")
    if kind == "wasserstein":
        u.update(size=round(float(rng.uniform(0.0005, 0.005)), 5), norm=str(rng.choice(list(DUAL))))
        measure = "cvar"
        kinds = [k for k in kinds if k not in ("variance", "tracking_error")]
    lead = "risk" if kind == "wasserstein" else "variance" if kind == "covariance_box" else "return"
    chosen = [lead] + [str(k) for k in rng.choice(kinds, size=int(rng.integers(1, 4)), replace=False) if k != lead]
    terms = []
    for name in chosen:
        low, high = SIZES[name]
        weight = float(rng.uniform(low, high)) * (10 if name == "risk" and measure != "volatility" else 1)
        terms.append({"term": name, "weight": round(weight, 4)})
    constraints = {}
    if rng.random() < 0.5:
        constraints["max_position_size"] = round(float(rng.uniform(1.5 / len(data["expected_returns"]), 0.7)), 3)
    if rng.random() < 0.4:
        constraints["max_cash"] = 0.2
    if rng.random() < 0.3:
        constraints["min_return"] = round(float(rng.uniform(0.0, 0.08)), 4)
    if rng.random() < 0.25:
        constraints["target_volatility"] = round(0.9 * float(np.sqrt(np.median(np.diag(data["covariance"])))), 4)
    return {"uncertainty": u, "risk_measure": measure, "terms": terms, "constraints": constraints}


def main():
    documents = []
    for seed, (n, periods) in enumerate([(4, 30), (6, 40), (9, 25)]):
        data = dataset(seed, n, periods)
        rng = np.random.default_rng(90 + seed)
        cases = []
        for index in range(28):
            case = random_case(rng, data, index)
            value = solve(case, data)
            if isinstance(value, float) and case["risk_measure"] != "volatility" and index % 3 == 0:
                # A limit on the measure that binds, or nearly.
                least = solve(dict(case, terms=[{"term": "risk", "weight": -1.0}]), data)
                if isinstance(least, float) and least < 0:
                    case["constraints"]["max_risk"] = round(-1.1 * least, 6)
                    value = solve(case, data)
            print(seed, index, case, value, file=sys.stderr)
            if value != "unknown":
                cases.append(dict(case, expected=value))
        keep = ["expected_returns", "covariance", "returns", "quantities", "benchmark"]
        document = {k: np.asarray(data[k]).tolist() for k in keep}
        documents.append(dict(document, cash=data["cash"], cases=cases))
    print(json.dumps(documents, separators=(",", ":")))


if __name__ == "__main__":
    main()
