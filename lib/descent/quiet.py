"""TensorFlow without its start-up messages: ``from descent.quiet import tf``.

TensorFlow's C++ code writes to file descriptor 2 when it is imported and when it first looks for devices, at every log
level. In a notebook those lines become output of a cell that has nothing to do with them. They say nothing that an
exception would not say again, so the descriptor is pointed elsewhere for as long as the import takes.
"""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from types import FrameType

_lock = Lock()
_inside = 0  # threads within the block: the first turns the descriptor away, the last gives it back
_kept = -1


@contextmanager
def silent_stderr() -> Iterator[None]:
    """Send file descriptor 2 (C++ included) to nowhere inside the ``with`` block, whichever thread writes to it."""
    global _inside, _kept
    with _lock:
        if not _inside:
            _kept = os.dup(2)
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 2)
            os.close(nowhere)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                os.dup2(_kept, 2)
                os.close(_kept)


# A user who wants the messages sets this, and ours gives way.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

with silent_stderr():
    import tensorflow as tf

    tf.config.list_physical_devices()  # the first look for a GPU writes too


def _is_wanted(entry: logging.LogRecord) -> bool:
    """Say whether an entry of TensorFlow's log is more than a retracing that this library is taken to make.

    TensorFlow counts traces by source line, so two simulators look to it like one that retraces. Ours are built once
    each, and tests hold them to one trace. What a user's own code retraces is the user's to know.
    """
    return "triggered tf.function retracing" not in entry.getMessage() or _caller().partition(".")[0] != "descent"


def _caller() -> str:
    """Return the module that called TensorFlow: of this stack, the innermost above its frames and the log's."""
    frame: FrameType | None = sys._getframe(2)
    while frame and frame.f_globals.get("__name__", "").partition(".")[0] in ("tensorflow", "keras", "logging", "absl"):
        frame = frame.f_back
    return frame.f_globals.get("__name__", "") if frame else ""


tf.get_logger().addFilter(_is_wanted)

__all__ = ["silent_stderr", "tf"]
