"""Text out of pictures, by RapidOCR and the models in its package; nothing is ever fetched.

The only module that imports rapidocr and OpenCV, and only when a picture comes: they take two
seconds and 700 MB. One thread: the engine and the embedder want the other cores.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ingest.errors import EmptyDocument, LecternError, NoTextLayer, OcrMissing
from ingest.parsers.flow import clean
from ingest.parsers.order import Seen, page_of
from ingest.spans import Page

LONGEST_SIDE = 2_000  #: pixels of a picture: more costs time and finds nothing
#: Finding lines on a smaller picture, and reading them one by one without padding, takes less than
#: half of the time of RapidOCR's own settings and loses nothing (docs/decisions/0032-ocr.md).
_SETTINGS = {
    "Global.log_level": "critical",
    "Global.max_side_len": LONGEST_SIDE,
    "Global.use_cls": False,  # it turns lines upside down that stand upright
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    "Det.limit_type": "max",
    "Det.limit_side_len": 1_280,
    "Det.box_thresh": 0.3,  # faint lines; what is none is sorted out by its score
    "Rec.rec_batch_num": 1,
}
_NEEDED = ("rapidocr", "cv2", "onnxruntime")
_LOWEST = 10  #: pixels; a line less high can't be read, and a long one would be blown up
_CLEAREST = 0.6  #: scores below are guesses at dirt and pictures


class Recognizer:
    """Reads pictures, a bounded number of them."""

    def __init__(self, pages: int, renew: Callable[[], None]) -> None:
        """`pages` may be read, none if it is 0; `renew` gives each of them time of its own."""
        self._left = pages
        self._off = not pages
        self._renew = renew
        self._engine: Any = None

    @property
    def available(self) -> bool:
        """Whether another picture may be read, and there is what reads it."""
        return self._left > 0 and not self._missing

    @property
    def fault(self) -> LecternError:
        """What a document is told that has nothing but pictures and no text was found in them."""
        if self._off:
            return NoTextLayer()
        return OcrMissing() if self._missing else EmptyDocument()

    @property
    def _missing(self) -> bool:
        return any(find_spec(name) is None for name in _NEEDED)

    def page(self, number: int, picture: Any, scale: float = 1.0) -> Page:
        """The page that a picture shows: an array of bytes, rows × columns × (blue, green, red).

        `scale` is how many pixels of the picture make one unit of the page.
        """
        height, width = picture.shape[:2]
        if min(height, width) < _LOWEST:
            return Page(number, "")
        self._left -= 1
        self._renew()
        found = self._found(picture)
        seen = [
            Seen(clean(str(text)), _upright(box, scale))
            for text, box, score in zip(
                found.txts or (), found.boxes if found.boxes is not None else (),
                found.scores or (), strict=True,
            )
            if score >= _CLEAREST and str(text).strip()
        ]  # fmt: skip
        return page_of(number, seen, width / scale, height / scale)

    def _found(self, picture: Any) -> Any:
        engine = self._loaded()
        broken = import_module("rapidocr.inference_engine.onnxruntime.main").ONNXRuntimeError
        try:
            return engine(picture)
        except broken as error:  # its models are sound, so it is what they ran out of
            raise MemoryError from error

    def _loaded(self) -> Any:
        if self._engine is None:
            import_module("cv2").setNumThreads(1)
            self._engine = import_module("rapidocr").RapidOCR(params=_SETTINGS)
        return self._engine


def _upright(corners: Any, scale: float) -> tuple[float, float, float, float]:
    xs, ys = ([round(float(corner[axis]) / scale, 1) for corner in corners] for axis in (0, 1))
    return min(xs), min(ys), max(xs), max(ys)
