"""TensorFlow without its start-up messages: ``from descent.quiet import tf``.

TensorFlow's C++ code writes to file descriptor 2 when it is imported and when it first looks for devices, at every log
level. In a notebook those lines become output of a cell that has nothing to do with them. They say nothing that an
exception would not say again, so the descriptor is pointed elsewhere for as long as the import takes.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

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

# TensorFlow counts traces by source line, so two simulators look to it like one that retraces. Ours are built once
# each, and tests hold them to one trace.
tf.get_logger().addFilter(lambda entry: "triggered tf.function retracing" not in entry.getMessage())

__all__ = ["silent_stderr", "tf"]
