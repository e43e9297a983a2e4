"""Estimates of a small history by scikit-learn, numpy and pandas-style weights, from their definitions.

Written for estimates.json; run with `pip install numpy scikit-learn`:
    python make_estimates.py > estimates.json
"""
import json

import numpy as np
from sklearn.covariance import ledoit_wolf, oas

rng = np.random.default_rng(7)
T, n, P = 60, 5, 252
market = rng.standard_normal((T, 1))
returns = np.round(0.0005 + 0.01 * (0.7 * market + rng.standard_normal((T, n))), 6)
mean = returns.mean(0)
centred = returns - mean
sample = centred.T @ centred / (T - 1)
h = 20.0
w = 0.5 ** (np.arange(T - 1, -1, -1) / h)
w /= w.sum()
weighted_mean = w @ returns
x = returns - weighted_mean
exponential = (x.T * w) @ x / (1 - (w**2).sum())
values = np.linalg.eigvalsh(sample)
means = P * mean
target = means.mean()
alpha = min(1, max(0, P * P * (values.sum() - 2 * values[-1]) / T / ((means - target) ** 2).sum()))
market_weights = np.array([0.4, 0.3, 0.2, 0.1, 0.0])
beta = P * sample @ market_weights / (market_weights @ (P * sample) @ market_weights)
sd = np.sqrt(np.diag(sample))
up, down = returns >= 0.5 * sd, returns <= -0.5 * sd
moved = up | down
gerber = np.empty((n, n))
for i in range(n):
    for j in range(n):
        same = (up[:, i] & up[:, j]).sum() + (down[:, i] & down[:, j]).sum()
        apart = (up[:, i] & down[:, j]).sum() + (down[:, i] & up[:, j]).sum()
        gerber[i, j] = (same - apart) / (moved[:, i] | moved[:, j]).sum() * sd[i] * sd[j] * P
shrunk, rho = oas(returns)
lw, delta = ledoit_wolf(returns)
print(json.dumps(dict(
    returns=returns.tolist(), periods_per_year=P, half_life=h, risk_free_rate=0.02, market_weights=market_weights.tolist(),
    sample=(P * sample).tolist(), oas=(P * shrunk).tolist(), oas_shrinkage=float(rho), ledoit_wolf=(P * lw).tolist(),
    exponential=(P * exponential).tolist(), gerber=gerber.tolist(),
    condition_of_sample=float(values[-1] / values[0]),
    historical_mean=means.tolist(), exponential_mean=(P * weighted_mean).tolist(),
    james_stein=((1 - alpha) * means + alpha * target).tolist(), james_stein_shrinkage=float(alpha),
    capm=(0.02 + beta * (means @ market_weights - 0.02)).tolist(),
    equilibrium=(0.02 + 2.5 * P * sample @ market_weights).tolist())))
