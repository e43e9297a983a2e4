#!/usr/bin/env python3
"""Makes custom_objectives.json: objectives put together of terms, with the optimum that cvxpy and Clarabel find.

Each term is written here from its definition. Taxes where lots are at a loss are solved by enumeration of who is sold,
buy-in thresholds by enumeration of who is held: neither is how the service does it.

    python3 make_custom_objectives.py > custom_objectives.json
"""

import itertools
import json
import sys
import warnings

import cvxpy as cp
import numpy as np

warnings.filterwarnings("ignore")
PERIODS = 252
SECTORS = ["X", "Y", None]
MEASURES = ["cvar", "semi_deviation", "mad", "evar", "cdar", "max_drawdown", "worst_realization"]
SIZES = {
    "return": (0.5, 1.5), "variance": (-5, -0.5), "risk": (-1, -0.1), "turnover": (-0.03, -0.002), "cost": (-2, -0.5),
    "tax": (-1.5, -0.3), "tracking_error": (-0.8, -0.1), "concentration": (-0.1, -0.005), "entropy": (0.002, 0.03),
    "factor_exposure": (-0.05, 0.05), "score": (-0.05, 0.05),
}


def dataset(seed, n, periods):
    rng = np.random.default_rng(7000 + seed)
    returns = np.round(0.0006 + 0.008 * rng.standard_t(5, (periods, n)) + 0.006 * rng.standard_normal((periods, 1)), 6)
    mean = returns.mean(axis=0)
    centred = returns - mean
    quantities = rng.integers(0, 30, n).astype(float)
    quantities[:2] = [12, 7]
    cash = 400.0
    total = quantities.sum() * 100 + cash
    # Basis and whether the lot is long-term; the price is 100, so that a basis above it is a loss.
    lots = []
    for i in range(n):
        own = []
        left = quantities[i]
        while left > 0:
            units = min(left, float(rng.integers(3, 12)))
            basis = float(rng.integers(55, 100)) if rng.random() < 0.8 else float(rng.integers(101, 130))
            own.append([units, basis, bool(rng.random() < 0.6)])
            left -= units
        lots.append(own)
    benchmark = rng.integers(0, 4, n).astype(float)
    benchmark[1] = 2
    return dict(
        returns=returns, expected_returns=np.round(PERIODS * mean, 6),
        covariance=np.round(PERIODS * centred.T @ centred / periods, 9) + 1e-6 * np.eye(n),
        quantities=quantities, cash=cash, current=quantities * 100 / total, current_cash=cash / total, value=total,
        sectors=[SECTORS[i % 3] for i in range(n)], proportional=np.round(rng.uniform(0.0003, 0.004, n), 5),
        impact=np.round(rng.uniform(0, 0.6, n), 3) * (rng.random(n) < 0.7), daily_value=1e5,
        lots=lots, benchmark=benchmark / benchmark.sum(), loadings=np.round(rng.normal(0.5, 0.5, n), 4),
        scores=np.round(rng.uniform(0, 1, n), 3),
    )


def root(data):
    values, vectors = np.linalg.eigh(data["covariance"])
    return np.sqrt(np.maximum(values, 0))[:, None] * vectors.T


def risk(name, w, data, beta, extra):
    if name == "volatility":
        return cp.norm(root(data) @ w)
    r = data["returns"] @ w
    count = len(data["returns"])
    p = np.full(count, 1 / count)
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
        t, z, u = cp.Variable(), cp.Variable(nonneg=True), cp.Variable(count)
        extra += [cp.constraints.ExpCone(-r - t, z * np.ones(count), u), p @ u <= z]
        return t - z * np.log(1 - beta)
    d = cp.Variable(count, nonneg=True)
    extra += [d[0] >= -r[0], d[1:] >= d[:-1] - r[1:]]
    if name == "max_drawdown":
        return cp.max(d)
    a = cp.Variable()
    return a + cp.sum(cp.pos(d - a)) / count / (1 - beta)


def rates(data, preferences, i):
    short, long = preferences.get("short_term_tax_rate", 0), preferences.get("long_term_tax_rate", 0)
    return [(units * 100 / data["value"], (long if is_long else short) * (1 - basis / 100))
            for units, basis, is_long in data["lots"][i]]


def losers(data, preferences):
    return [i for i in range(len(data["lots"])) if any(rate < 0 for _, rate in rates(data, preferences, i))]


def tax(w, data, preferences, sold, extra):
    total = 0
    for i in range(len(data["lots"])):
        parts = rates(data, preferences, i)
        if not parts or all(rate == 0 for _, rate in parts):
            continue
        if i in losers(data, preferences):
            if i not in sold:
                extra.append(w[i] >= data["current"][i])
                continue
            extra.append(w[i] <= data["current"][i])
        parts_sold = cp.Variable(len(parts), nonneg=True)
        extra.append(parts_sold <= np.array([share for share, _ in parts]))
        if i in losers(data, preferences):
            extra.append(cp.sum(parts_sold) == data["current"][i] - w[i])
        else:
            extra.append(cp.sum(parts_sold) >= data["current"][i] - w[i])
        total = total + np.array([rate for _, rate in parts]) @ parts_sold
    return total


def charged(case):
    """Whether tax stands in the objective."""
    net = case["preferences"].get("consider_tax_implications") and any(t["term"] == "return" for t in case["terms"])
    return net or any(t["term"] == "tax" for t in case["terms"])


def solve(case, data, sold, held):
    n = len(data["expected_returns"])
    c, preferences = case["constraints"], case["preferences"]
    rate, beta = preferences.get("risk_free_rate", 0), preferences.get("confidence_level", 0.95)
    w, cash, extra = cp.Variable(n), cp.Variable(), []
    trades = w - data["current"]
    turnover = 0.5 * (cp.norm1(trades) + cp.abs(cash - data["current_cash"]))
    impact = data["impact"] * np.sqrt(data["value"] / data["daily_value"])
    cost = data["proportional"] @ cp.abs(trades) + impact @ cp.power(cp.abs(trades), 1.5)
    taxed = tax(w, data, preferences, sold, extra) if charged(case) else 0
    goal = 0
    for term in case["terms"]:
        kind = term["term"]
        if kind == "return":
            value = data["expected_returns"] @ w + rate * cash
            years = preferences.get("cost_horizon_years", 1)
            if preferences.get("include_transaction_costs"):
                value = value - cost / years
            if preferences.get("consider_tax_implications"):
                value = value - taxed / years
        elif kind == "variance":
            value = cp.sum_squares(root(data) @ w)
        elif kind == "risk":
            value = risk(term.get("risk_measure", case["risk_measure"]), w, data, beta, extra)
        elif kind == "turnover":
            value = turnover
        elif kind == "cost":
            value = cost
        elif kind == "tax":
            value = taxed
        elif kind == "tracking_error":
            value = cp.norm(root(data) @ (w - data["benchmark"]))
        elif kind == "concentration":
            value = cp.sum_squares(w) + cash ** 2
        elif kind == "entropy":
            # Where cash must be 0, a rounding below it would have no entropy at all.
            value = cp.sum(cp.entr(w)) + (cp.entr(cash) if "max_cash" in c else 0)
        elif kind == "factor_exposure":
            value = data["loadings"] @ w
        else:
            value = data["scores"] @ w
        goal = goal + term["weight"] * value
    rows = [cp.sum(w) + cash == 1, w >= 0, cash >= c.get("min_cash", 0), cash <= c.get("max_cash", c.get("min_cash", 0))]
    if "max_position_size" in c:
        rows.append(w <= c["max_position_size"])
    if "max_sector_exposure" in c:
        for sector in ("X", "Y"):
            rows.append(cp.sum(w[[i for i in range(n) if data["sectors"][i] == sector]]) <= c["max_sector_exposure"])
    if "max_turnover" in c:
        rows.append(turnover <= c["max_turnover"])
    if "min_return" in c:
        rows.append(data["expected_returns"] @ w + rate * cash >= c["min_return"])
    if "target_volatility" in c:
        rows.append(cp.norm(root(data) @ w) <= c["target_volatility"])
    if "max_tracking_error" in c:
        rows.append(cp.norm(root(data) @ (w - data["benchmark"])) <= c["max_tracking_error"])
    if "max_risk" in c:
        rows.append(risk(case["risk_measure"], w, data, beta, extra) <= c["max_risk"])
    if held is not None:
        for i in range(n):
            rows.append(w[i] >= c["min_position_size"] if i in held else w[i] == 0)
    problem = cp.Problem(cp.Maximize(goal), rows + extra)
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


def subsets(items):
    return [set(s) for size in range(len(items) + 1) for s in itertools.combinations(items, size)]


def best(case, data):
    n = len(data["expected_returns"])
    choices = subsets(losers(data, case["preferences"])) if charged(case) else [set()]
    helds = subsets(range(n)) if "min_position_size" in case["constraints"] else [None]
    values = [solve(case, data, sold, held) for sold in choices for held in helds]
    if "unknown" in values:
        return "unknown"
    return max((v for v in values if v is not None), default=None)


def random_case(rng, data, index):
    n = len(data["expected_returns"])
    count = int(rng.integers(1, 6))
    kinds = [str(k) for k in rng.choice(list(SIZES), size=count, replace=False)]
    # Every kind leads once.
    lead = list(SIZES)[index % len(SIZES)]
    kinds = [lead] + [k for k in kinds if k != lead]
    measure = "volatility" if rng.random() < 0.6 else str(rng.choice(MEASURES))
    terms = []
    for kind in kinds:
        low, high = SIZES[kind]
        term = {"term": kind, "weight": round(float(rng.uniform(low, high)), 4)}
        if kind == "risk":
            if rng.random() < 0.4:
                measure_of_term = str(rng.choice(["volatility"] + MEASURES))
                term["risk_measure"] = measure_of_term
            if term.get("risk_measure", measure) != "volatility":
                term["weight"] = round(10 * term["weight"], 4)
        terms.append(term)
    if rng.random() < 0.25:
        second = str(rng.choice(MEASURES))
        if not any(t["term"] == "risk" and t.get("risk_measure", measure) == second for t in terms):
            terms.append({"term": "risk", "risk_measure": second, "name": "second", "weight": -2.5})
    constraints, preferences = {}, {"risk_free_rate": 0.01, "confidence_level": 0.9}
    if rng.random() < 0.5:
        constraints["max_position_size"] = round(float(rng.uniform(1.5 / n, 0.7)), 3)
    if rng.random() < 0.3:
        constraints["max_sector_exposure"] = 0.6
    if rng.random() < 0.4:
        constraints["max_cash"] = 0.2
    if rng.random() < 0.3:
        constraints["max_turnover"] = round(float(rng.uniform(0.1, 0.5)), 3)
    if rng.random() < 0.2:
        constraints["target_volatility"] = round(0.9 * float(np.sqrt(np.median(np.diag(data["covariance"])))), 4)
    scenarios = measure != "volatility" or any(t.get("risk_measure", "volatility") != "volatility" for t in terms)
    if rng.random() < 0.15 and not scenarios:
        constraints["max_tracking_error"] = 0.08
    if rng.random() < 0.3:
        preferences.update(short_term_tax_rate=0.35, long_term_tax_rate=0.15)
    if any(t["term"] == "tax" for t in terms):
        preferences.update(short_term_tax_rate=0.35, long_term_tax_rate=0.15)
    if any(t["term"] == "return" for t in terms):
        if rng.random() < 0.3:
            preferences["include_transaction_costs"] = True
        if rng.random() < 0.3:
            preferences["consider_tax_implications"] = True
        if rng.random() < 0.3:
            preferences["cost_horizon_years"] = 2.5
    if n <= 4 and rng.random() < 0.5 and not any(t["term"] == "entropy" for t in terms):
        constraints["min_position_size"] = 0.15
    return dict(risk_measure=measure, terms=terms, constraints=constraints, preferences=preferences)


def main():
    out = []
    for seed, (n, periods) in enumerate([(4, 30), (6, 40), (9, 25), (5, 60)]):
        data = dataset(seed, n, periods)
        rng = np.random.default_rng(seed)
        cases = []
        for index in range(33):
            case = random_case(rng, data, index)
            value = best(case, data)
            measures = {t.get("risk_measure", case["risk_measure"]) for t in case["terms"] if t["term"] == "risk"}
            single = not (measures - {"volatility", case["risk_measure"]})
            if isinstance(value, float) and case["risk_measure"] != "volatility" and single and index % 2 == 0:
                # A limit on the measure that binds, or nearly.
                least = best(dict(case, terms=[{"term": "risk", "weight": -1.0}]), data)
                if isinstance(least, float) and least < 0:
                    case["constraints"]["max_risk"] = round(-1.1 * least, 6)
                    value = best(case, data)
            print(seed, index, case, value, file=sys.stderr)
            if value != "unknown":
                cases.append(dict(case, expected=value))
        keep = ["expected_returns", "covariance", "returns", "quantities", "proportional", "impact", "benchmark",
                "loadings", "scores"]
        document = {k: np.asarray(data[k]).tolist() for k in keep}
        document.update(cash=data["cash"], daily_value=data["daily_value"], sectors=data["sectors"], lots=data["lots"],
                        cases=cases)
        out.append(document)
    print(json.dumps(out, separators=(",", ":")))


if __name__ == "__main__":
    main()
