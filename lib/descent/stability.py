"""Linearised rules: the one-step matrix at a fixed point, its spectral radius, and the largest stable step size.

Near a fixed point a rule is a linear map of parameters and memory together, z <- M z, and converges exactly when every
eigenvalue of M is inside the unit circle. M is found by differentiating the compiled step itself, so what is analysed
is the code that runs, not a formula about it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import bisect

from descent import vectors
from descent.games import Game
from descent.quiet import tf
from descent.rules.base import Rule
from descent.vectors import Vector


class Linearisation:
    """The matrix of one step of a rule at a fixed point of a game.

    Args:
        game: the game.
        make_rule: ``hyper -> Rule``; hyper is a scalar tensor or a nested structure of them.
        fixed_point: parameters at which xi = 0, a tuple with one vector per player, of known shapes.

    Departures: the matrix is taken after one step at the fixed point, so that rules that treat their first step apart
    (optimistic mirror descent's g_{-1} := g_0) are seen as they are from then on. Whole numbers and flags in the state
    are held constant.
    """

    def __init__(self, game: Game, make_rule: Callable[[Any], Rule], fixed_point: Vector):
        self.game, self.make_rule = game, make_rule
        self.fixed_point = tf.nest.map_structure(tf.convert_to_tensor, fixed_point)
        self._matrices = tf.function(self._matrices_graph, reduce_retracing=True, autograph=False)

    def matrices(self, hypers: Any, batches: Any = None) -> np.ndarray:
        """Return the one-step matrices of many lanes.

        Args:
            hypers: nested arrays with a leading axis of lanes, handed to ``make_rule`` lane by lane.
            batches: per lane, what ``Game.at`` is given; None: the game's own batch.

        Returns:
            Array of shape [lanes, m, m]; m counts the coordinates of parameters and of floating-point state.
        """
        lanes = tf.nest.map_structure(tf.convert_to_tensor, (hypers, () if batches is None else (batches,)))
        return self._matrices(*lanes).numpy()

    def spectral_radii(self, hypers: Any, batches: Any = None) -> np.ndarray:
        """Return the largest modulus of an eigenvalue in each lane, shape [lanes]; arguments as ``matrices``."""
        return np.abs(np.linalg.eigvals(self.matrices(hypers, batches))).max(axis=-1)

    def _matrices_graph(self, hypers: Any, batches: Any) -> tf.Tensor:
        def matrix(lane):
            hyper, batches = lane
            game = self.game.at(batches[0]) if batches else self.game
            rule, params = self.make_rule(hyper), self.fixed_point
            _, state = rule.update(game.gradient(params), rule.init(params), params, game)
            z = _floating((params, state))
            with tf.GradientTape(persistent=True) as tape:
                tape.watch(z)
                params, state = _with_floating((params, state), z)
                step, state = rule.update(game.gradient(params), state, params, game)
                after = vectors.flatten(_floating((vectors.add(params, step), state)))
                rows = tf.unstack(after)
            gradients = [tape.gradient(row, z, unconnected_gradients="zero") for row in rows]
            return tf.stack([vectors.flatten(gradient) for gradient in gradients])

        return tf.vectorized_map(matrix, (hypers, batches))


def threshold(
    radius: Callable[[np.ndarray], np.ndarray],
    largest: float = 10.0,
    smallest: float = 1e-3,
    points: int = 400,
) -> float:
    """Return the first step size at which a rule stops contracting, by bracketing and bisection.

    Args:
        radius: step sizes [n] -> spectral radii [n].
        largest: where to stop looking.
        smallest: where to begin; the rule must contract there.
        points: size of the geometric grid on which the first crossing is bracketed.

    Returns:
        The step size at which the spectral radius first passes 1; 0.0 if it is 1 or more already at ``smallest``;
        infinity if it stays below 1 up to ``largest``. Where the radius crosses 1 with slope c, the answer is good to
        about 1e-15 / c, and to the square root of that where two eigenvalues collide.
    """
    grid = np.geomspace(smallest, largest, points)
    excess = np.asarray(radius(grid)) - 1
    if excess[0] >= 0:
        return 0.0
    outside = np.flatnonzero(excess >= 0)
    if outside.size == 0:
        return float("inf")
    k = outside[0]
    return float(
        bisect(lambda eta: float(radius(np.array([eta]))[0] - 1), grid[k - 1], grid[k], xtol=1e-16, rtol=1e-15)
    )


def _floating(z: Vector) -> list[tf.Tensor]:
    return [leaf for leaf in tf.nest.flatten(z) if leaf.dtype.is_floating]


def _with_floating(z: Vector, leaves: list[tf.Tensor]) -> Vector:
    new = iter(leaves)
    return tf.nest.map_structure(lambda leaf: next(new) if leaf.dtype.is_floating else leaf, z)
