"""Randomness without hidden state: every draw is a function of one integer seed, a stream and a number.

A *stream* keeps the draws of different uses of one seed apart: minibatches never meet the numbers that gave the start.
TensorFlow's stateless generators take two integers; what these functions return is such a pair, int32 of shape [2].
"""

from zlib import crc32

from descent.quiet import tf

# Streams of the library. A chapter names its own in words, see ``draw_seed``.
BATCHES, INITIALISATION, EVALUATION, SAMPLES, NOISE, META = 0, 1, 2, 3, 4, 7
META_CHECK = 50  # and 51: meta-gradients by themselves

# Named draws and seeds that had hand-made numbers once: these stay, for archived runs were made with them.
NAMED = {
    "players": 0,
    "panel": 3,
    "heights": 10,
    "bootstrap of the floor": 50,
    "reference samples": 7000,
}
BESIDE = {"noise": 0, "second": 1, "tuning": 1000}


def as_seed(seed: int | tf.Tensor) -> tf.Tensor:
    """Return an integer, or a stateless seed that is one already, as a stateless seed: int32 of shape [2]."""
    seed = tf.convert_to_tensor(whole_seed(seed) if isinstance(seed, int) else seed, tf.int32)
    return tf.stack([seed, tf.zeros_like(seed)]) if seed.shape.rank == 0 else seed


def whole_seed(seed: int) -> int:
    """Return an integer seed, if TensorFlow can tell it from every other.

    Raises:
        ValueError: it is no whole number, or beyond 32 bits, of which the first would be cut off.
    """
    try:
        whole = int(seed)
    except (TypeError, ValueError):
        whole = None
    if whole is None or whole != seed or not -(2**31) <= whole < 2**31:
        raise ValueError(f"a seed is a whole number of 32 bits, from -2147483648 to 2147483647; got {seed!r}")
    return whole


def fold_seed(seed: int | tf.Tensor, stream: int | tf.Tensor, step: int | tf.Tensor = 0) -> tf.Tensor:
    """Return the stateless seed of one draw, an int32 tensor of shape [2].

    Args:
        seed: the experiment's one integer seed.
        stream: which use of it: ``BATCHES``, ``INITIALISATION``, ``EVALUATION`` or any further integer.
        step: which draw of that use.
    """
    parts = [tf.cast(part, tf.int32) for part in (seed, stream, step)]
    base = tf.stack([parts[0], parts[1]])
    return tf.random.experimental.stateless_fold_in(base, parts[2])


def draw_seed(seed: int, name: str, k: int = 0) -> tf.Tensor:
    """Return the stateless seed of the k-th draw of a stream with a name, an int32 tensor of shape [2].

    Args:
        seed: the experiment's one integer seed.
        name: any words: "bootstrap", "starts". Names are apart from each other and from the library's streams.
        k: which draw, 0 <= k < 1000.

    Raises:
        ValueError: k is out of range.
    """
    if not 0 <= k < 1000:
        raise ValueError(f"k must lie in 0 to 999, got {k}: give a longer series of draws a stream of its own")
    number = NAMED.get(name, 1_000_000 + crc32(name.encode()) % 2_000_000 * 1000)  # a thousand to a name
    return tf.constant([whole_seed(seed), number + k], tf.int32)


def nth_seed(seed: int, k: int, of: int = 1000) -> int:
    """Return the integer seed of the k-th run within a replicate, 0 <= k < of: replicates never share one."""
    if not 0 <= k < of:
        raise ValueError(f"run {k} of a replicate that has {of} runs: k must lie in 0 to {of - 1}")
    return of * seed + k


def seed_beside(seed: int, name: str, k: int = 0) -> int:
    """Return the k-th integer seed of what runs beside the experiment and shares none of its draws: "tuning", say."""
    if name in BESIDE:
        return seed + BESIDE[name] + k
    return crc32(f"{name} {seed} {k}".encode()) & 0x7FFFFFFF
