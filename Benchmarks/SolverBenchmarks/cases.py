"""Seeded cases of every problem class, and the files that `solve-case` reads.

A case is a pure function of class, size, variant and seed. The file format is `poptbench-1`: a JSON header with names,
scalars and shapes, and beside it one little-endian file with the arrays, row by row (see README.md).
"""
import json
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import nnls

SECTORS = 10
DAYS = 252


@dataclass
class Case:
    """One problem: numbers, arrays, and what they are called."""

    kind: str
    name: str
    size: int
    seed: int
    variant: str
    scalars: dict = field(default_factory=dict)
    arrays: dict = field(default_factory=dict)

    def __getitem__(self, name):
        return self.arrays[name] if name in self.arrays else self.scalars[name]

    def __contains__(self, name):
        return name in self.arrays or name in self.scalars


class Market:
    """Instruments that share a market, ten sectors and a few styles, and have some risk of their own."""

    def __init__(self, size, generator):
        self.size = size
        self.sector = generator.permutation(size) % SECTORS
        self.beta = generator.uniform(0.5, 1.5, size)
        self.styles = generator.standard_normal((size, 4)) * 0.04
        self.sector_share = generator.uniform(0.07, 0.17, size)
        self.own = generator.uniform(0.14, 0.45, size)
        self.means = 0.02 + 0.045 * self.beta + 0.02 * generator.standard_normal(size)

    def returns(self, days, generator, fat_tails=False):
        """Daily returns, days down and instruments across."""
        scale = np.ones((days, 1))
        if fat_tails:  # Student's t with four degrees of freedom, all instruments on the same days
            scale = np.sqrt(4 / generator.chisquare(4, days))[:, None]
        shocks = (
            0.16 * generator.standard_normal((days, 1)) * self.beta
            + generator.standard_normal((days, SECTORS))[:, self.sector] * self.sector_share
            + generator.standard_normal((days, 4)) @ self.styles.T
            + generator.standard_normal((days, self.size)) * self.own
        )
        return np.ascontiguousarray(self.means / DAYS + scale * shocks / np.sqrt(DAYS))

    def caps(self):
        """Caps of weights and sectors that leave some fifty names or more in play."""
        size = self.size
        return np.full(size, min(0.15, max(0.02, 10 / size))), np.full(SECTORS, 0.15)

    def holdings(self, caps, generator):
        """A portfolio within the caps: a tenth in each sector, spread over about a third of its names."""
        weights = np.zeros(self.size)
        for sector in range(SECTORS):
            members = np.flatnonzero(self.sector == sector)
            wish = np.where(generator.random(len(members)) < 0.35, generator.uniform(0.2, 1, len(members)), 0.0)
            if np.count_nonzero(wish) * caps[0] < 0.1:
                wish = generator.uniform(0.2, 1, len(members))
            low, high = 0.0, 1e6
            for _ in range(200):  # the scale at which the capped wishes add up to a tenth
                middle = 0.5 * (low + high)
                if np.minimum(caps[members], middle * wish).sum() < 0.1:
                    low = middle
                else:
                    high = middle
            weights[members] = np.minimum(caps[members], high * wish)
        return weights / weights.sum()


def annual_covariance(returns, shrinkage=0.0):
    centred = returns - returns.mean(axis=0)
    covariance = centred.T @ centred * (DAYS / (len(returns) - 1))
    covariance = 0.5 * (covariance + covariance.T)
    if shrinkage:
        mean = np.trace(covariance) / len(covariance)
        covariance = (1 - shrinkage) * covariance + shrinkage * mean * np.eye(len(covariance))
    return np.ascontiguousarray(covariance)


def _start(kind, size, seed, stream=None):
    key = crc32((stream or kind).encode())
    generator = np.random.default_rng([key, size, seed])
    return generator, Market(size, generator)


def _limits(market):
    caps, sector_caps = market.caps()
    return {"ub": caps, "sector": market.sector.astype(np.int32), "scap": sector_caps}


def mean_variance(size, variant, seed):
    """min γ/2 w'Σw − μ'w. `full`: 2n days; `shrunk`: n/2 days, shrunk by a fifth to the scaled identity."""
    generator, market = _start("mv", size, seed, "mv" + variant)
    days = 2 * size if variant == "full" else max(5, size // 2)
    covariance = annual_covariance(market.returns(days, generator), 0.2 if variant == "shrunk" else 0)
    arrays = {"Sigma": covariance, "mu": market.means, **_limits(market)}
    return Case("mv", f"mv_n{size}_{variant}_s{seed}", size, seed, variant, {"gamma": 5.0}, arrays)


def factor_model(size, variant, seed):
    """The same with Σ = BFB' + D. `turn`: Σ|w − w0| ≤ τ; `cost`: costs of Σ cᵢ|wᵢ − w0ᵢ| in the objective."""
    factors = {1000: 20, 3000: 40, 10000: 60}.get(size, 20)
    generator, market = _start("factor", size, seed)
    exposures = generator.standard_normal((size, factors)) / np.sqrt(factors)
    exposures[:, 0] = market.beta
    root = generator.standard_normal((factors, 2 * factors))
    correlation = root @ root.T
    scale = np.concatenate([[0.16], generator.uniform(0.05, 0.12, factors - 1)]) / np.sqrt(np.diag(correlation))
    covariance = correlation * np.outer(scale, scale)
    limits = _limits(market)
    scalars = {"gamma": 5.0, "k": factors}
    arrays = {
        "B": exposures,
        "F": 0.5 * (covariance + covariance.T),
        "D": market.own**2,
        "mu": market.means,
        **limits,
        "w0": market.holdings(limits["ub"], generator),
    }
    if variant == "turn":
        scalars["tau"] = 0.3
    if variant == "cost":
        arrays["cost"] = generator.uniform(0.001, 0.004, size)
    return Case("factor", f"factor_n{size}_{variant}_s{seed}", size, seed, variant, scalars, arrays)


def sharpe(size, variant, seed):
    """max (μ − r)'w / √(w'Σw); `turn`: Σ|w − w0| ≤ τ."""
    generator, market = _start("sharpe", size, seed)
    covariance = annual_covariance(market.returns(2 * size, generator))
    limits = _limits(market)
    scalars = {"rf": 0.02}
    if variant == "turn":
        scalars["tau"] = 0.4
    arrays = {"Sigma": covariance, "mu": market.means, **limits, "w0": market.holdings(limits["ub"], generator)}
    return Case("sharpe", f"sharpe_n{size}_{variant}_s{seed}", size, seed, variant, scalars, arrays)


def target(size, variant, seed):
    """min w'Σw with a floor on μ'w between that of the holdings and the most there is."""
    case = sharpe(size, variant, seed)
    left, room = 1.0, case["scap"].copy()
    most = 0.0
    for i in np.argsort(-case["mu"]):  # greedy is exact: the limits are nested
        weight = min(case["ub"][i], room[case["sector"][i]], left)
        room[case["sector"][i]] -= weight
        left -= weight
        most += weight * case["mu"][i]
    held = float(case["mu"] @ case["w0"])
    case.kind, case.name = "target", f"target_n{size}_{variant}_s{seed}"
    share = 0.1 if variant == "turn" else 0.5
    case.scalars = {"rmin": round(held + share * (most - held), 6)}
    if variant == "turn":
        case.scalars["tau"] = 0.5
    return case


def frontier(size, variant, seed):
    """min w'Σw at twenty returns, long only, from the least variance to nearly the most return."""
    generator, market = _start("frontier", size, seed)
    covariance = annual_covariance(market.returns(max(2 * size, 250), generator))
    # min ½w'Σw − 1'w over w ≥ 0 is a problem of least squares; scaled to 1 its solution has the least variance.
    factor = cholesky(covariance, lower=True)
    least, _ = nnls(factor.T, solve_triangular(factor, np.ones(size), lower=True), maxiter=30 * size)
    low = np.ceil(1e6 * market.means @ least / least.sum()) / 1e6
    top = market.means.max()
    targets = np.linspace(low, np.floor(1e6 * (top - 0.002 * (top - low))) / 1e6, 20)
    arrays = {"Sigma": covariance, "mu": market.means, "targets": targets}
    return Case("frontier", f"frontier_n{size}_s{seed}", size, seed, variant, {"points": 20}, arrays)


def conditional_value_at_risk(size, variant, seed):
    """min CVaR at 95 % of T days with a floor on the return and caps; the variant names T."""
    days = int(variant)
    generator, market = _start("cvar", size, seed, "cvar" + variant)
    means = market.means / DAYS
    caps = np.full(size, 0.1 if size >= 50 else 0.3)
    best = np.sort(means)[::-1][: int(round(1 / caps[0]))].mean()
    scalars = {"beta": 0.95, "rmin": float(0.5 * (best + means.mean())), "T": days}
    arrays = {"X": market.returns(days, generator, fat_tails=True), "mu": means, "ub": caps}
    return Case("cvar", f"cvar_n{size}_T{days}_s{seed}", size, seed, variant, scalars, arrays)


def risk_parity(size, variant, seed):
    """wᵢ(Σw)ᵢ/w'Σw = bᵢ with equal or random budgets."""
    generator, market = _start("riskparity", size, seed, "rp" + variant)
    covariance = annual_covariance(market.returns(2 * size, generator))
    budget = np.full(size, 1 / size)
    if variant == "budget":
        budget = np.maximum(generator.dirichlet(np.full(size, 3.0)), 0.02 / size)
    arrays = {"Sigma": covariance, "budget": budget / budget.sum()}
    return Case("riskparity", f"riskparity_n{size}_{variant}_s{seed}", size, seed, variant, {}, arrays)


def hierarchical(size, variant, seed):
    """Hierarchical risk parity from 2n days of returns."""
    generator, market = _start("hrp", size, seed)
    arrays = {"X": market.returns(2 * size, generator)}
    return Case("hrp", f"hrp_n{size}_s{seed}", size, seed, variant, {}, arrays)


def cardinality(size, variant, seed):
    """At most ten names, each 0 or at least 1 %. `minvar`: so risk averse that the relaxation holds many names."""
    generator, market = _start("card", size, seed)
    covariance = annual_covariance(market.returns(max(2 * size, 250), generator))
    scalars = {"gamma": 200.0 if variant == "minvar" else 10.0, "K": 10, "wmin": 0.01}
    arrays = {"Sigma": covariance, "mu": market.means}
    return Case("card", f"card_n{size}_{variant}_s{seed}", size, seed, variant, scalars, arrays)


def black_litterman(size, variant, seed):
    """The posterior of twenty relative views."""
    generator, market = _start("bl", size, seed)
    covariance = annual_covariance(market.returns(2 * size, generator))
    tau, views = 0.05, 20
    prior = 2.5 * covariance @ generator.dirichlet(np.ones(size))
    pairs = np.zeros((views, size))
    for row in pairs:
        first, second = generator.choice(size, 2, replace=False)
        row[first], row[second] = 1, -1
    arrays = {
        "Sigma": covariance,
        "pi": prior,
        "P": pairs,
        "Q": pairs @ prior + 0.01 * generator.standard_normal(views),
        "omega": np.diag(tau * pairs @ covariance @ pairs.T).copy(),
    }
    return Case("bl", f"bl_n{size}_s{seed}", size, seed, variant, {"tau": tau}, arrays)


def robust(size, variant, seed):
    """max μ'w − κ √(w'Ωw) − γ/2 w'Σw, Ω = Σ by the years of the history of 2n days."""
    generator, market = _start("robust", size, seed)
    days = 2 * size
    covariance = annual_covariance(market.returns(days, generator))
    arrays = {"Sigma": covariance, "mu": market.means, **_limits(market)}
    scalars = {"gamma": 5.0, "kappa": 0.5, "days": days}
    return Case("robust", f"robust_n{size}_s{seed}", size, seed, variant, scalars, arrays)


GENERATORS = {
    "mv": mean_variance,
    "factor": factor_model,
    "sharpe": sharpe,
    "target": target,
    "frontier": frontier,
    "cvar": conditional_value_at_risk,
    "riskparity": risk_parity,
    "hrp": hierarchical,
    "card": cardinality,
    "bl": black_litterman,
    "robust": robust,
}


def build(kind, size, variant, seed):
    return GENERATORS[kind](size, variant, seed)


def write(case, folder):
    """Writes the header and the arrays; the header's path."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    header = {
        "format": "poptbench-1",
        "storage": "bin",
        "cls": case.kind,
        "name": case.name,
        "n": case.size,
        "seed": case.seed,
        "variant": case.variant,
        "scalars": case.scalars,
        "arrays": {},
        "bin": case.name + ".bin",
    }
    offset = 0
    with open(folder / header["bin"], "wb") as file:
        for name, array in case.arrays.items():
            kind = "i4" if array.dtype == np.int32 else "f8"
            content = np.ascontiguousarray(array).astype("<" + kind).tobytes()
            header["arrays"][name] = {"dtype": kind, "shape": list(array.shape), "offset": offset}
            content += bytes(-len(content) % 8)
            file.write(content)
            offset += len(content)
    header["bin_bytes"] = offset
    path = folder / (case.name + ".json")
    path.write_text(json.dumps(header))
    return path
