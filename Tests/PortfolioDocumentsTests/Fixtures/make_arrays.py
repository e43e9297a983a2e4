"""Writes the arrays of this folder with NumPy's own writer, in every form that the service takes."""

import pathlib

import numpy
from numpy.lib import format as npy

folder = pathlib.Path(__file__).parent
# Three periods of two instruments; every number is exact in float32 too.
returns = numpy.array([[0.5, -0.25], [0.125, 0.0625], [-0.03125, 2.0]])

for order in "CF":
    for kind in ("f4", "f8"):
        for version in (1, 2):
            array = numpy.asarray(returns, dtype="<" + kind, order=order)
            with open(folder / f"returns_{order}_{kind}_v{version}.npy", "wb") as file:
                npy.write_array(file, array, version=(version, 0))
numpy.save(folder / "covariance.npy", numpy.array([[0.04, 0.002], [0.002, 0.0025]]))
