"""Packs OR-Library's portfolio problems 1 to 3 (Beasley) and their unconstrained frontiers into orlib.json.

    python3 make_orlib.py FOLDER    # with port{1,2,3}_assets.csv, port{1,2,3}_correlations.csv, portef{1,2,3}_frontier.csv

Source: J.E. Beasley, OR-Library; T.-J. Chang, N. Meade, J.E. Beasley & Y.M. Sharaiha, Computers & Operations Research 27
(2000) 1271-1302. Numbers are kept as printed.
"""
import csv
import json
import pathlib
import sys

folder = pathlib.Path(sys.argv[1])


def table(name):
    with open(folder / name) as file:
        return list(csv.DictReader(file))


problems = []
for k in (1, 2, 3):
    assets = table(f"port{k}_assets.csv")
    frontier = table(f"portef{k}_frontier.csv")
    problems.append(
        {
            "name": f"port{k}",
            "means": [float(row["mean"]) for row in assets],
            "deviations": [float(row["stdev"]) for row in assets],
            # The upper triangle by rows, diagonal included.
            "correlations": [float(row["rho"]) for row in table(f"port{k}_correlations.csv")],
            "frontier_means": [float(row["mean"]) for row in frontier],
            "frontier_variances": [float(row["variance"]) for row in frontier],
        }
    )
target = pathlib.Path(__file__).with_name("orlib.json")
target.write_text(json.dumps(problems, separators=(",", ":")) + "\n")
