"""What can keep a measurement from being made."""


class PeerMissing(Exception):
    """A peer can't be had here; the message says why. Its rows are reported as not measured."""


class Disturbed(Exception):
    """Something else computed while we measured."""
