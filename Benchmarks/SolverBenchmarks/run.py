#!/usr/bin/env python3
"""Runs `solve-case` beside the fastest peers on the same cases, and prints the ratios of their CPU times.

    run.py [CLASS ...] [--groups small large long] [--seeds 1 2 3 4 5] [--ours-only] [--no-file]
"""
import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ONE_THREAD = {
    name: "1"
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS", "NUMBA_NUM_THREADS")
}
if any(os.environ.get(name) != "1" for name in ONE_THREAD):  # read by the libraries when they are loaded
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ONE_THREAD})

import numpy as np  # noqa: E402

import cases  # noqa: E402
from judge import excess, judge  # noqa: E402
from marks import GROUPS, MARKS  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
FEASIBLE = 1e-9
PEER_FEASIBLE, PEER_ACCURATE = 1e-7, 1e-6
PEER_SECONDS = 1.0  # of repetitions, for one peer on one case
PEER_REPETITIONS = 20


def run_ours(mark, path, program):
    command = [program, str(path), "--repetitions", str(mark.repetitions)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    if done.returncode:
        return {"error": done.stderr.strip()}
    report = json.loads(done.stdout)
    answer = report.pop("weights")
    if mark.kind == "bl":
        size = len(answer[0])
        answer = (np.array(answer[0]), np.array(answer[1]).reshape(size, size))
    return {"answer": answer, "ms": report["cpu_ms_min"], "method": report["method"], "report": report}


def run_peer(solve, case):
    """The least CPU time of some repetitions; the first one of a quick peer only warms up."""
    try:
        begin = time.perf_counter()
        answer, milliseconds, *note = solve(case)
        first = time.perf_counter() - begin
        times = [milliseconds] if first > 0.5 * PEER_SECONDS else []
        begin = time.perf_counter()
        while not times or (len(times) < PEER_REPETITIONS and time.perf_counter() - begin + first < PEER_SECONDS):
            answer, milliseconds, *note = solve(case)
            times.append(milliseconds)
    except Exception as error:  # a peer that fails is a row of the table, not the end of the run
        return {"error": f"{type(error).__name__}: {error}"}
    return {"answer": answer, "ms": min(times), "note": note[0] if note else ""}


def measure(mark, seed, program, folder, ours_only):
    """One case: ours and the peers, each with its objective, its violation, and how far it is from the best peer."""
    case = cases.build(mark.kind, mark.size, mark.variant, seed)
    path = cases.write(case, folder)
    rows = {"ours": run_ours(mark, path, program)}
    if not ours_only:
        import peers

        rows.update((name, run_peer(solve, case)) for name, solve in peers.of(mark.kind, mark.size, mark.variant).items())
        if mark.kind == "mv" and mark.size >= 500:
            rows["one Cholesky"] = {**run_peer(peers.cholesky, case), "unit": True}
    for file in (path, path.with_suffix(".bin")):
        file.unlink(missing_ok=True)
    for row in rows.values():
        if row.get("answer") is not None:
            row["objective"], row["violation"] = judge(case, row.pop("answer"))
    usable = [
        row for name, row in rows.items()
        if name != "ours" and "objective" in row and row["violation"] <= PEER_FEASIBLE
    ]  # fmt: skip
    reference = None
    if usable:
        best = min(usable, key=lambda row: np.sum(row["objective"]) if mark.kind not in ("hrp", "bl") else 0)
        reference = best["objective"]
    for row in rows.values():
        if "objective" in row and (reference is not None or mark.kind == "riskparity"):
            row["excess"] = float(excess(case, row["objective"], reference))
        objective = row.pop("objective", None)
        if isinstance(objective, float):
            row["objective"] = objective
    return rows


def fastest(rows):
    """The fastest peer that is feasible and accurate; SCIP at its time limit counts with what it used."""
    accurate = {
        name: row["ms"] for name, row in rows.items()
        if name != "ours" and not row.get("unit") and "ms" in row
        and row["violation"] <= PEER_FEASIBLE and (row.get("excess", 1) <= PEER_ACCURATE or row.get("note"))
    }  # fmt: skip
    return min(accurate.items(), key=lambda item: item[1]) if accurate else (None, None)


def verdict(mark, ratios, is_right):
    if not is_right:
        return "WRONG"
    if not ratios or mark.at_most is None:
        return ""
    if max(ratios) <= mark.at_most:
        return "pass"
    return "pass at the median" if statistics.median(ratios) <= mark.at_most else "miss"


def run_mark(mark, options, folder):
    seeds = []
    for seed in options.seeds:
        rows = measure(mark, seed, options.program, folder, options.ours_only)
        peer, milliseconds = fastest(rows)
        entry = {"seed": seed, "rows": rows, "fastest": peer}
        if peer and "ms" in rows["ours"]:
            entry["ratio"] = rows["ours"]["ms"] / milliseconds
        if "one Cholesky" in rows and "ms" in rows["ours"]:
            entry["choleskys"] = rows["ours"]["ms"] / rows["one Cholesky"]["ms"]
        ours = rows["ours"]
        entry["right"] = (
            "error" not in ours and ours["violation"] <= FEASIBLE and ours.get("excess", 0) <= mark.accuracy
        )
        seeds.append(entry)
    ratios = [entry["ratio"] for entry in seeds if "ratio" in entry]
    result = {
        "name": mark.name,
        "at_most": mark.at_most,
        "median_ratio": statistics.median(ratios) if ratios else None,
        "worst_ratio": max(ratios) if ratios else None,
        "verdict": verdict(mark, ratios, all(entry["right"] for entry in seeds)),
        "seeds": seeds,
    }
    choleskys = [entry["choleskys"] for entry in seeds if "choleskys" in entry]
    if choleskys:
        result["worst_choleskys"] = max(choleskys)
    print(line(mark, result), flush=True)
    return result


def number(value):
    return "-" if value is None else f"{value:.3g}"


def line(mark, result):
    ours = [entry["rows"]["ours"] for entry in result["seeds"]]
    times = [row["ms"] for row in ours if "ms" in row]
    peer = next((entry["fastest"] for entry in result["seeds"] if entry["fastest"]), "")
    peer_times = [entry["rows"][entry["fastest"]]["ms"] for entry in result["seeds"] if entry["fastest"]]
    off = max((row.get("excess", 0.0) for row in ours), default=0)
    columns = [
        mark.name,
        number(statistics.median(times)) if times else "-",
        number(statistics.median(peer_times)) if peer_times else "-",
        peer,
        number(result["median_ratio"]),
        number(result["worst_ratio"]),
        number(mark.at_most),
        result["verdict"],
        f"{off:.0e}",
    ]
    if "worst_choleskys" in result:
        columns.append(f"{result['worst_choleskys']:.2f} of one Cholesky")
    if mark.kind == "card":
        gap = max(row["report"]["residuals"]["suboptimality"] for row in ours if "report" in row)
        columns.append(f"proved gap {gap:.0e}")
    errors = [row["error"] for entry in result["seeds"] for row in entry["rows"].values() if "error" in row]
    notes = [row["note"] for entry in result["seeds"] for row in entry["rows"].values() if row.get("note")]
    return "| " + " | ".join(columns + errors[:2] + notes[:1]) + " |"


def processor():
    for entry in Path("/proc/cpuinfo").read_text().splitlines():
        if entry.startswith("model name"):
            return entry.split(":", 1)[1].strip()
    return "unknown"


def conditions(started, load):
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT)
    from importlib.metadata import version

    names = [requirement.split("==")[0] for requirement in (Path(__file__).parent / "requirements.txt").read_text().split()]
    return {
        "commit": commit.stdout.strip(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "load_average": {"start": load, "end": " ".join(f"{x:.2f}" for x in os.getloadavg())},
        "started_at": started.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "python": sys.version.split()[0],
        "peers": {name: version(name) for name in names},
        "unit": "CPU milliseconds of one thread, the least of the repetitions",
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("classes", nargs="*", help="only these: " + " ".join(cases.GENERATORS))
    parser.add_argument("--groups", nargs="*", default=["small", "large"], choices=GROUPS)
    parser.add_argument("--sizes", nargs="*", type=int)
    parser.add_argument("--seeds", nargs="*", type=int, default=[1, 2, 3, 4, 5])
    parser.add_argument("--ours-only", action="store_true")
    parser.add_argument("--no-file", action="store_true", help="print the table alone")
    parser.add_argument("--program", default=str(ROOT / ".build/release/solve-case"))
    options = parser.parse_args()
    started = datetime.datetime.now(datetime.timezone.utc)
    load = " ".join(f"{x:.2f}" for x in os.getloadavg())
    print("| case | ours ms | peer ms | fastest accurate peer | ratio | worst | mark | verdict | excess |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        results = [
            run_mark(mark, options, folder)
            for mark in MARKS
            if mark.group in options.groups
            and (not options.classes or mark.kind in options.classes)
            and (not options.sizes or mark.size in options.sizes)
        ]
    marked = [result for result in results if result["verdict"]]
    passed = sum(result["verdict"].startswith("pass") for result in marked)
    print(f"\n{passed} of {len(marked)} marks reached")
    if not options.no_file:
        document = {**conditions(started, load), "marks": results}
        path = ROOT / "Benchmarks/results" / f"solver-{started.strftime('%Y%m%dT%H%M%SZ')}.json"
        path.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")
        print(f"written to {path.relative_to(ROOT)}")
    return 1 if any(result["verdict"] == "WRONG" for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
