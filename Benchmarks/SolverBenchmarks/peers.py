"""The fastest peers of each class, timed by their own setup and solve on data in their own format.

A peer takes a case and gives (answer, CPU milliseconds). Nothing here is needed to build or test the service.
"""
import os
import sys
import time
from contextlib import contextmanager

import clarabel
import daqp
import highspy
import numba
import numpy as np
import piqp
import scipy.sparse as sparse
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.linalg import cho_factor, cho_solve, lapack
from scipy.spatial.distance import squareform

INFINITY = np.inf
TOLERANCE = 1e-9
SCIP_SECONDS = 60


class PeerFailure(Exception):
    """A peer gave no answer."""


class Clock:
    """Process CPU time of a block, in milliseconds."""

    def __enter__(self):
        self._start = time.process_time()
        return self

    def __exit__(self, *_):
        self.milliseconds = 1e3 * (time.process_time() - self._start)


@contextmanager
def quiet():
    """Keeps a library's banner off the table."""
    sys.stdout.flush()
    kept = os.dup(1)
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


# ---- Quadratic programs: min ½x'Px + q'x, Ax = b, Gx ≤ h, lower ≤ x ≤ upper


def sector_rows(case):
    rows = np.zeros((len(case["scap"]), case.size))
    rows[case["sector"], np.arange(case.size)] = 1
    return rows


def mean_variance(case):
    n = case.size
    return {
        "P": case["gamma"] * case["Sigma"], "q": -case["mu"], "A": np.ones((1, n)), "b": np.ones(1),
        "G": sector_rows(case), "h": case["scap"], "lower": np.zeros(n), "upper": case["ub"],
    }  # fmt: skip


def factor_model(case):
    """x = (w, y, bought, sold) with y = L'B'w, so that P is diagonal."""
    n, k = case.size, case["k"]
    loadings = case["B"] @ np.linalg.cholesky(case["F"])
    trades = 0 if case.variant == "box" else 2 * n
    size = n + k + trades
    eye = sparse.identity(n)
    blocks = [[np.ones((1, n)), None, None, None], [loadings.T, -sparse.identity(k), None, None]]
    right = [np.ones(1), np.zeros(k)]
    inequalities = [sparse.csc_matrix(sector_rows(case)), sparse.csc_matrix((len(case["scap"]), k))]
    linear = np.zeros(size)
    linear[:n] = -case["mu"]
    bounds = case["scap"]
    rows = sparse.hstack(inequalities + ([sparse.csc_matrix((len(bounds), trades))] if trades else []))
    if trades:
        blocks.append([eye, None, -eye, eye])
        right.append(case["w0"])
        equations = sparse.bmat(blocks, format="csc")
        if case.variant == "turn":
            total = np.concatenate([np.zeros(n + k), np.ones(trades)])
            rows = sparse.vstack([rows, sparse.csc_matrix(total)])
            bounds = np.append(bounds, case["tau"])
        else:
            linear[n + k :] = np.concatenate([case["cost"], case["cost"]])
    else:
        equations = sparse.bmat([row[:2] for row in blocks], format="csc")
    diagonal = case["gamma"] * np.concatenate([case["D"], np.ones(k), np.zeros(trades)])
    return {
        "P": sparse.diags(diagonal, format="csc"), "q": linear, "A": equations, "b": np.concatenate(right),
        "G": sparse.csc_matrix(rows), "h": bounds,
        "lower": np.concatenate([np.zeros(n), np.full(k, -INFINITY), np.zeros(trades)]),
        "upper": np.concatenate([case["ub"], np.full(k + trades, INFINITY)]),
    }  # fmt: skip


def _split_trades(case, program, columns):
    """Adds bought and sold amounts with w − bought + sold = w0 · scale, the scale being column n when there is one."""
    n = case.size
    size = columns + 2 * n
    P = np.zeros((size, size))
    P[:columns, :columns] = program["P"]
    extra = np.zeros((n, size))
    extra[:, :n] = np.eye(n)
    extra[:, columns : columns + n] = -np.eye(n)
    extra[:, columns + n :] = np.eye(n)
    right = case["w0"]
    limit = np.concatenate([np.zeros(columns), np.ones(2 * n)])
    bound = case["tau"]
    if columns > n:
        extra[:, n], limit[n] = -case["w0"], -case["tau"]
        right, bound = np.zeros(n), 0.0
    pad = lambda rows: np.hstack([rows, np.zeros((len(rows), 2 * n))])  # noqa: E731
    return {
        "P": P, "q": np.zeros(size), "A": np.vstack([pad(program["A"]), extra]),
        "b": np.concatenate([program["b"], right]), "G": np.vstack([pad(program["G"]), limit]),
        "h": np.append(program["h"], bound), "lower": np.zeros(size),
        "upper": np.concatenate([program["upper"], np.full(2 * n, INFINITY)]),
    }  # fmt: skip


def sharpe(case):
    """Scaled by κ so that (μ − r)'y = 1: x = (y, κ), w = y/κ."""
    n = case.size
    P = np.zeros((n + 1, n + 1))
    P[:n, :n] = case["Sigma"]
    equations = np.vstack([np.append(case["mu"] - case["rf"], 0), np.append(np.ones(n), -1)])
    rows = np.vstack(
        [np.column_stack([sector_rows(case), -case["scap"]]), np.column_stack([np.eye(n), -case["ub"]])]
    )
    program = {
        "P": P, "q": np.zeros(n + 1), "A": equations, "b": np.array([1.0, 0.0]), "G": rows, "h": np.zeros(len(rows)),
        "lower": np.zeros(n + 1), "upper": np.full(n + 1, INFINITY),
    }  # fmt: skip
    return _split_trades(case, program, n + 1) if case.variant == "turn" else program


def target(case):
    n = case.size
    program = {
        "P": 2 * case["Sigma"], "q": np.zeros(n), "A": np.ones((1, n)), "b": np.ones(1),
        "G": np.vstack([sector_rows(case), -case["mu"]]), "h": np.append(case["scap"], -case["rmin"]),
        "lower": np.zeros(n), "upper": case["ub"],
    }  # fmt: skip
    return _split_trades(case, program, n) if case.variant == "turn" else program


PROGRAMS = {"mv": mean_variance, "factor": factor_model, "sharpe": sharpe, "target": target}


def weights_of(case, x):
    return x[: case.size] / x[case.size] if case.kind == "sharpe" else x[: case.size]


def piqp_solver(case, dense):
    program = PROGRAMS[case.kind](case)
    shaped = (lambda m: np.asfortranarray(m)) if dense else (lambda m: sparse.csc_matrix(m))
    P, A, G = (shaped(program[name]) for name in "PAG")
    solver = piqp.DenseSolver() if dense else piqp.SparseSolver()
    settings = solver.settings
    settings.eps_abs = settings.eps_rel = TOLERANCE
    settings.eps_duality_gap_abs = settings.eps_duality_gap_rel = TOLERANCE
    least = np.full(G.shape[0], -INFINITY)
    with Clock() as clock:
        solver.setup(P, program["q"], A, program["b"], G, least, program["h"], program["lower"], program["upper"])
        status = solver.solve()
    if status != piqp.PIQP_SOLVED:
        raise PeerFailure(str(status))
    return weights_of(case, np.array(solver.result.x)), clock.milliseconds


def daqp_solver(case):
    program = PROGRAMS[case.kind](case)
    rows = np.ascontiguousarray(np.vstack([program["A"], program["G"]]))
    huge = 1e30
    upper = np.minimum(np.concatenate([program["upper"], program["b"], program["h"]]), huge)
    lower = np.concatenate([program["lower"], program["b"], np.full(len(program["h"]), -huge)])
    sense = np.zeros(len(upper), np.int32)
    sense[len(program["q"]) : len(program["q"]) + len(program["b"])] = 5
    # A singular curvature needs its proximal steps.
    proximal = {"eps_prox": -1.0} if case.kind == "sharpe" else {}
    P = np.ascontiguousarray(program["P"])
    with Clock() as clock:
        x, _, flag, _ = daqp.solve(
            P, program["q"], rows, upper, lower, sense, primal_tol=TOLERANCE, dual_tol=1e-12, iter_limit=100000,
            **proximal,
        )  # fmt: skip
    if flag < 1:
        raise PeerFailure(f"flag {flag}")
    return weights_of(case, np.array(x)), clock.milliseconds


def clarabel_solver(case):
    program = {name: sparse.csc_matrix(m) if name in "PAG" else m for name, m in PROGRAMS[case.kind](case).items()}
    blocks, right = [program["A"], program["G"]], [program["b"], program["h"]]
    identity = sparse.identity(len(program["q"]), format="csr")
    for bound, sign in ((program["upper"], 1), (program["lower"], -1)):
        finite = np.flatnonzero(np.isfinite(bound))
        blocks.append(sign * identity[finite])
        right.append(sign * bound[finite])
    rows, b = sparse.vstack(blocks, format="csc"), np.concatenate(right)
    equations = len(program["b"])
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_threads = 1
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = TOLERANCE
    cones = [clarabel.ZeroConeT(equations), clarabel.NonnegativeConeT(len(b) - equations)]
    P = sparse.triu(program["P"], format="csc")
    with Clock() as clock:
        solution = clarabel.DefaultSolver(P, program["q"], rows, b, cones, settings).solve()
    return weights_of(case, np.array(solution.x)), clock.milliseconds


def clarabel_robust(case):
    """x = (w, t) with ‖Gw‖ ≤ t, G'G = Ω."""
    n = case.size
    P = np.zeros((n + 1, n + 1))
    P[:n, :n] = case["gamma"] * case["Sigma"]
    root = np.linalg.cholesky(case["Sigma"] * (252 / case["days"])).T
    eye, column = np.eye(n), np.zeros((n, 1))
    sectors = sector_rows(case)
    blocks = [
        np.append(np.ones(n), 0)[None, :],
        np.hstack([sectors, np.zeros((len(sectors), 1))]),
        np.hstack([eye, column]),
        np.hstack([-eye, column]),
        np.append(np.zeros(n), -1.0)[None, :],
        np.hstack([-root, column]),
    ]
    b = np.concatenate([np.ones(1), case["scap"], case["ub"], np.zeros(n), np.zeros(n + 1)])
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_threads = 1
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = TOLERANCE
    cones = [
        clarabel.ZeroConeT(1),
        clarabel.NonnegativeConeT(len(sectors) + 2 * n),
        clarabel.SecondOrderConeT(n + 1),
    ]
    linear = np.append(-case["mu"], case["kappa"])
    rows, P = sparse.csc_matrix(np.vstack(blocks)), sparse.triu(sparse.csc_matrix(P), format="csc")
    with Clock() as clock:
        solution = clarabel.DefaultSolver(P, linear, rows, b, cones, settings).solve()
    # Hundreds of weights a few 1e-11 below zero are worth 5e-8 of the objective: no reference for one that has none.
    weights = np.maximum(np.array(solution.x)[:n], 0)
    return weights / weights.sum(), clock.milliseconds


def daqp_frontier(case):
    """One model, its bounds moved from point to point and started where the last one ended."""
    n, targets = case.size, case["targets"]
    rows = np.ascontiguousarray(np.vstack([np.ones(n), case["mu"]]))
    upper = np.concatenate([np.ones(n + 1), [1e30]])
    lower = np.concatenate([np.zeros(n), [1.0, targets[0]]])
    sense = np.concatenate([np.zeros(n), [5, 0]]).astype(np.int32)
    P = np.ascontiguousarray(2 * case["Sigma"])
    points = []
    with Clock() as clock:
        model = daqp.Model()
        model.settings = {"primal_tol": TOLERANCE, "iter_limit": 100000}
        model.setup(P, np.zeros(n), rows, upper, lower, sense)
        for least in targets:
            lower = lower.copy()
            lower[-1] = least
            model.update(bupper=upper, blower=lower)
            result = model.solve()
            points.append(result[0])
            if result[2] < 1:
                raise PeerFailure(f"flag {result[2]}")
    return np.array(points), clock.milliseconds


# ---- Scenarios


def highs_cvar(case):
    """The dual of the linear program: n + 1 rows and a column for each day; the weights are the rows' multipliers."""
    n, days = case.size, case["T"]
    cap = 1 / ((1 - case["beta"]) * days)
    rows = sparse.bmat(
        [
            [case["X"].T, np.ones((n, 1)), case["mu"][:, None], -sparse.identity(n)],
            [np.ones((1, days)), None, None, None],
        ],
        format="csc",
    )
    program = highspy.HighsLp()
    program.num_col_, program.num_row_ = rows.shape[1], rows.shape[0]
    program.col_cost_ = np.concatenate([np.zeros(days), [-1.0, -case["rmin"]], case["ub"]])
    program.col_lower_ = np.concatenate([np.zeros(days), [-INFINITY, 0.0], np.zeros(n)])
    program.col_upper_ = np.concatenate([np.full(days, cap), np.full(n + 2, INFINITY)])
    program.row_lower_ = np.append(np.full(n, -INFINITY), 1.0)
    program.row_upper_ = np.append(np.zeros(n), 1.0)
    program.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    program.a_matrix_.start_, program.a_matrix_.index_ = rows.indptr, rows.indices
    program.a_matrix_.value_ = rows.data
    with Clock() as clock, quiet():
        solver = highspy.Highs()
        for option, value in (("output_flag", False), ("threads", 1), ("solver", "simplex")):
            solver.setOptionValue(option, value)
        solver.passModel(program)
        solver.run()
    status = solver.modelStatusToString(solver.getModelStatus())
    if status != "Optimal":
        raise PeerFailure(status)
    return -np.array(solver.getSolution().row_dual)[:n], clock.milliseconds


# ---- Risk parity, hierarchical, Black–Litterman: textbook methods on numpy and numba


@numba.njit(fastmath=True)
def _coordinate_descent(covariance, budget, x, tolerance, sweeps):
    n = len(x)
    gradient = covariance @ x
    for _ in range(sweeps):
        for i in range(n):
            own = covariance[i, i]
            rest = gradient[i] - own * x[i]
            new = (np.sqrt(rest * rest + 4 * own * budget[i]) - rest) / (2 * own)
            change = new - x[i]
            x[i] = new
            for j in range(n):
                gradient[j] += change * covariance[i, j]
        worst = 0.0
        for i in range(n):
            worst = max(worst, abs(x[i] * gradient[i] / budget[i] - 1))
        if worst < tolerance:
            break
    return x


def numba_risk_parity(case):
    """Cyclical coordinate descent on ½x'Σx − b'log x (Griveau-Billion, Richard & Roncalli 2013)."""
    covariance, budget = case["Sigma"], case["budget"]
    if not _coordinate_descent.signatures:
        _coordinate_descent(np.eye(2), np.full(2, 0.5), np.ones(2), 1e-9, 3)
    with Clock() as clock:
        x = budget / np.sqrt(np.diag(covariance))
        x /= np.sqrt(x @ covariance @ x)
        x = _coordinate_descent(covariance, budget, x, 1e-10, 10000)
        weights = x / x.sum()
    return weights, clock.milliseconds


def numpy_hierarchical(case):
    """López de Prado's three stages on scipy's single linkage."""
    with Clock() as clock:
        covariance = np.cov(case["X"], rowvar=False)
        deviations = np.sqrt(np.diag(covariance))
        distances = np.sqrt(np.clip(0.5 - 0.5 * covariance / np.outer(deviations, deviations), 0, 1))
        np.fill_diagonal(distances, 0)
        order = leaves_list(linkage(squareform(distances, checks=False), "single"))
        sorted_covariance = covariance[np.ix_(order, order)]
        precision = 1 / np.diag(sorted_covariance)
        weights = np.ones(case.size)
        parts = [(0, case.size)]
        while parts:
            start, end = parts.pop()
            if end - start < 2:
                continue
            middle = start + (end - start) // 2
            variances = []
            for low, high in ((start, middle), (middle, end)):
                share = precision[low:high] / precision[low:high].sum()
                variances.append(share @ sorted_covariance[low:high, low:high] @ share)
            weights[start:middle] *= variances[1] / sum(variances)
            weights[middle:end] *= variances[0] / sum(variances)
            parts += [(start, middle), (middle, end)]
        result = np.empty(case.size)
        result[order] = weights
    return result, clock.milliseconds


def numpy_black_litterman(case):
    with Clock() as clock:
        mixed = case["tau"] * case["Sigma"] @ case["P"].T
        factor = cho_factor(case["P"] @ mixed + np.diag(case["omega"]))
        mean = case["pi"] + mixed @ cho_solve(factor, case["Q"] - case["P"] @ case["pi"])
        covariance = (1 + case["tau"]) * case["Sigma"] - mixed @ cho_solve(factor, mixed.T)
    return (mean, covariance), clock.milliseconds


# ---- Cardinality


def scip_cardinality(case):
    """SCIP with the perspective of the smallest eigenvalue, the stronger of the two textbook forms."""
    from pyscipopt import Model, quicksum

    n, gamma = case.size, case["gamma"]
    model = Model()
    model.hideOutput()
    model.setParam("limits/time", SCIP_SECONDS)
    model.setParam("limits/gap", 1e-6)
    model.setParam("lp/threads", 1)
    weights = [model.addVar(lb=0, ub=1) for _ in range(n)]
    held = [model.addVar(vtype="B") for _ in range(n)]
    parts = [model.addVar(lb=None) for _ in range(n)]
    own = [model.addVar(lb=0) for _ in range(n)]
    rest = model.addVar(lb=0)
    diagonal = 0.95 * np.linalg.eigvalsh(case["Sigma"])[0]
    factor = np.linalg.cholesky(case["Sigma"] - diagonal * np.eye(n))
    model.addCons(quicksum(weights) == 1)
    model.addCons(quicksum(held) <= case["K"])
    for i in range(n):
        model.addCons(weights[i] <= held[i])
        model.addCons(weights[i] >= case["wmin"] * held[i])
        model.addCons(parts[i] == quicksum(float(factor[j, i]) * weights[j] for j in range(i, n)))
        model.addCons(weights[i] * weights[i] <= own[i] * held[i])
    model.addCons(quicksum(part * part for part in parts) <= rest)
    returns = quicksum(float(case["mu"][i]) * weights[i] for i in range(n))
    model.setObjective(0.5 * gamma * (rest + diagonal * quicksum(own)) - returns)
    with Clock() as clock:
        model.optimize()
    if model.getNSols() == 0:
        raise PeerFailure(model.getStatus())
    answer = np.array([model.getVal(weight) for weight in weights])
    answer[np.array([model.getVal(choice) for choice in held]) < 0.5] = 0
    note = f"{model.getStatus()}, gap {model.getGap():.1e}" if model.getGap() > 2e-6 else ""
    return answer, clock.milliseconds, note


def cholesky(case):
    """Not a solver: one factorization of Σ, the unit that dense solves are measured in."""
    matrix = np.asfortranarray(case["Sigma"])
    with Clock() as clock:
        lapack.dpotrf(matrix, lower=1, overwrite_a=0)
    return None, clock.milliseconds


def _dense(case):
    return piqp_solver(case, dense=True)


def _sparse(case):
    return piqp_solver(case, dense=False)


def of(kind, size, variant):
    """The peers worth running for a class at a size, by name: the fastest two that are accurate."""
    if kind == "factor":
        return {"piqp (sparse)": _sparse}
    if kind in ("sharpe", "target") and variant == "turn":
        return {"clarabel": clarabel_solver, "piqp (sparse)": _sparse}
    if kind in PROGRAMS:
        return {"piqp (dense)": _dense, **({"daqp": daqp_solver} if size <= 225 else {})}
    return {
        "frontier": {"daqp, 20 points": daqp_frontier},
        "cvar": {"highs, dual simplex": highs_cvar},
        "riskparity": {"numba, coordinate descent": numba_risk_parity},
        "hrp": {"numpy and scipy": numpy_hierarchical},
        "bl": {"numpy": numpy_black_litterman},
        "robust": {"clarabel": clarabel_robust},
        "card": {"scip, perspective": scip_cardinality},
    }[kind]
