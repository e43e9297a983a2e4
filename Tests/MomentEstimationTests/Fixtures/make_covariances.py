"""Makes covariances.json: Ledoit-Wolf and sample covariances computed by scikit-learn and numpy.

Run: python3 make_covariances.py > covariances.json   (numpy and scikit-learn; any recent version)
"""

import json
import sys

import numpy as np
from sklearn.covariance import ledoit_wolf

random = np.random.default_rng(20250620)
cases = []
for name, periods, count, scale in [
    ("long", 250, 5, 0.01),
    ("short", 8, 12, 0.02),
    ("two periods", 2, 3, 0.01),
    ("nearly spherical", 400, 4, 0.05),
    ("one instrument", 30, 1, 0.01),
]:
    mixing = np.eye(count) if name == "nearly spherical" else random.normal(size=(count, count)) / np.sqrt(count)
    returns = scale * random.normal(size=(periods, count)) @ mixing + 0.0004
    returns = np.round(returns, 6)
    shrunk, shrinkage = ledoit_wolf(returns)
    cases.append(
        {
            "name": name,
            "periods_per_year": 252,
            "returns": returns.tolist(),
            "mean": (252 * returns.mean(axis=0)).tolist(),
            "sample": (252 * np.atleast_2d(np.cov(returns, rowvar=False))).tolist(),
            "ledoit_wolf": (252 * shrunk).tolist(),
            "shrinkage": float(shrinkage),
        }
    )
json.dump({"cases": cases}, sys.stdout, separators=(",", ":"))
