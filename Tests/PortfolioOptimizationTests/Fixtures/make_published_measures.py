"""Least risks and largest ratios that the tests of Riskfolio-Lib and PyPortfolioOpt expect, as one file.

Sources: Riskfolio-Lib (BSD-3-Clause) tests/Classic_MinRisk.csv, Classic_Sharpe.csv, stock_prices.csv, last 200 daily
returns; PyPortfolioOpt (MIT) tests/test_efficient_cvar.py, test_efficient_cdar.py and tests/resources/stock_prices.csv,
the dates on which all 20 prices exist. Figures only. Run with the two folders that hold them as tables:
    python make_published_measures.py riskfolio/ pyportfolioopt/ > published_measures.json
"""
import csv
import json
import math
import sys

MEASURES = {"MAD": "mad", "CVaR": "cvar", "WR": "worst_realization", "MDD": "max_drawdown", "CDaR": "cdar",
            "MSV": "semi_deviation", "EVaR": "evar"}


def table(path):
    with open(path) as file:
        rows = list(csv.reader(file))[1:]
    return [[float(f"{float(x):.10g}") for x in row[1:]] for row in rows]


riskfolio, pyportfolioopt = sys.argv[1:3]
returns = table(riskfolio + "/returns.csv")
cases = []
for case in json.load(open(riskfolio + "/expected_classic.json"))["cases"]:
    name = MEASURES.get(case["risk_measure"])
    if name is None or case["objective"] == "RP":
        continue
    # Riskfolio divides the squared shortfalls by T - 1.
    factor = math.sqrt((len(returns) - 1) / len(returns)) if name == "semi_deviation" else 1
    risk = case["risk_at_expected"] * factor
    cases.append(dict(measure=name, objective=case["objective"], risk=risk, mean=case["mean_at_expected"]))
out = dict(riskfolio=dict(returns=returns, cases=cases))
expected = {c["case"]: c["expected"] for c in json.load(open(pyportfolioopt + "/expected.json"))["cases"]}
complete = table(pyportfolioopt + "/returns_complete_rows.csv")
with open(pyportfolioopt + "/mean_annual.csv") as file:
    means = [float(row[1]) for row in list(csv.reader(file))[1:]]
with open(pyportfolioopt + "/mean_annual_complete_rows.csv") as file:
    meansOfComplete = [float(row[1]) for row in list(csv.reader(file))[1:]]
out["pyportfolioopt"] = dict(
    returns=complete, means=means, means_of_complete_rows=meansOfComplete,
    cvar_at_return=expected["cvar_efficient_return_020"], return_at_cvar=expected["cvar_efficient_risk_002"],
    cdar_at_return=expected["cdar_efficient_return_020"])
print(json.dumps(out, separators=(",", ":")))
