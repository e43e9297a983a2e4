"""Makes reference_cases.json: what the tests of PyPortfolioOpt and Riskfolio-Lib and a textbook expect, beside the other files.

Sources: PyPortfolioOpt (MIT) tests and tests/resources/stock_prices.csv: regularised, semicovariance and exponential cases.
Riskfolio-Lib (BSD-3-Clause) tests/Classic_MinRisk.csv, Classic_Sharpe.csv, Classic_RP.csv, last 200 daily returns: variance,
and risk parity on volatility and CVaR. C. Bacon, Practical Portfolio Performance Measurement and Attribution (2008): 24
monthly returns and measures of them. Figures only. Covariances of daily prices with gaps are pairwise, computed here.

    python make_reference_cases.py pyportfolioopt/ riskfolio/ performance_metrics/ > reference_cases.json
"""
import csv
import json
import sys

import numpy as np

stocks, riskfolio, bacon = sys.argv[1:4]
with open(stocks + "/stock_prices.csv") as file:
    prices = np.array([[float(x) if x else np.nan for x in row[1:]] for row in list(csv.reader(file))[1:]])
returns = prices[1:] / prices[:-1] - 1
n = returns.shape[1]
semicovariance, exponential = np.empty((n, n)), np.empty((n, n))
# A return that is not there counts as no drop, as in PyPortfolioOpt.
drops = np.fmin(returns, 0)
centred = returns - np.nanmean(returns, axis=0)
decay = (1 - 2 / 181.0) ** np.arange(len(returns))[::-1]
for i in range(n):
    for j in range(n):
        both = ~np.isnan(returns[:, i]) & ~np.isnan(returns[:, j])
        semicovariance[i, j] = drops[:, i] @ drops[:, j] / len(drops) * 252
        weights = decay[both]
        exponential[i, j] = weights @ (centred[both, i] * centred[both, j]) / weights.sum() * 252
cases = {c["case"]: c for c in json.load(open(stocks + "/expected.json"))["cases"]}


def table(path):
    with open(path) as file:
        rows = list(csv.reader(file))[1:]
    return [[float(f"{float(x):.10g}") for x in row[1:]] for row in rows]


with open(stocks + "/mean_annual.csv") as file:
    means = [float(row[1]) for row in list(csv.reader(file))[1:]]
out = dict(
    stocks=dict(
        mean=means,
        covariance=table(stocks + "/cov_annual.csv"),
        semicovariance=semicovariance.tolist(),
        exponential=exponential.tolist(),
        cases=[
            {k: cases[name][k] for k in ("case", "expected", "tolerance")}
            for name in ("min_volatility_L2", "efficient_return_L2", "semicovariance_max_sharpe", "exp_cov_max_sharpe")
        ],
    ),
)
classic = json.load(open(riskfolio + "/expected_classic.json"))
out["riskfolio"] = [
    dict(
        objective=c["objective"],
        measure={"MV": "volatility", "CVaR": "cvar"}[c["risk_measure"]],
        weights=[c["weights"][a] for a in classic["assets"]] if isinstance(c["weights"], dict) else c["weights"],
        risk=c["risk_at_expected"],
        mean=c["mean_at_expected"],
        tolerance=c["tolerance"],
    )
    for c in classic["cases"]
    if c["risk_measure"] == "MV" or (c["objective"], c["risk_measure"]) == ("RP", "CVaR")
]
with open(bacon + "/bacon_monthly.csv") as file:
    rows = list(csv.reader(file))[1:]
out["bacon"] = dict(
    portfolio=[float(row[1]) for row in rows],
    benchmark=[float(row[2]) for row in rows],
    expected={
        c["measure"]: [c["value"], c["tolerance"]] for c in json.load(open(bacon + "/bacon_expected.json"))["expected"]
    },
)
print(json.dumps(out, separators=(",", ":")))
