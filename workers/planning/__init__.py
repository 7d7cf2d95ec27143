"""Capacity: what a model does on given hardware, predicted by arithmetic before anything is bought.

`docs/capacity.md` is the paper of it. Formulas are in `rates`, what a model asks in `shapes` and
`formats`, what a machine gives in `hardware`; the three tables beside them carry their sources.
Only `here` and `files` look at this machine.
"""
