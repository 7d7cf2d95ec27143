"""Notices when the engine has been slower for long than what was measured of it.

A neighbour on the same host, heat or another power plan change what is fast; the profile is then
of another machine, so to say.
"""

import json
import time
from pathlib import Path

import structlog

from workers.engine.profile import Profile

#: Seconds of prefill that are judged at once: noise is short, drift is not.
WINDOW_SECONDS = 300.0
SUFFIX = ".drift"

log = structlog.get_logger()


class Drift:
    """Watches the prefill of one engine."""

    def __init__(self, profile: Profile, place: Path) -> None:
        """`place` is the profile's file; a note about drift is left beside it."""
        self._profile = profile
        self._note = place.with_suffix(SUFFIX)
        self._tokens, self._seconds = 0, 0.0

    def tell(self, tokens: int, seconds: float) -> bool:
        """A step of nothing but prefill took so long. True when the machine should be re-tuned."""
        self._tokens, self._seconds = self._tokens + tokens, self._seconds + seconds
        if self._seconds < WINDOW_SECONDS:
            return False
        rate, self._tokens, self._seconds = self._tokens / self._seconds, 0, 0.0
        if not self._profile.drifted(rate):
            self._note.unlink(missing_ok=True)
            return False
        facts = {"prefill_rate": round(rate), "measured": round(self._profile.prefill_rate)}
        log.warning("throughput_drifted", **facts, way_out="./lectern tune")
        if self._note.parent.is_dir():
            self._note.write_text(json.dumps({**facts, "at": time.time()}))
        return True


def noted(place: Path) -> str:
    """What was noted about drift since the profile in `place` was measured; empty: nothing."""
    try:
        told = json.loads(place.with_suffix(SUFFIX).read_text())
        return f"prefill fell to {told['prefill_rate']} of {told['measured']} tokens/s"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
