"""Damped least squares by conjugate gradients that keep the image of their iterate."""

from __future__ import annotations

from descent import vectors
from descent.quiet import tf
from descent.solvers.krylov import LinearMap
from descent.vectors import Scalar, Vector


def damped_least_squares(
    product: LinearMap,
    transposed: LinearMap,
    a: Vector,
    c: Vector,
    start: Vector,
    tolerance: Scalar = 1e-6,
    max_iterations: Scalar = 100,
    absolute: Scalar = 0.0,
) -> tuple[Vector, Vector, tf.Tensor]:
    """Minimise |s - a|^2 + |K s + c|^2, that is, solve (I + K^T K) s = a - K^T c.

    These are conjugate gradients on that system, but K s + c is carried along: it costs no product, and is often wanted
    too. An iteration makes a product with K and one with K^T, the start one of each, and a tolerance one more.

    Args:
        product: s -> K s.
        transposed: z -> K^T z.
        a: structured like s.
        c: structured like K s.
        start: first guess of s.
        tolerance: stop once the residual of the system is at most this times |a - K^T c|.
        max_iterations: or after so many iterations.
        absolute: or once the residual is at most this.

    Returns:
        (s, z, count): the solution; z = K s + c; the number of iterations, an int32 scalar. Both vectors can be
        differentiated with respect to all that a, c and K depend on, by the implicit function theorem.

    Source: Hestenes and Stiefel 1952, section 10.
    """

    def iterate(a, c, s):
        z = vectors.add(product(s), c)
        r = vectors.subtract(vectors.subtract(a, s), transposed(z))
        rr = vectors.dot(r, r)
        bound = tf.square(vectors.cast(absolute, rr.dtype))
        if not _is_zero(tolerance):
            b = vectors.subtract(a, transposed(c))
            bound = tf.maximum(bound, tf.square(vectors.cast(tolerance, rr.dtype)) * vectors.dot(b, b))

        def unfinished(count, s, z, r, p, rr):
            return (rr > bound) & (count < tf.cast(max_iterations, tf.int32))

        def next_iterate(count, s, z, r, p, rr):
            q = product(p)
            alpha = rr / (vectors.dot(p, p) + vectors.dot(q, q))
            s, z = vectors.axpy(alpha, p, s), vectors.axpy(alpha, q, z)
            r = vectors.axpy(-alpha, vectors.add(p, transposed(q)), r)
            rr_next = vectors.dot(r, r)
            return count + 1, s, z, r, vectors.axpy(rr_next / rr, p, r), rr_next

        count, s, z, *_ = tf.while_loop(unfinished, next_iterate, (tf.constant(0), s, z, r, r, rr))
        return *tf.nest.map_structure(tf.stop_gradient, (s, z)), count

    @tf.custom_gradient
    def correction(*residual):
        def gradient(*g):
            g = tf.nest.pack_sequence_as(a, g)
            return tf.nest.flatten(iterate(g, vectors.zeros_like(c), vectors.zeros_like(a))[0])

        return [tf.zeros_like(leaf) for leaf in residual], gradient

    s, z, count = iterate(a, c, start)
    # Zero in value; it carries the derivative of the residual, hence of s. Likewise z has that of K s + c.
    residual = vectors.subtract(vectors.subtract(a, s), transposed(vectors.add(product(s), c)))
    s = vectors.add(s, tf.nest.pack_sequence_as(a, correction(*tf.nest.flatten(residual))))
    found = tf.nest.map_structure(_value_of_first_derivative_of_second, z, vectors.add(product(s), c))
    return s, found, count


def _is_zero(x: Scalar) -> bool:
    return isinstance(x, (int, float)) and x == 0


@tf.custom_gradient
def _value_of_first_derivative_of_second(value, model):
    return tf.identity(value), lambda g: (None, g)
