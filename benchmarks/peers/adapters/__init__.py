"""One script for each library that is compared: run by the Python that has the library, it answers a job.

They import nothing of rbmcli, and of this project no more than `answering` and `benchmarks.memory`.
"""
