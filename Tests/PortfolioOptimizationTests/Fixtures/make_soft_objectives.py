#!/usr/bin/env python3
"""Makes soft_risk_mandates.json and soft_custom_objectives.json: limits that may be exceeded at a price, for measures of
risk over scenarios, in the worst case, and for objectives put together of terms.

Data and measures are those of make_risk_mandates.py and make_custom_objectives.py. Every limit is one expression and one
bound; a soft one gets an excess that the objective pays for. Solved by cvxpy with Clarabel.

    python3 make_soft_objectives.py risk > soft_risk_mandates.json
    python3 make_soft_objectives.py custom > soft_custom_objectives.json
"""
import json
import sys
import warnings

import cvxpy as cp
import numpy as np

import make_custom_objectives as custom
from make_risk_mandates import CONVEX, PERIODS, dataset, factor, risk

warnings.filterwarnings("ignore")
DUAL = {"l1": "inf", "l2": 2, "linf": 1}


def name(i):
    return chr(65 + i)


def limits(w, cash, data, c, gross, rho, benchmark=None):
    """Every number of the mandate wherever it is applied: pointer, sign, value, bound."""
    n, current, money = len(data["mu"]), data["current"], data["money"]
    for i in range(n):
        if "max_position_size" in c:
            yield "/max_position_size", 1, w[i], c["max_position_size"]
        own = c.get("max_weight_changes", {})
        if name(i) in own:
            yield "/max_weight_changes/" + name(i), 1, cp.abs(w[i] - current[i]), own[name(i)]
        elif "max_weight_change" in c:
            yield "/max_weight_change", 1, cp.abs(w[i] - current[i]), c["max_weight_change"]
    if "max_sector_exposure" in c:
        for s in sorted(set(data["sectors"]) - {None}):
            members = [i for i, x in enumerate(data["sectors"]) if x == s]
            yield "/max_sector_exposure", 1, cp.sum(w[members]), c["max_sector_exposure"]
    if "group" in c:
        yield "/groups/0/min", -1, cp.sum(w[c["group"]["members"]]), c["group"]["min"]
    if "max_turnover" in c:
        yield "/max_turnover", 1, 0.5 * (cp.norm1(w - current) + cp.abs(cash - money)), c["max_turnover"]
    root = factor(data)
    if "target_volatility" in c:
        yield "/target_volatility", 1, cp.norm(root @ w), c["target_volatility"]
    if "max_tracking_error" in c:
        yield "/max_tracking_error", 1, cp.norm(root @ (w - benchmark)), c["max_tracking_error"]
    if "min_return" in c:
        yield "/min_return", -1, gross, c["min_return"]
    if "max_risk" in c:
        yield "/max_risk", 1, rho, c["max_risk"]
    for place, limit in enumerate(c.get("largest_positions", [])):
        yield "/largest_positions/%d/max" % place, 1, cp.sum_largest(w, min(limit["count"], n)), limit["max"]
    for scenario, most in c.get("max_scenario_losses", {}).items():
        yield "/max_scenario_losses/" + scenario, 1, -data["returns"][int(scenario[1:])] @ w, most


def posed(case, rows, cash):
    """The rows of limits, with their excesses at their prices."""
    c = case["constraints"]
    soft = {s["limit"]: s["penalty"] for s in c.get("soft_limits", [])}
    out, penalty = [], 0
    for pointer, sign, value, bound in rows:
        excess = 0
        if pointer in soft:
            excess = cp.Variable(nonneg=True)
            penalty = penalty + soft[pointer] * excess
        out.append(sign * (value - bound) <= excess)
    out += [cash >= c.get("min_cash", 0), cash <= c.get("max_cash", c.get("min_cash", 0))]
    return out, penalty


def run(goal, rules):
    problem = cp.Problem(cp.Maximize(goal), rules)
    for tolerance in (1e-11, 1e-9):
        try:
            problem.solve(solver=cp.CLARABEL, tol_gap_abs=tolerance, tol_gap_rel=tolerance, tol_feas=tolerance)
        except cp.SolverError:
            return "unknown"
        if problem.status == "optimal":
            return float(problem.value)
        if problem.status == "infeasible":
            return None
    return "unknown"


def solve_risk(case, data, held=None):
    n, c, u = len(data["mu"]), case["constraints"], case.get("uncertainty")
    w, cash, extra = cp.Variable(n), cp.Variable(), []
    rho = cp.norm(factor(data) @ w) if case["measure"] == "volatility" else risk(
        case["measure"], w, data, case["confidence"], extra)
    gross = data["mu"] @ w + data["rf"] * cash
    if u:
        errors = data["covariance"] * PERIODS / len(data["p"])
        if u["kind"] == "wasserstein":
            rho = rho + u["size"] / (1 - case["confidence"]) * cp.norm(w, DUAL[u["norm"]])
        elif u["kind"] == "ellipsoidal":
            gross = gross - u["size"] * cp.norm(factor({"covariance": errors}) @ w)
        else:
            gross = gross - u["size"] * np.sqrt(np.diag(errors)) @ w
    net = gross
    if data["cost"] and case["objective"] != "minimize_risk":
        net = net - data["cost"] * cp.norm1(w - data["current"])
    rules, penalty = posed(case, limits(w, cash, data, c, gross, rho), cash)
    rules += [cp.sum(w) + cash == 1, w >= 0] + extra
    squared = case["measure"] == "volatility"
    penalized = case["risk_aversion"] / 2 * cp.sum_squares(factor(data) @ w) if squared else (
        case["risk_aversion"] * PERIODS * rho)
    goal = {"minimize_risk": -rho, "maximize_return": net, "maximize_utility": net - penalized}[case["objective"]]
    return run(goal - penalty, rules)


def random_limits(rng, data, n, scenarios, benchmark):
    c = {"max_position_size": round(float(rng.uniform(1.05, 2.5)) / n, 3)}
    if rng.random() < 0.5:
        c["max_cash"] = 0.3
    if rng.random() < 0.5:
        c["max_turnover"] = round(float(rng.uniform(0.05, 0.4)), 3)
    if rng.random() < 0.4:
        c["max_sector_exposure"] = round(float(rng.uniform(0.3, 0.6)), 3)
    if rng.random() < 0.4:
        c["group"] = {"members": [0, n - 1], "min": round(float(rng.uniform(0.1, 0.6)), 3)}
    if rng.random() < 0.4:
        c["max_weight_change"] = round(float(rng.uniform(0.02, 0.3)), 3)
    if rng.random() < 0.4:
        c["max_weight_changes"] = {name(int(rng.integers(n))): round(float(rng.uniform(0, 0.2)), 3)}
    if rng.random() < 0.4:
        c["largest_positions"] = [{"count": 2, "max": round(float(rng.uniform(2.1 / n, 0.7)), 3)}]
    if rng.random() < 0.4:
        c["min_return"] = round(float(np.quantile(data["mu"], rng.uniform(0.3, 0.95))), 4)
    if rng.random() < 0.35:
        c["target_volatility"] = round(float(np.sqrt(np.median(np.diag(data["covariance"])))) * float(
            rng.uniform(0.5, 1)), 4)
    if scenarios and rng.random() < 0.5:
        worst = int(np.argmin(data["returns"].sum(axis=1)))
        c["max_scenario_losses"] = {"S%d" % worst: round(float(rng.uniform(0.3, 0.9)) * float(
            -data["returns"][worst].mean()), 5)}
    if benchmark and rng.random() < 0.4:
        c["max_tracking_error"] = round(float(rng.uniform(0.01, 0.1)), 3)
    return c


def soften(rng, c, size, per_risk):
    """Most of the limits soft, so that they can be met."""
    named = ["/" + k for k in c if k not in (
        "max_cash", "group", "max_weight_changes", "largest_positions", "max_scenario_losses", "soft_limits")]
    if "group" in c:
        named.append("/groups/0/min")
    named += ["/max_weight_changes/" + k for k in c.get("max_weight_changes", {})]
    named += ["/max_scenario_losses/" + k for k in c.get("max_scenario_losses", {})]
    named += ["/largest_positions/0/max"] if "largest_positions" in c else []
    hard = set(rng.choice(named, size=max(0, min(len(named) - 1, int(rng.integers(0, 3)))), replace=False))
    c["soft_limits"] = [
        {"limit": p, "penalty": float("%.4g" % (size * {"/max_risk": per_risk, "/target_volatility": 5}.get(p, 1)
                                                * 10 ** rng.uniform(-2, 0.3)))}
        for p in named if p not in hard]


def risk_documents():
    plans = [(4, 30, False, 0.0, 0.0), (8, 60, True, 0.0, 0.01), (7, 40, False, 0.002, 0.02)]
    for seed, (n, T, unequal, cost, rf) in enumerate(plans):
        data = dataset(50 + seed, n, T, unequal, False, cost, rf)
        data["money"] = data["current"][-1]
        data["current"] = data["current"][:-1]
        rng = np.random.default_rng(900 + seed)
        cases = []
        names = [m for m in CONVEX if not (unequal and m in ("cdar", "max_drawdown"))]
        asked = [(m, None) for m in names for _ in range(2)] + [
            (m, {"kind": kind, "size": size} | ({"norm": "l2"} if kind == "wasserstein" else {}))
            for m, kind, size in [("volatility", "ellipsoidal", 0.3), ("volatility", "box", 0.2),
                                  ("cvar", "ellipsoidal", 0.3), ("cvar", "wasserstein", 0.0005),
                                  ("mad", "box", 0.2)]]
        for measure, uncertainty in asked:
            for objective in ("minimize_risk", "maximize_return", "maximize_utility"):
                scenarios = uncertainty is None and not unequal and rng.random() < 0.5
                c = random_limits(rng, data, n, scenarios, False)
                case = dict(measure=measure, confidence=float(rng.choice([0.8, 0.9])), objective=objective,
                            constraints=c, risk_aversion=float(np.round(rng.uniform(0.02, 0.3), 3)))
                if measure == "volatility":
                    case["risk_aversion"] *= 20
                if uncertainty:
                    case["uncertainty"] = uncertainty
                free = {k: v for k, v in c.items() if k == "max_cash"}
                least = solve_risk(dict(case, objective="minimize_risk", constraints=free), data)
                if objective != "minimize_risk" and rng.random() < 0.8 and least < 0:
                    c["max_risk"] = round(-least * float(rng.uniform(0.8, 1.6)), 6)
                soften(rng, c, -least if objective == "minimize_risk" else 0.3, 5 if measure == "volatility" else 80)
                value = solve_risk(case, data)
                print(seed, measure, objective, c, value, file=sys.stderr)
                if value == "unknown":
                    continue
                case["expected"] = value
                cases.append(case)
        yield dict(returns=data["returns"].tolist(), probabilities=data["p"].tolist() if unequal else None,
                   expected_returns=data["mu"].tolist(), covariance=data["covariance"].tolist(),
                   quantities=data["quantities"].tolist(), cash=data["cash"], sectors=data["sectors"], cost=cost,
                   risk_free_rate=rf, cases=cases)


def solve_custom(case, data):
    """As make_custom_objectives.py, but with limits that may be exceeded."""
    n, c, preferences = len(data["expected_returns"]), case["constraints"], case["preferences"]
    rate, beta = preferences.get("risk_free_rate", 0), preferences.get("confidence_level", 0.95)
    w, cash, extra = cp.Variable(n), cp.Variable(), []
    turnover = 0.5 * (cp.norm1(w - data["current"]) + cp.abs(cash - data["current_cash"]))
    gross = data["expected_returns"] @ w + rate * cash
    root, goal = custom.root(data), 0
    for term in case["terms"]:
        measure = term.get("risk_measure", case["risk_measure"])
        goal = goal + term["weight"] * {
            "return": lambda: gross,
            "variance": lambda: cp.sum_squares(root @ w),
            "risk": lambda: custom.risk(measure, w, data, beta, extra),
            "turnover": lambda: turnover,
            "tracking_error": lambda: cp.norm(root @ (w - data["benchmark"])),
            "concentration": lambda: cp.sum_squares(w) + cash ** 2,
            "factor_exposure": lambda: data["loadings"] @ w,
        }[term["term"]]()
    known = dict(data, mu=data["expected_returns"], money=data["current_cash"])
    rho = custom.risk(case["risk_measure"], w, data, beta, extra) if "max_risk" in c else None
    rules, penalty = posed(case, limits(w, cash, known, c, gross, rho, data["benchmark"]), cash)
    return run(goal - penalty, rules + [cp.sum(w) + cash == 1, w >= 0] + extra)


def custom_documents():
    kinds = {"return": (0.5, 1.5), "variance": (-5, -0.5), "risk": (-1, -0.1), "turnover": (-0.03, -0.002),
             "tracking_error": (-0.8, -0.1), "concentration": (-0.1, -0.005), "factor_exposure": (-0.05, 0.05)}
    for seed, (n, T) in enumerate([(5, 30), (8, 40)]):
        data = custom.dataset(40 + seed, n, T)
        rng = np.random.default_rng(700 + seed)
        cases = []
        for index in range(28):
            lead = list(kinds)[index % len(kinds)]
            chosen = [lead] + [str(k) for k in rng.choice(list(kinds), size=2, replace=False) if k != lead]
            measure = "volatility" if rng.random() < 0.4 else str(rng.choice(custom.MEASURES))
            terms = []
            for kind in chosen:
                weight = float(rng.uniform(*kinds[kind])) * (10 if kind == "risk" and measure != "volatility" else 1)
                terms.append({"term": kind, "weight": round(weight, 4)})
            c = random_limits(rng, dict(mu=data["expected_returns"], covariance=data["covariance"]), n, False,
                              measure == "volatility")
            case = dict(risk_measure=measure, terms=terms, constraints=c,
                        preferences={"risk_free_rate": 0.01, "confidence_level": 0.9})
            if rng.random() < 0.6:
                least = solve_custom(dict(case, terms=[{"term": "risk", "weight": -1.0}], constraints={}), data)
                if isinstance(least, float) and least < 0:
                    c["max_risk"] = round(-least * float(rng.uniform(0.9, 1.4)), 6)
            soften(rng, c, 0.1, 5 if measure == "volatility" else 80)
            value = solve_custom(case, data)
            print(seed, index, case, value, file=sys.stderr)
            if value == "unknown":
                continue
            case["expected"] = value
            cases.append(case)
        keep = ["expected_returns", "covariance", "returns", "quantities", "benchmark", "loadings", "scores"]
        document = {k: np.asarray(data[k]).tolist() for k in keep}
        document.update(cash=data["cash"], daily_value=data["daily_value"], sectors=data["sectors"],
                        proportional=[0.0] * n, impact=[0.0] * n, lots=[[] for _ in range(n)], cases=cases)
        yield document


def main():
    documents = {"risk": risk_documents, "custom": custom_documents}[sys.argv[1]]()
    print(json.dumps(list(documents), separators=(",", ":")))


if __name__ == "__main__":
    main()
