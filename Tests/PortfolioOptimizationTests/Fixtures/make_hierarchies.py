"""Makes hierarchies.json: trees and hierarchical risk parity weights computed by SciPy and numpy, and two published ones.

Run: python3 make_hierarchies.py STOCK_PRICES STOCK_WEIGHTS RETURNS RETURN_WEIGHTS > hierarchies.json
with numpy, SciPy and pandas; any recent version. The four files are figures of two public test suites:
  STOCK_PRICES    stock_prices.csv of PyPortfolioOpt (MIT), STOCK_WEIGHTS its HRP weights, as a JSON object
  RETURNS         the last 200 daily returns of ten stocks of Riskfolio-Lib (BSD-3-Clause), as CSV,
  RETURN_WEIGHTS  its HRP weights for variance (HC_HRP.csv, column MV), as a JSON object
"""

import json
import sys

import numpy as np
import pandas
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import pdist, squareform


def distances(correlation):
    result = np.sqrt(np.clip((1 - correlation) / 2, 0, 1))
    np.fill_diagonal(result, 0)
    return result


def correlation_of(covariance):
    volatility = np.sqrt(np.diag(covariance))
    return covariance / np.outer(volatility, volatility)


def smallest_index_first(tree, count):
    first, children = list(range(count)), {}
    for step, (a, b, _, _) in enumerate(tree):
        a, b = int(a), int(b)
        if first[a] > first[b]:
            a, b = b, a
        children[count + step] = (a, b)
        first.append(first[a])
    order, pending = [], [count + len(tree) - 1]
    while pending:
        cluster = pending.pop()
        if cluster < count:
            order.append(cluster)
        else:
            pending += [children[cluster][1], children[cluster][0]]
    return order


def bisection(covariance, order):
    q = covariance[np.ix_(order, order)]
    reciprocals = 1 / np.diag(q)
    weights = np.ones(len(order))

    def variance(a, b):
        y = reciprocals[a:b] / reciprocals[a:b].sum()
        return y @ q[a:b, a:b] @ y

    pending = [(0, len(order))]
    while pending:
        a, b = pending.pop()
        if b - a < 2:
            continue
        middle = a + (b - a) // 2
        left, right = variance(a, middle), variance(middle, b)
        weights[a:middle] *= right / (left + right)
        weights[middle:b] *= left / (left + right)
        pending += [(a, middle), (middle, b)]
    result = np.empty(len(order))
    result[order] = weights
    return result


def lower(matrix):
    return [float(matrix[i, j]) for j in range(len(matrix)) for i in range(j, len(matrix))]


def computed(seed, count, method, twice):
    random = np.random.default_rng(seed)
    factors = random.normal(size=(3 * count, 3)) @ random.normal(size=(3, count))
    returns = 0.01 * (factors + 1.5 * random.normal(size=(3 * count, count)))
    covariance = np.cov(returns, rowvar=False)
    distance = distances(correlation_of(covariance))
    condensed = pdist(distance) if twice else squareform(distance, checks=False)
    tree = linkage(condensed, method)
    order = smallest_index_first(tree, count)
    return {
        "name": f"{method}, {count} instruments" + (", distance of distance" if twice else ""),
        "linkage": method,
        "distanceOfDistance": twice,
        "covariance": lower(covariance),
        "heights": tree[:, 2].tolist(),
        "order": order,
        "earliestFirstOrder": leaves_list(tree).tolist(),
        "weights": bisection(covariance, order).tolist(),
    }


def published(prices, stock_weights, returns, return_weights):
    history = pandas.read_csv(prices, index_col=0, parse_dates=True).pct_change(fill_method=None)
    covariance, distance = history.cov().values, distances(history.corr().values)
    order = leaves_list(linkage(squareform(distance, checks=False), "single"))
    yield {
        "source": "PyPortfolioOpt, tests/resources/weights_hrp.csv: pairwise moments, single linkage",
        "covariance": lower(covariance),
        "distances": lower(distance),
        "order": order.tolist(),
        "weights": [stock_weights[name] for name in history.columns],
    }
    history = pandas.read_csv(returns, index_col=0)
    covariance = np.cov(history.values, rowvar=False)
    distance = distances(correlation_of(covariance))
    order = leaves_list(linkage(squareform(distance, checks=False), "single", optimal_ordering=True))
    yield {
        "source": "Riskfolio-Lib, tests/HC_HRP.csv, variance: single linkage, leaves in optimal order",
        "covariance": lower(covariance),
        "distances": None,
        "order": order.tolist(),
        "weights": [return_weights[name] for name in history.columns],
    }


cases = [
    computed(100 + count, count, method, twice)
    for count in (2, 7, 24)
    for method in ("single", "complete", "average", "ward")
    for twice in (False, True)
]
files = sys.argv[1:]
publications = list(published(files[0], json.load(open(files[1])), files[2], json.load(open(files[3]))))
json.dump({"computed": cases, "published": publications}, sys.stdout, separators=(",", ":"))
