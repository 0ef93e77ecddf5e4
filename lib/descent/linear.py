"""Linear systems without a matrix: conjugate gradients on nested tensors, differentiable by the implicit theorem."""

from __future__ import annotations

from collections.abc import Callable

from descent import vectors
from descent.quiet import tf
from descent.vectors import Scalar, Vector

LinearMap = Callable[[Vector], Vector]


def conjugate_gradients(
    apply: LinearMap, b: Vector, start: Vector, tolerance: Scalar, iterations: Scalar
) -> tuple[Vector, tf.Tensor]:
    """Solve M x = b for symmetric positive definite M.

    Args:
        apply: v -> M v.
        b: right-hand side.
        start: first guess x_0, structured like b; the first residual is b - M x_0.
        tolerance: stop when |b - M x| <= tolerance |b|.
        iterations: or after so many products M v.

    Returns:
        (x, count): the solution and the number of iterations made, an int32 scalar.

    Source: Hestenes and Stiefel 1952; no more iterations than M has distinct eigenvalues, in exact arithmetic.
    """
    bound = vectors.dot(b, b)
    bound *= tf.square(vectors.cast(tolerance, bound.dtype))
    r = vectors.subtract(b, apply(start))

    def unfinished(count, x, r, p, rr):
        return (count < vectors.cast(iterations, tf.int32)) & (rr > bound)

    def iterate(count, x, r, p, rr):
        mp = apply(p)
        alpha = rr / vectors.dot(p, mp)
        r = vectors.axpy(-alpha, mp, r)
        rr_next = vectors.dot(r, r)
        return count + 1, vectors.axpy(alpha, p, x), r, vectors.axpy(rr_next / rr, p, r), rr_next

    count, x, *_ = tf.while_loop(unfinished, iterate, (tf.constant(0), start, r, r, vectors.dot(r, r)))
    return x, count


def solve(
    apply: LinearMap,
    b: Vector,
    start: Vector,
    tolerance: Scalar,
    iterations: Scalar,
    transpose: LinearMap | None = None,
) -> tuple[Vector, tf.Tensor]:
    """Solve M x = b; the solution can be differentiated with respect to everything that M and b depend on.

    Differentiating through the iteration would be wrong (at b = 0 it makes no step, so has derivative zero) and costly.
    The derivative here is that of x = M^-1 b itself, dx = M^-1 (db - dM x), one more solve with M^T.

    Args:
        apply: v -> M v; symmetric positive definite unless ``transpose`` is given.
        b, start, tolerance, iterations: as ``conjugate_gradients``.
        transpose: v -> M^T v, for any invertible M: conjugate gradients then run on M^T M x = M^T b, with two products
            an iteration, the condition number squared, and |M^T (b - M x)| <= tolerance |M^T b| at the end.

    Returns:
        (x, count), as ``conjugate_gradients``.
    """

    def forward(b, start):
        matrix = apply if transpose is None else lambda v: transpose(apply(v))
        return conjugate_gradients(matrix, b, start, tolerance, iterations)

    def adjoint(g):
        y, _ = forward(g, vectors.zeros_like(g))
        return y if transpose is None else apply(y)  # M^T u = g with u = M y

    @tf.custom_gradient
    def correction(*residual):
        def gradient(*g):
            return tf.nest.flatten(adjoint(tf.nest.pack_sequence_as(b, g)))

        return [tf.zeros_like(leaf) for leaf in residual], gradient

    x, count = forward(b if transpose is None else transpose(b), start)
    x = tf.nest.map_structure(tf.stop_gradient, x)
    # Zero in value; it carries the derivative of the residual b - M x, hence of x.
    change = correction(*tf.nest.flatten(vectors.subtract(b, apply(x))))
    return vectors.add(x, tf.nest.pack_sequence_as(b, change)), count
