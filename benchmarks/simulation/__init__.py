"""A discrete-event simulator of engines: traces through policies, on measured or derived hardware.

Pure arithmetic, but for `calibrate` and `check`, which load a model.
"""
