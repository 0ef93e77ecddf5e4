"""Algebra on nested tensors: parameters, gradients and optimiser states as vectors.

A *vector* here is any structure that ``tf.nest`` understands (a tensor; a tuple, list, dict or named tuple of vectors).
Two vectors can be combined when their structures agree; leaves combine by broadcasting, so a scalar factor may be a
tensor, and a mapped sweep can give each of its lanes another one.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from descent.quiet import tf

Vector: TypeAlias = Any
Scalar: TypeAlias = Any


def add(x: Vector, y: Vector) -> Vector:
    """Return x + y."""
    return tf.nest.map_structure(lambda a, b: a + b, x, y)


def subtract(x: Vector, y: Vector) -> Vector:
    """Return x - y."""
    return tf.nest.map_structure(lambda a, b: a - b, x, y)


def cast(alpha: Scalar, dtype: tf.DType) -> tf.Tensor:
    """Return the number or tensor alpha as a tensor of type dtype.

    ``tf.cast`` would round a Python number to float32 on its way to float64: 0.1 would arrive as 0.100000001.
    """
    if isinstance(alpha, (int, float)):
        return tf.constant(alpha, dtype)
    return tf.cast(alpha, dtype)


def scale(alpha: Scalar, x: Vector) -> Vector:
    """Return alpha x, with alpha cast to the type of each leaf."""
    return tf.nest.map_structure(lambda a: cast(alpha, a.dtype) * a, x)


def axpy(alpha: Scalar, x: Vector, y: Vector) -> Vector:
    """Return alpha x + y (the name is BLAS's)."""
    return tf.nest.map_structure(lambda a, b: cast(alpha, a.dtype) * a + b, x, y)


def mean(beta: Scalar, old: Vector, new: Vector) -> Vector:
    """Return beta old + (1 - beta) new, leaf by leaf: one step of a running mean."""

    def one(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        share = cast(beta, a.dtype)
        return share * a + (1 - share) * b

    return tf.nest.map_structure(one, old, new)


def each(function: Callable[..., tuple[tf.Tensor, ...]], *of: Vector) -> tuple[Vector, ...]:
    """Apply to each leaf a function of several results; return a vector of the first ones, one of the second ..."""
    results = [function(*leaves) for leaves in zip(*map(tf.nest.flatten, of), strict=True)]
    return tuple(tf.nest.pack_sequence_as(of[0], list(leaves)) for leaves in zip(*results, strict=True))


def dot(x: Vector, y: Vector) -> tf.Tensor:
    """Return the inner product <x, y>, a scalar tensor of the leaves' type."""
    products = tf.nest.map_structure(lambda a, b: tf.reduce_sum(a * b), x, y)
    return tf.add_n(tf.nest.flatten(products))


def norm(x: Vector) -> tf.Tensor:
    """Return the Euclidean norm of x, a scalar tensor."""
    return tf.sqrt(dot(x, x))


def zeros_like(x: Vector) -> Vector:
    """Return the zero vector of x's structure."""
    return tf.nest.map_structure(tf.zeros_like, x)


def ones_like(x: Vector) -> Vector:
    """Return the vector of ones of x's structure."""
    return tf.nest.map_structure(tf.ones_like, x)


def size(x: Vector) -> int:
    """Return the number of coordinates of x; the shapes must be known."""
    return sum(leaf.shape.num_elements() for leaf in tf.nest.flatten(x))


def flatten(x: Vector) -> tf.Tensor:
    """Return the coordinates of x as one tensor.

    Args:
        x: a vector with leaves of one dtype.

    Returns:
        Tensor of shape [size(x)], leaves in ``tf.nest`` order, each in row-major order.
    """
    return tf.concat([tf.reshape(leaf, [-1]) for leaf in tf.nest.flatten(x)], axis=0)


def like(flat: tf.Tensor, x: Vector) -> Vector:
    """Give a flat tensor the structure and shapes of x: the inverse of ``flatten``.

    Args:
        flat: tensor of shape [size(x)].
        x: a vector whose structure and static shapes are wanted; its values are not used.

    Returns:
        A vector structured like x.

    Raises:
        ValueError: if flat does not hold exactly size(x) coordinates.
    """
    leaves = tf.nest.flatten(x)
    sizes = [leaf.shape.num_elements() for leaf in leaves]
    if flat.shape.rank != 1 or flat.shape[0] not in (None, sum(sizes)):
        raise ValueError(f"like: a vector of {sum(sizes)} coordinates is wanted, got shape {flat.shape}")
    parts = tf.split(flat, sizes)
    return tf.nest.pack_sequence_as(x, [tf.reshape(p, leaf.shape) for p, leaf in zip(parts, leaves, strict=True)])


def dense(x: Vector) -> Vector:
    """Return x with sparse gradients (of ``tf.gather``, of an embedding) as tensors like the others."""
    sparse = tf.IndexedSlices
    return tf.nest.map_structure(lambda leaf: tf.convert_to_tensor(leaf) if isinstance(leaf, sparse) else leaf, x)


def starts(params: Vector) -> tuple[Vector, ...]:
    """Return a start as tensors, if it is one: a tuple with one vector per player, of floats of one type.

    Raises:
        ValueError: it is none of that; NumPy arrays and Python's floats are taken too.
    """
    told = "a start is a tuple with one vector per player, each of float32 or of float64 numbers"
    if not isinstance(params, tuple):
        raise ValueError(f"{told}; got a {type(params).__name__} (one player: `(w,)`)")
    try:
        tensors = tf.nest.map_structure(tf.convert_to_tensor, params)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{told}; got {params!r:.80}") from error
    found = sorted({leaf.dtype.name for leaf in tf.nest.flatten(tensors)})
    if len(found) != 1 or not tf.as_dtype(found[0]).is_floating:
        raise ValueError(f"{told}; got {' and '.join(found) or 'nothing'}")
    return tensors


def all_finite(x: Vector) -> tf.Tensor:
    """Return a boolean scalar: no coordinate of x is NaN or infinite."""
    return tf.reduce_all(tf.stack([tf.reduce_all(tf.math.is_finite(leaf)) for leaf in tf.nest.flatten(x)]))
