"""Lectern's engine beside its peers: same machine, same weights, same prompts, same run.

Never part of the tests: what is measured here depends on the machine. docs/benchmarks.md says how
to read the rows. Nothing of Lectern imports this package.
"""
