"""TensorFlow without its start-up messages: ``from descent.quiet import tf``.

TensorFlow's C++ code writes to file descriptor 2 when it is imported and when it first looks for devices, at every log
level. In a notebook those lines become output of a cell that has nothing to do with them. They say nothing that an
exception would not say again, so the descriptor is pointed elsewhere for as long as the import takes.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def silent_stderr() -> Iterator[None]:
    """Send file descriptor 2 (C++ included) to nowhere inside the ``with`` block."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


# A user who wants the messages sets this, and ours gives way.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

with silent_stderr():
    import tensorflow as tf

    tf.config.list_physical_devices()  # the first look for a GPU writes too

# TensorFlow counts traces by source line, so two simulators look to it like one that retraces. Ours are built once
# each, and tests hold them to one trace.
tf.get_logger().addFilter(lambda entry: "triggered tf.function retracing" not in entry.getMessage())

__all__ = ["silent_stderr", "tf"]
