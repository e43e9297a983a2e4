"""Objective and violation of an answer, from the case's data and the weights alone."""
import numpy as np


def _variance(case, weights):
    if "Sigma" in case:
        return weights @ (case["Sigma"] @ weights)
    factors = case["B"].T @ weights
    return factors @ case["F"] @ factors + case["D"] @ weights**2


def _violation(case, weights):
    worst = max(abs(weights.sum() - 1), -weights.min(), 0.0)
    if "ub" in case:
        worst = max(worst, (weights - case["ub"]).max())
    if "scap" in case:
        worst = max(worst, (np.bincount(case["sector"], weights, len(case["scap"])) - case["scap"]).max())
    if "tau" in case and "w0" in case:
        worst = max(worst, np.abs(weights - case["w0"]).sum() - case["tau"])
    if "rmin" in case:
        worst = max(worst, case["rmin"] - case["mu"] @ weights)
    if "K" in case:
        held = weights > 1e-9
        worst = max(worst, np.where(held, case["wmin"] - weights, 0).max(), float(held.sum() > case["K"]))
    return float(worst)


def tail_mean(losses, share):
    """The mean of the worst `share` of equally likely losses, the last one counted in part."""
    count = share * len(losses)
    whole = int(count + 1e-9)
    worst = np.sort(losses)[::-1]
    rest = (count - whole) * worst[whole] if whole < len(losses) else 0.0
    return (worst[:whole].sum() + rest) / count


def judge(case, answer):
    """(objective to minimise, largest violation). For classes with one answer the objective is an error instead."""
    if case.kind == "frontier":
        points = np.asarray(answer, float).reshape(len(case["targets"]), case.size)
        worst = max(np.abs(points.sum(axis=1) - 1).max(), -points.min(), 0.0)
        worst = max(worst, (case["targets"] - points @ case["mu"]).max())
        return np.einsum("pi,pi->p", points @ case["Sigma"], points), float(worst)
    if case.kind == "bl":
        return answer, 0.0
    weights = np.asarray(answer, float)
    if not np.isfinite(weights).all():
        return np.inf, np.inf
    violation = _violation(case, weights)
    if case.kind == "hrp":
        return weights, violation
    if case.kind == "cvar":
        return tail_mean(-(case["X"] @ weights), 1 - case["beta"]), violation
    variance = _variance(case, weights)
    if case.kind == "riskparity":
        contributions = weights * (case["Sigma"] @ weights) / variance
        return float(np.abs(contributions / case["budget"] - 1).max()), violation
    if case.kind == "sharpe":
        return -((case["mu"] - case["rf"]) @ weights) / np.sqrt(variance), violation
    if case.kind == "target":
        return variance, violation
    if case.kind == "robust":
        penalty = case["kappa"] * np.sqrt(variance * 252 / case["days"])
        return 0.5 * case["gamma"] * variance - case["mu"] @ weights + penalty, violation
    cost = case["cost"] @ np.abs(weights - case["w0"]) if "cost" in case else 0.0
    return 0.5 * case["gamma"] * variance - case["mu"] @ weights + cost, violation


def excess(case, objective, reference):
    """How much worse an objective is than the reference, relative to it; for classes with one answer how far off."""
    if case.kind == "riskparity":
        return objective
    if case.kind == "bl":
        return max(np.abs(a - b).max() / np.abs(b).max() for a, b in zip(objective, reference))
    difference = np.asarray(objective) - np.asarray(reference)
    if case.kind == "hrp":
        return float(np.abs(difference).max())
    return float((difference / np.abs(reference)).max())
