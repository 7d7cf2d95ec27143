"""What losses and crashes leave behind, found and mended by one worker beside its steps.

Not in idle time, which a busy fleet never has: until the dense index is whole, answers are poorer.
"""

import time
from collections.abc import Callable

import structlog

from ingest import blobs, embeddings, generations, orphans, reconcile
from ingest.database import reading, writing
from ingest.errors import IndexUnavailable, StoreForeign
from ingest.vectors import VectorIndex

#: How often every entry is compared, not only their number.
THOROUGH_SECONDS = 24 * 3_600.0

log = structlog.get_logger()


class Upkeep:
    """Duties of a worker's rounds."""

    def __init__(self, index: VectorIndex, leads: Callable[[], bool]) -> None:
        """`leads`: whether this worker is the one of the fleet that looks after what all share."""
        self._index, self._leads = index, leads
        self._thorough_from = 0.0  # by the monotonic clock: the first look is thorough

    def look(self) -> bool:
        """Compare the dense index with SQL, and mend it."""
        if not self._leads():
            return False
        began = time.monotonic()
        thorough = began >= self._thorough_from
        try:
            for generation_id in reconcile.indexes():
                self._compare(generation_id, thorough)
        except IndexUnavailable:
            log.warning("index_away")
            return False
        if thorough:
            self._thorough_from = began + THOROUGH_SECONDS
        return False

    def sweep(self) -> bool:
        """Remove what was left of uploads."""
        blobs.sweep()
        if self._leads():
            try:
                removed = orphans.remove()
            except StoreForeign as error:
                log.warning("originals_not_swept", error=str(error))
            else:
                log.info("originals_swept", removed=removed)
        return False

    def clear(self) -> bool:
        """Remove some of a generation whose time is over; returns whether there may be more."""
        if not self._leads():
            return False
        with reading() as session:
            generation_id = generations.over(session)
        if generation_id is None:
            return False
        with writing() as session:
            if not generations.give_up(session, generation_id):
                return False
            if embeddings.erase_some(session, generation_id):
                return True
        try:
            self._index.remove_collection(generation_id)
            with writing() as session:
                generations.erase(session, generation_id)
            # Who brought entries in between saw its row and left them to us.
            self._index.remove_collection(generation_id)
        except IndexUnavailable:
            log.warning("index_away")
            return False
        log.info("generation_removed", generation=generation_id)
        return True

    def _compare(self, generation_id: str, thorough: bool) -> None:
        if not thorough and reconcile.agrees(generation_id, self._index):
            return
        repair = reconcile.repair(generation_id, self._index)
        if repair.added or repair.removed:
            log.warning(
                "index_repaired",
                generation=generation_id,
                added=repair.added,
                removed=repair.removed,
            )
