"""Numba kernels: flat arrays in, arrays changed in place. They know no tables, no files, no settings."""
