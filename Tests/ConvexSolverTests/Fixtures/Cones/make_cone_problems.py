"""Writes the cone programs beside this file, each with the optimum that Clarabel finds at tight tolerances.

Needs cvxpy and clarabel. Standard form: minimise 1/2 x'Px + q'x subject to Ax + s = b, s in the cones in their order.
"""

import json
import pathlib
import sys

import clarabel
import cvxpy as cp
import numpy as np
from scipy import sparse

FOLDER = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent


def solve(P, q, A, b, cones):
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-11
    settings.max_iter = 500
    return clarabel.DefaultSolver(sparse.triu(P).tocsc(), q, A, b, cones, settings).solve()


def write(name, problem, count=None):
    """Brings a cvxpy problem into standard form, solves it and writes both."""
    data, _, _ = problem.get_problem_data(cp.CLARABEL)
    A, b, q = sparse.csc_matrix(data["A"]), data["b"], data["c"]
    P = data.get("P")
    P = sparse.csc_matrix((len(q), len(q))) if P is None else sparse.csc_matrix(P)
    dims = data["dims"]
    cones, names = [], []
    if dims.zero:
        cones.append(clarabel.ZeroConeT(dims.zero))
        names.append(["zero", dims.zero])
    if dims.nonneg:
        cones.append(clarabel.NonnegativeConeT(dims.nonneg))
        names.append(["nonnegative", dims.nonneg])
    for size in dims.soc:
        cones.append(clarabel.SecondOrderConeT(size))
        names.append(["second_order", size])
    for _ in range(dims.exp):
        cones.append(clarabel.ExponentialConeT())
        names.append(["exponential", 3])
    for exponent in dims.p3d:
        cones.append(clarabel.PowerConeT(float(exponent)))
        names.append(["power", float(exponent)])
    answer = solve(P, q, A, b, cones)
    upper, rows = sparse.triu(P).tocoo(), A.tocoo()
    document = {
        "id": name,
        "n": len(q),
        "m": len(b),
        "P_upper": [[int(i), int(j), float(v)] for i, j, v in zip(upper.row, upper.col, upper.data) if v != 0],
        "q": [float(v) for v in q],
        "A": [[int(i), int(j), float(v)] for i, j, v in zip(rows.row, rows.col, rows.data) if v != 0],
        "b": [float(v) for v in b],
        "cones": names,
        "status": str(answer.status),
        "objective": answer.obj_val,
    }
    text = json.dumps(document, separators=(",", ":"))
    (FOLDER / f"{name}.json").write_text(text + "\n")
    print(name, len(q), len(b), answer.status, answer.obj_val, answer.iterations, answer.solve_time, len(text))


def round_data(values, digits=4):
    """Few digits keep the files small, and change nothing that matters."""
    return np.round(values, digits)


def returns(generator, T, n):
    factor = generator.standard_normal((T, 1)) * 0.01
    return round_data(factor + 0.012 * generator.standard_normal((T, n)) + 0.0006, 5)


def entropy(generator, n, rows):
    x = cp.Variable(n)
    C = round_data(generator.standard_normal((rows, n)), 2)
    point = generator.dirichlet(np.ones(n))
    return cp.Problem(cp.Maximize(cp.sum(cp.entr(x))), [cp.sum(x) == 1, C @ x == round_data(C @ point, 4), x <= 0.5])


def log_sum_exp(generator, n, rows):
    x = cp.Variable(n)
    C, d = round_data(generator.standard_normal((rows, n)), 2), round_data(generator.standard_normal(rows), 2)
    return cp.Problem(cp.Minimize(cp.log_sum_exp(C @ x + d) + 0.1 * cp.sum_squares(x)), [cp.sum(x) == 1, x >= -1])


def growth(generator, T, n):
    w = cp.Variable(n)
    R = returns(generator, T, n)
    return cp.Problem(cp.Maximize(cp.sum(cp.log(1 + 20 * R @ w)) / T), [cp.sum(w) == 1, w >= 0, w <= 0.4])


def geometric_mean(generator, n):
    x = cp.Variable(n)
    t = cp.Variable(n - 1)
    cost = round_data(generator.uniform(0.5, 2, n), 2)
    constraints = [cost @ x <= 1, x >= 0]
    previous = x[0]
    for k in range(1, n):
        constraints.append(cp.PowCone3D(x[k], previous, t[k - 1], round(1 / (k + 1), 12)))
        previous = t[k - 1]
    return cp.Problem(cp.Maximize(previous), constraints)


def impact(generator, n, turnover=None):
    w, t = cp.Variable(n), cp.Variable(n)
    F = round_data(0.2 * generator.standard_normal((n, 3)), 2)
    covariance = F @ F.T + np.diag(round_data(generator.uniform(0.01, 0.09, n), 3))
    mean = round_data(generator.uniform(0, 0.12, n), 3)
    current = round_data(generator.dirichlet(np.ones(n)), 3)
    cost = round_data(generator.uniform(0.005, 0.1, n), 3)
    ones = np.ones(n)
    constraints = [cp.sum(w) == current.sum(), w >= 0, w <= 0.3, cp.PowCone3D(t, ones, w - current, 2 / 3)]
    risk = cp.quad_form(w, cp.psd_wrap(covariance))
    return cp.Problem(cp.Minimize(2.5 * risk - mean @ w + cost @ t), constraints)


def entropic_value_at_risk(generator, T, n, confidence=0.95):
    w, t, scale, u = cp.Variable(n), cp.Variable(), cp.Variable(), cp.Variable(T)
    R = returns(generator, T, n) * 100
    constraints = [
        cp.sum(w) == 1,
        w >= 0,
        w <= 0.5,
        cp.sum(u) <= scale,
        cp.ExpCone(-R @ w - t, cp.multiply(scale, np.ones(T)), u),
    ]
    return cp.Problem(cp.Minimize(t + scale * round(float(np.log(1 / ((1 - confidence) * T))), 12)), constraints)


def relative_entropy_ball(generator, n):
    """The worst mean over distributions near the uniform one: an exponential cone in a constraint."""
    p = cp.Variable(n)
    loss = round_data(generator.standard_normal(n), 3)
    return cp.Problem(cp.Maximize(loss @ p), [cp.sum(p) == 1, cp.sum(cp.kl_div(p, np.ones(n) / n)) <= 0.1])


def mixed(generator, n):
    """All five kinds of cone in one program."""
    x, t = cp.Variable(n), cp.Variable(3)
    C = round_data(generator.standard_normal((n, n)), 2)
    constraints = [
        cp.sum(x) == 1,
        x >= 0.01,
        cp.norm(C @ x) <= t[0],
        cp.PowCone3D(t[1], cp.Constant(1), x[0] - 0.3, 0.4),
        cp.ExpCone(-2 * x[1], cp.Constant(1), t[2]),
    ]
    return cp.Problem(cp.Minimize(t[0] + t[1] + 0.2 * t[2] + cp.sum_squares(x[2:]) - cp.sum(cp.log(x[2:])) * 0.05), constraints)


def main():
    make = np.random.default_rng
    write("entropy", entropy(make(1), 15, 3))
    write("log_sum_exp", log_sum_exp(make(2), 8, 20))
    write("growth", growth(make(3), 40, 6))
    write("geometric_mean", geometric_mean(make(4), 8))
    write("impact", impact(make(5), 12))
    write("entropic_value_at_risk", entropic_value_at_risk(make(6), 60, 6))
    write("relative_entropy_ball", relative_entropy_ball(make(7), 25))
    write("mixed", mixed(make(8), 6))


def more(count):
    """Larger and many more, for a look by hand."""
    make = np.random.default_rng
    for seed in range(count):
        g = make(1000 + seed)
        n = int(g.integers(4, 30))
        write(f"entropy{seed}", entropy(g, n, int(g.integers(1, max(2, n // 3)))))
        write(f"lse{seed}", log_sum_exp(g, int(g.integers(2, 20)), int(g.integers(5, 60))))
        write(f"growth{seed}", growth(g, int(g.integers(10, 120)), int(g.integers(2, 20))))
        write(f"geomean{seed}", geometric_mean(g, int(g.integers(2, 20))))
        write(f"impact{seed}", impact(g, int(g.integers(2, 40))))
        write(f"evar{seed}", entropic_value_at_risk(g, int(g.integers(30, 200)), int(g.integers(2, 20)), float(g.choice([0.8, 0.95, 0.99]))))
        write(f"ball{seed}", relative_entropy_ball(g, int(g.integers(3, 60))))
        write(f"mixed{seed}", mixed(g, int(g.integers(4, 15))))
    write("evar500", entropic_value_at_risk(make(9), 500, 30))
    write("evar1000", entropic_value_at_risk(make(9), 1000, 50))
    write("impact300", impact(make(9), 300))


if len(sys.argv) > 2:
    more(int(sys.argv[2]))
else:
    main()
