"""How a rule turns the gradient, on many small games at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from descent import vectors
from descent.problems.quadratic import quadratic_game
from descent.quiet import tf
from descent.rules import Adjustment, direction

Arrays = dict[str, np.ndarray]


def directions(rules: Mapping[str, Adjustment], sizes: Sequence[int], jacobians: np.ndarray, w: np.ndarray) -> Arrays:
    """Apply adjustments to quadratic games, one point each.

    Args:
        rules: name -> adjustment, such as ``sga(1.0)``.
        sizes: the number of coordinates of each player.
        jacobians: J of each game, shape [n, d, d].
        w: a point for each, shape [n, d].

    Returns:
        "xi", "grad_h" and each name -> array of shape [n, d], as the library's own code computes them.
    """
    blank = tuple(tf.zeros([size], tf.float64) for size in sizes)

    def one(lane):
        jacobian, point = lane
        params = vectors.like(point, blank)
        game = quadratic_game(sizes).at(jacobian)
        xi = game.gradient(params)
        turned = {name: direction(rule, game, params) for name, rule in rules.items()}
        return {name: vectors.flatten(v) for name, v in {"xi": xi, "grad_h": game.vjp(params, xi), **turned}.items()}

    mapped = tf.function(lambda lanes: tf.vectorized_map(one, lanes), autograph=False)
    lanes = (tf.constant(jacobians, tf.float64), tf.constant(w, tf.float64))
    return {name: array.numpy() for name, array in mapped(lanes).items()}
