"""Compact convex sets, each with the two ways a method may respect it: a linear minimisation oracle and a projection.

A set holds vectors along the *last* axis of a tensor; leading axes hold several vectors, each in a set of its own (ten
rows in ten l1 balls, say, or lanes of a sweep). The nuclear-norm ball holds matrices along the last two.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from descent import vectors
from descent.quiet import tf
from descent.vectors import Scalar, Vector

HALVINGS = 100  # of the bracket in the cardinality polytope's projection: beyond what float64 can tell apart


@dataclass(frozen=True)
class Region:
    """A compact convex set C.

    Args:
        text: the call that makes it, ``"l1_ball(8.0)"``; its ``repr``.
        vertex: the linear minimisation oracle, d -> argmin over v in C of <v, d>, an extreme point.
        project: x -> the point of C nearest to x.
        excess: x -> how far x breaks the constraint, 0 inside; shape of x without the vectors' axes.
    """

    text: str
    vertex: Callable[[tf.Tensor], tf.Tensor] = field(compare=False)
    project: Callable[[tf.Tensor], tf.Tensor] = field(compare=False)
    excess: Callable[[tf.Tensor], tf.Tensor] = field(compare=False)

    def __repr__(self) -> str:
        return self.text


def gap(region: Region, x: Vector, gradient: Vector) -> tf.Tensor:
    """Return the Frank-Wolfe gap, max over v in C of <gradient, x - v>.

    Args:
        region: C.
        x: a vector whose leaves lie in C.
        gradient: at x, structured like it.

    Returns:
        A scalar, never negative: zero exactly at a stationary point, and for a convex f at least f(x) - min f.

    Source: Jaggi 2013, equation 2.
    """
    return vectors.dot(gradient, vectors.subtract(x, tf.nest.map_structure(region.vertex, gradient)))


def l1_ball(radius: float) -> Region:
    """Return {x : sum |x_i| <= radius}; its vertices have one entry that is not zero.

    Source (projection): Duchi et al. 2008, Figure 1.
    """

    def vertex(d: tf.Tensor) -> tf.Tensor:
        largest = tf.one_hot(tf.argmax(tf.abs(d), axis=-1), d.shape[-1], dtype=d.dtype)
        return -vectors.cast(radius, d.dtype) * tf.sign(d) * largest

    def project(x: tf.Tensor) -> tf.Tensor:
        size = tf.abs(x)
        inside = tf.reduce_sum(size, -1, keepdims=True) <= vectors.cast(radius, x.dtype)
        return tf.where(inside, x, tf.sign(x) * _onto_simplex(size, radius))

    return Region(f"l1_ball({radius})", vertex, project, lambda x: _above(tf.reduce_sum(tf.abs(x), -1), radius))


def l2_ball(radius: float) -> Region:
    """Return {x : |x| <= radius}."""

    def length(x: tf.Tensor) -> tf.Tensor:
        return tf.norm(x, axis=-1, keepdims=True)

    def vertex(d: tf.Tensor) -> tf.Tensor:
        return -vectors.cast(radius, d.dtype) * tf.math.divide_no_nan(d, length(d))

    def project(x: tf.Tensor) -> tf.Tensor:
        r = vectors.cast(radius, x.dtype)
        return x * r / tf.maximum(length(x), r)

    return Region(f"l2_ball({radius})", vertex, project, lambda x: _above(length(x)[..., 0], radius))


def simplex(radius: float = 1.0) -> Region:
    """Return {x : x >= 0, sum x_i = radius}; its vertices are the axes' unit vectors times radius."""

    def vertex(d: tf.Tensor) -> tf.Tensor:
        return vectors.cast(radius, d.dtype) * tf.one_hot(tf.argmin(d, axis=-1), d.shape[-1], dtype=d.dtype)

    def excess(x: tf.Tensor) -> tf.Tensor:
        off = tf.abs(tf.reduce_sum(x, -1) - vectors.cast(radius, x.dtype))
        return tf.maximum(off, -tf.reduce_min(x, -1))

    return Region(f"simplex({radius})", vertex, lambda x: _onto_simplex(x, radius), excess)


def box(low: float, high: float) -> Region:
    """Return {x : low <= x_i <= high}."""

    def vertex(d: tf.Tensor) -> tf.Tensor:
        return tf.where(d > 0, vectors.cast(low, d.dtype), vectors.cast(high, d.dtype))

    def project(x: tf.Tensor) -> tf.Tensor:
        return tf.clip_by_value(x, vectors.cast(low, x.dtype), vectors.cast(high, x.dtype))

    return Region(f"box({low}, {high})", vertex, project, lambda x: tf.reduce_max(tf.abs(x - project(x)), -1))


def cardinality_polytope(rank: int) -> Region:
    """Return {x : 0 <= x_i <= 1, sum x_i <= rank}, the hull of the indicators of sets of at most rank elements.

    It is the polytope of the uniform matroid. Its linear oracle takes the ``rank`` most negative entries of d, if they
    are negative.

    Source: Edmonds 1970 (greedy is exact on a matroid's polytope).
    """

    def vertex(d: tf.Tensor) -> tf.Tensor:
        first = tf.math.top_k(-d, rank).indices
        taken = tf.reduce_sum(tf.one_hot(first, d.shape[-1], dtype=d.dtype), axis=-2)
        return tf.where(d < 0, taken, tf.zeros_like(d))

    def project(x: tf.Tensor) -> tf.Tensor:
        # The nearest point is clip(x - shift) with the smallest shift >= 0 whose sum is at most rank.
        def clipped(shift: tf.Tensor) -> tf.Tensor:
            return tf.clip_by_value(x - shift, tf.zeros([], x.dtype), tf.ones([], x.dtype))

        def halve(count: tf.Tensor, low: tf.Tensor, high: tf.Tensor) -> tuple[tf.Tensor, ...]:
            middle = (low + high) / 2
            fits = tf.reduce_sum(clipped(middle), -1, keepdims=True) <= rank
            return count + 1, tf.where(fits, low, middle), tf.where(fits, middle, high)

        enough = tf.maximum(tf.reduce_max(x, -1, keepdims=True), 0)
        start = (tf.constant(0), tf.zeros_like(enough), enough)
        _, _, shift = tf.while_loop(lambda count, *_: count < HALVINGS, halve, start)
        within = tf.reduce_sum(clipped(tf.zeros_like(enough)), -1, keepdims=True) <= rank
        return clipped(tf.where(within, tf.zeros_like(shift), shift))

    def excess(x: tf.Tensor) -> tf.Tensor:
        low, high = -tf.reduce_min(x, -1), tf.reduce_max(x, -1) - 1
        return tf.maximum(tf.maximum(_above(tf.reduce_sum(x, -1), float(rank)), low), high)

    return Region(f"cardinality_polytope({rank})", vertex, project, excess)


def nuclear_ball(radius: float) -> Region:
    """Return {X : sum of singular values <= radius}, matrices; its vertices are radius times u v^T, of rank one.

    The linear oracle needs the leading pair of singular vectors only; we take it from the whole decomposition, which
    for the matrices of this book costs less than a tuned iteration would save.
    """

    def vertex(d: tf.Tensor) -> tf.Tensor:
        _, u, v = tf.linalg.svd(d)
        return -vectors.cast(radius, d.dtype) * tf.matmul(u[..., :1], v[..., :1], transpose_b=True)

    def project(x: tf.Tensor) -> tf.Tensor:
        s, u, v = tf.linalg.svd(x)
        return tf.matmul(u * l1_ball(radius).project(s)[..., None, :], v, transpose_b=True)

    def excess(x: tf.Tensor) -> tf.Tensor:
        return _above(tf.reduce_sum(tf.linalg.svd(x, compute_uv=False), -1), radius)

    return Region(f"nuclear_ball({radius})", vertex, project, excess)


def _onto_simplex(x: tf.Tensor, radius: Scalar) -> tf.Tensor:
    """Project onto {x >= 0, sum x = radius}: subtract one number everywhere and cut at zero."""
    r, n = vectors.cast(radius, x.dtype), x.shape[-1]
    falling = tf.sort(x, axis=-1, direction="DESCENDING")
    surplus = (tf.cumsum(falling, axis=-1) - r) / tf.range(1, n + 1, dtype=x.dtype)
    kept = tf.reduce_sum(tf.cast(falling > surplus, tf.int32), -1, keepdims=True)  # entries that stay positive
    threshold = tf.reduce_sum(surplus * tf.one_hot(kept[..., 0] - 1, n, dtype=x.dtype), -1, keepdims=True)
    return tf.maximum(x - threshold, 0)


def _above(value: tf.Tensor, bound: float) -> tf.Tensor:
    return tf.maximum(value - vectors.cast(bound, value.dtype), 0)
