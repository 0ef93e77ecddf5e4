"""What products with a matrix are enough for: linear systems by conjugate gradients, extreme eigenvalues by Lanczos."""

from collections.abc import Callable
from typing import NamedTuple

from descent import vectors
from descent.quiet import tf
from descent.randomness import as_seed
from descent.vectors import Scalar, Vector

LinearMap = Callable[[Vector], Vector]


class Solution(NamedTuple):
    """What conjugate gradients found.

    Args:
        x: the last iterate.
        iterations: products with the matrix that the iteration made, int32 scalar.
        residual: |b - A x| / |b| by the iteration's own recurrence, scalar; 0 if b = 0.
        negative_curvature: whether it ended at a direction p with p^T A p <= 0, boolean scalar.
    """

    x: Vector
    iterations: tf.Tensor
    residual: tf.Tensor
    negative_curvature: tf.Tensor


def conjugate_gradients(
    apply: LinearMap,
    b: Vector,
    x0: Vector | None = None,
    tolerance: Scalar = 1e-6,
    max_iterations: Scalar = 100,
    stop_on_negative_curvature: bool = True,
) -> Solution:
    """Solve A x = b for symmetric A, which should be positive definite and is watched for not being so.

    Args:
        apply: v -> A v, on vectors structured like b.
        b: right-hand side.
        x0: first guess; None is zero, and saves a product (one that ``Solution.iterations`` does not count).
        tolerance: stop once |b - A x| <= tolerance |b|.
        max_iterations: or after so many products.
        stop_on_negative_curvature: stop at the first p with p^T A p <= 0 and keep the iterate before it. Without, an
            indefinite system is "solved" too, with no sign of trouble, as SciPy's ``cg`` does.

    Returns:
        A ``Solution``. Started from zero, every iterate x has b^T x > 0 as long as no negative curvature was met. Its
        derivative raises LookupError: that of the iteration (zero at b = 0, say) is not that of A^-1 b.

    Source: Hestenes and Stiefel 1952; the test is Steihaug's (1983).
    """
    bb = vectors.dot(b, b)
    bound = tf.square(vectors.cast(tolerance, bb.dtype)) * bb
    x, r = (vectors.zeros_like(b), b) if x0 is None else (x0, vectors.subtract(b, apply(x0)))

    def unfinished(count, x, r, p, rr, negative):
        return (rr > bound) & (count < tf.cast(max_iterations, tf.int32)) & ~negative

    def iterate(count, x, r, p, rr, negative):
        x, r, p, rr, seen = next_iterate(apply, x, r, p, rr, stop_on_negative_curvature)
        return count + 1, x, r, p, rr, negative | seen

    start = (tf.constant(0), x, r, r, vectors.dot(r, r), tf.constant(False))
    count, x, _, _, rr, negative = tf.while_loop(unfinished, iterate, start)
    x = tf.nest.pack_sequence_as(b, _without_derivative(*tf.nest.flatten(x)))
    return Solution(x, count, tf.sqrt(tf.math.divide_no_nan(rr, bb)), negative)


def next_iterate(apply: LinearMap, x: Vector, r: Vector, p: Vector, rr: tf.Tensor, watch: bool = True) -> tuple:
    """One iteration of conjugate gradients: from solution x, residual r and direction p to the next ones."""
    ap = apply(p)
    curvature = vectors.dot(p, ap)  # p^T A p: along p, is A a valley or a ridge?
    negative = (curvature <= 0) if watch else tf.constant(False)
    # on a ridge alpha = 0 leaves x and r as they are
    alpha = tf.where(negative, tf.zeros_like(rr), rr / tf.where(negative, tf.ones_like(rr), curvature))
    r = vectors.axpy(-alpha, ap, r)
    rr_next = vectors.dot(r, r)
    x = vectors.axpy(alpha, p, x)  # as far as the residual along p vanishes
    p = vectors.axpy(rr_next / rr, p, r)  # conjugate to all directions before
    return x, r, p, rr_next, negative


def damped_solve(
    product: LinearMap,
    eta: Scalar,
    b: Vector,
    x0: Vector | None = None,
    tolerance: Scalar = 1e-6,
    max_iterations: Scalar = 100,
    stop_on_negative_curvature: bool = True,
) -> tuple[Vector, Solution]:
    """Solve (I + eta C) x = b; return x, or b where even the first direction curves down, and the ``Solution``."""
    found = conjugate_gradients(
        lambda v: vectors.axpy(eta, product(v), v), b, x0, tolerance, max_iterations, stop_on_negative_curvature
    )
    none = found.negative_curvature & (found.iterations == 1)
    return tf.nest.map_structure(lambda x, y: tf.where(none, y, x), found.x, b), found


@tf.custom_gradient
def _without_derivative(*leaves):
    def gradient(*_):
        raise LookupError(
            "conjugate gradients have no derivative here: use implicit_dense, or descent.solvers.linear.solve"
        )

    return [tf.identity(leaf) for leaf in leaves], gradient


def extreme_eigenvalues(
    apply: LinearMap, like: Vector, steps: int = 20, seed: int | tf.Tensor = 0
) -> tuple[tf.Tensor, tf.Tensor]:
    """Estimate the smallest and the largest eigenvalue of a symmetric A from a random start.

    Args:
        apply: v -> A v.
        like: a vector of the structure, known shapes and (single) dtype that ``apply`` takes.
        steps: products with A; the estimates are exact once it reaches the number of distinct eigenvalues.
        seed: of the start, an integer or a stateless seed (int32 tensor of shape [2]).

    Returns:
        (smallest, largest): extreme Ritz values, scalars; they lie between the extreme eigenvalues, so the largest is
        never over- and the smallest never underestimated (beyond rounding).

    Source: Lanczos 1950, every vector orthogonalised twice against all earlier ones.
    """
    seed = as_seed(seed)
    size, dtype = vectors.size(like), tf.nest.flatten(like)[0].dtype
    steps = min(steps, size)

    def iterate(j, v, basis, alphas, betas):
        row = tf.one_hot(j, steps, dtype=dtype)
        basis += row[:, None] * v
        w = vectors.flatten(apply(vectors.like(v, like)))
        alpha, length = tf.reduce_sum(v * w), tf.norm(w)
        for _ in range(2):
            w -= tf.linalg.matvec(basis, tf.linalg.matvec(basis, w), transpose_a=True)
        beta = tf.norm(w)
        # Once the vectors span an invariant subspace, w is rounding: what follows decouples, and repeating the first
        # diagonal entry, which lies among the eigenvalues found, keeps the extremes as they are.
        exhausted = (beta <= 100 * _epsilon(dtype) * length) | (tf.norm(v) == 0)
        alpha = tf.where(tf.norm(v) == 0, alphas[0], alpha)
        beta = tf.where(exhausted, tf.zeros_like(beta), beta)
        return j + 1, tf.math.divide_no_nan(w, beta), basis, alphas + row * alpha, betas + row * beta

    v = tf.random.stateless_normal([size], seed, dtype=dtype)
    zeros = tf.zeros([steps], dtype)
    start = (tf.constant(0), v / tf.norm(v), tf.zeros([steps, size], dtype), zeros, zeros)
    _, _, _, alphas, betas = tf.while_loop(lambda j, *_: j < steps, iterate, start)
    off = tf.linalg.diag(betas[:-1], k=1) if steps > 1 else tf.zeros([1, 1], dtype)
    ritz = tf.linalg.eigvalsh(tf.linalg.diag(alphas) + off + tf.transpose(off))
    return ritz[0], ritz[-1]


def _epsilon(dtype: tf.DType) -> float:
    return 2.0**-52 if dtype == tf.float64 else 2.0**-23
