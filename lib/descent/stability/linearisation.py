"""Linearised rules: the one-step matrix at a fixed point, its spectral radius, and the largest stable step size.

Near a fixed point a rule is a linear map of parameters and memory together, z <- M z, and converges exactly when every
eigenvalue of M is inside the unit circle. M is found by differentiating the compiled step itself, so what is analysed
is the code that runs, not a formula about it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from descent import vectors
from descent.games import Game
from descent.quiet import tf
from descent.rules.base import Rule, step
from descent.vectors import Vector

# Eigenvalues are good to a few units in the last place; a rule that keeps its distance must not pass for one that
# comes closer.
ROUNDING = 1e-14


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
        # Copies: (zero, zero) with one tensor twice would make the players' coordinates one.
        self.fixed_point = tf.nest.map_structure(lambda x: tf.identity(tf.convert_to_tensor(x)), fixed_point)
        self._matrices: Any = None

    def matrices(self, hypers: Any, batches: Any = None) -> np.ndarray:
        """Return the one-step matrices of many lanes.

        Args:
            hypers: nested arrays with a leading axis of lanes, handed to ``make_rule`` lane by lane.
            batches: per lane, what ``Game.at`` is given; None: the game's own batch.

        Returns:
            Array of shape [lanes, m, m]; m counts the coordinates of parameters and of floating-point state.
        """
        lanes = tf.nest.map_structure(tf.convert_to_tensor, (hypers, () if batches is None else (batches,)))
        if self._matrices is None:  # traced once, for any number of lanes
            signature = tf.nest.map_structure(lambda x: tf.TensorSpec([None, *x.shape[1:]], x.dtype), lanes)
            self._matrices = tf.function(self._matrices_graph, input_signature=signature, autograph=False)
        return self._matrices(*lanes).numpy()

    def eigenvalues(self, hypers: Any, batches: Any = None) -> np.ndarray:
        """Return the eigenvalues of each lane's matrix, complex, shape [lanes, m]; arguments as ``matrices``."""
        return np.linalg.eigvals(self.matrices(hypers, batches))

    def spectral_radii(self, hypers: Any, batches: Any = None) -> np.ndarray:
        """Return the largest modulus of an eigenvalue in each lane, shape [lanes]; arguments as ``matrices``."""
        return np.abs(self.eigenvalues(hypers, batches)).max(axis=-1)

    def _matrices_graph(self, hypers: Any, batches: Any) -> tf.Tensor:
        def row(lane):
            """One row of one lane's matrix: the gradient of one coordinate of the step."""
            hyper, batches, coordinate = lane
            before, state = self._first_step(hyper, batches)
            z = _floating((before, state))
            game, rule = self._game(batches), self.make_rule(hyper)
            with tf.GradientTape() as tape:
                tape.watch(z)
                params, state = _with_floating((before, state), z)
                after = _floating(step(rule, game, params, state))
                wanted = vectors.dot(vectors.flatten(after), coordinate)
            return vectors.flatten(tape.gradient(wanted, z, unconnected_gradients="zero"))

        first = tf.nest.map_structure(lambda leaf: leaf[0], (hypers, batches))
        m = vectors.size(_floating(self._first_step(*first)))
        lanes = tf.shape(tf.nest.flatten(hypers)[0])[0]
        dtype = tf.nest.flatten(self.fixed_point)[0].dtype
        # Rows of all lanes side by side: the trace is as small for a large game as for a small one.
        repeated = tf.nest.map_structure(lambda leaf: tf.repeat(leaf, m, axis=0), (hypers, batches))
        rows = tf.vectorized_map(row, (*repeated, tf.tile(tf.eye(m, dtype=dtype), [lanes, 1])))
        return tf.reshape(rows, [lanes, m, m])

    def _game(self, batches: Any) -> Game:
        return self.game.at(batches[0]) if batches else self.game

    def _first_step(self, hyper: Any, batches: Any) -> tuple[Vector, Any]:
        game, rule, params = self._game(batches), self.make_rule(hyper), self.fixed_point
        state = rule.init(params)
        if tf.nest.flatten(state):  # without memory the first step is like any other
            _, state = step(rule, game, params, state)
        return params, state


def threshold(
    radius: Callable[[np.ndarray], np.ndarray],
    largest: float = 10.0,
    smallest: float = 1e-3,
    points: int = 400,
) -> float:
    """Return the first step size at which a rule stops contracting, by bracketing and repeated section.

    Bisection asks one question at a time; a mapped spectral radius answers ``points`` of them at once, so each round
    cuts the bracket into that many parts instead of two.

    Args:
        radius: step sizes [points] -> spectral radii [points].
        largest: where to stop looking.
        smallest: where to begin; the rule must contract there.
        points: size of the grid, geometric in the first round.

    Returns:
        The step size at which the spectral radius first passes 1; 0.0 if it is 1 or more already at ``smallest``;
        infinity if it stays below 1 up to ``largest``. Where the radius crosses 1 with slope c, the answer is good to
        about 1e-14 / c, and to the square root of that where two eigenvalues collide.
    """
    grid = np.geomspace(smallest, largest, points)
    while True:
        outside = np.flatnonzero(np.asarray(radius(grid)) >= 1 - ROUNDING)
        if outside.size == 0:
            return float("inf")
        if outside[0] == 0:
            return 0.0 if grid[0] == smallest else float(grid[0])
        low, high = grid[outside[0] - 1], grid[outside[0]]
        if high - low <= 4 * np.spacing(high):
            return float(high)
        grid = np.linspace(low, high, points)


def _floating(z: Vector) -> list[tf.Tensor]:
    return [leaf for leaf in tf.nest.flatten(z) if leaf.dtype.is_floating]


def _with_floating(z: Vector, leaves: list[tf.Tensor]) -> Vector:
    new = iter(leaves)
    return tf.nest.map_structure(lambda leaf: next(new) if leaf.dtype.is_floating else leaf, z)
