"""Measurements of speed and of accuracy, run by `make bench`; no part of the installed package.

One thread of matrix products is what speed is compared with, so the libraries below NumPy are told so here,
before any module of this folder loads it.
"""

import os

for _variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ[_variable] = "1"
