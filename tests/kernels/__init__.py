"""The kernels against the oracle of tests/reference.py and against exact enumeration."""
