"""Linear systems whose solution can be differentiated, by the implicit function theorem."""

from __future__ import annotations

from descent import vectors
from descent.quiet import tf
from descent.solvers.krylov import LinearMap, conjugate_gradients
from descent.vectors import Scalar, Vector


def solve(
    apply: LinearMap,
    b: Vector,
    start: Vector | None = None,
    tolerance: Scalar = 1e-6,
    max_iterations: Scalar = 100,
    transpose: LinearMap | None = None,
) -> tuple[Vector, tf.Tensor]:
    """Solve M x = b; the solution can be differentiated with respect to everything that M and b depend on.

    Differentiating through the iteration would be wrong (at b = 0 it makes no step, so has derivative zero) and costly.
    The derivative here is that of x = M^-1 b itself, dx = M^-1 (db - dM x), one more solve with M^T.

    Args:
        apply: v -> M v; symmetric positive definite unless ``transpose`` is given.
        b: right-hand side.
        start: first guess; None is zero, and saves a product.
        tolerance: stop once |b - M x| <= tolerance |b|.
        max_iterations: or after so many iterations.
        transpose: v -> M^T v, for any invertible M: conjugate gradients then run on M^T M x = M^T b, with two products
            an iteration, the condition number squared, and |M^T (b - M x)| <= tolerance |M^T b| at the end.

    Returns:
        (x, count): the solution, structured like b, and the number of iterations made, an int32 scalar.
    """

    def iterate(b, start=None):
        matrix = apply if transpose is None else lambda v: transpose(apply(v))
        found = conjugate_gradients(matrix, b, start, tolerance, max_iterations, stop_on_negative_curvature=False)
        return tf.nest.map_structure(tf.stop_gradient, found.x), found.iterations

    def adjoint(g):
        y, _ = iterate(g)
        return y if transpose is None else apply(y)  # M^T u = g with u = M y

    @tf.custom_gradient
    def correction(*residual):
        def gradient(*g):
            return tf.nest.flatten(adjoint(tf.nest.pack_sequence_as(b, g)))

        return [tf.zeros_like(leaf) for leaf in residual], gradient

    x, count = iterate(b if transpose is None else transpose(b), start)
    # Zero in value; it carries the derivative of the residual b - M x, hence of x.
    change = correction(*tf.nest.flatten(vectors.subtract(b, apply(x))))
    return vectors.add(x, tf.nest.pack_sequence_as(b, change)), count
