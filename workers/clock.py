"""Whether leases may be judged by the database's clock just now.

They may not when the clock was set, when the host has slept, or when this process could not look
for long, as behind a locked database: then all leases seem to have run out. So for a while nobody's
is judged, and who still works renews his own meanwhile.
"""

import time


class Clock:
    """Compares the database's clock with this process's own, which is never set."""

    def __init__(self, lease_seconds: float) -> None:
        """Leases are judged again that long after a jump or a gap."""
        self._lease = lease_seconds
        self._seen: tuple[float, float] | None = None
        self._believed_from = 0.0

    def believed(self, moment: float) -> bool:
        """Whether leases may be judged at `moment`, which the database has just told."""
        own = time.monotonic()
        if self._seen is not None:
            passed, told = own - self._seen[1], moment - self._seen[0]
            if abs(told - passed) > self._lease / 4 or passed > self._lease:
                self._believed_from = own + self._lease
        self._seen = moment, own
        return own >= self._believed_from
