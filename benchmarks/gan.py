"""The generative adversarial network that the benchmarks step on, and the library's ways to make a step."""

from __future__ import annotations

import numpy as np
from turns import Contender

from descent.games import Game
from descent.problems.gan import GAN
from descent.problems.mixtures import Mixture, grid
from descent.quiet import tf
from descent.rules import chain, rmsprop_tf1, sga
from descent.rules.base import Adjustment, Rule, stateless, step
from descent.simulate import Simulator

LATENT, RATE, DECAY, EPSILON = 64, 1e-4, 0.9, 1e-10
GRADIENT = rmsprop_tf1(RATE, DECAY, EPSILON)
SGA = chain(sga(1.0), GRADIENT)
Arrays = list[np.ndarray]


class Setting:
    """Networks of one size, their start, and a batch; the game is that of Letcher et al. 2019 unless ``loss`` says."""

    def __init__(self, depth: int, width: int, batch: int, loss: str = "non-saturating", dimension: int = 2):
        self.name = f"{depth}x{width}, batch {batch}"
        mixture = grid() if dimension == 2 else Mixture(np.zeros((1, dimension)), 1.0)
        gan = GAN(mixture, LATENT, (width,) * depth, loss=loss)
        self.params = gan.start(0, 1)
        self.batch = mixture.sample(0, batch), tf.random.stateless_normal([batch, LATENT], [0, 1])
        self.game = gan.game.at(self.batch)

    @property
    def arrays(self) -> list[list[tuple[np.ndarray, np.ndarray]]]:
        return [[(w.numpy(), b.numpy()) for w, b in own] for own in self.params]

    @property
    def start(self) -> Arrays:
        return [a for own in self.arrays for layer in own for a in layer]


def simulator(setting: Setting, rule: Rule, jit_compile: bool = False) -> Contender:
    """The library's simulator, recording nothing; a turn is one chunk, looked through for NaN at its end."""
    simulator = Simulator(setting.game, rule, chunk=10**9, jit_compile=jit_compile)
    trajectory = simulator.run(setting.params, 0)

    def run(n: int) -> Arrays:
        nonlocal trajectory
        trajectory = simulator.resume(trajectory, n)
        return [leaf.numpy() for leaf in tf.nest.flatten(trajectory.params)]

    return run


def bare_loop(setting: Setting, rule: Rule, jit_compile: bool = False) -> Contender:
    """The same steps without the simulator's records and checks, as JAX's contender has none."""

    @tf.function(autograph=False, jit_compile=jit_compile)
    def loop(params, state, n):
        def body(k, params, state):
            return k + 1, *step(rule, setting.game, params, state)

        return tf.while_loop(lambda k, params, state: k < n, body, (0, params, state))[1:]

    params, state = setting.params, rule.init(setting.params)

    def run(n: int) -> Arrays:
        nonlocal params, state
        params, state = loop(params, state, tf.constant(n))
        return [leaf.numpy() for leaf in tf.nest.flatten(params)]

    return run


def tensorflow_eager(setting: Setting, rule: Rule) -> Contender:
    """The rule operation by operation."""
    params, state = setting.params, rule.init(setting.params)

    def run(n: int) -> Arrays:
        nonlocal params, state
        for _ in range(n):
            params, state = step(rule, setting.game, params, state)
        return [leaf.numpy() for leaf in tf.nest.flatten(params)]

    return run


def notebook_sga() -> Rule:
    """SGA by the formula of the authors' notebook: (J^T xi - J xi) / 2, and J xi by two reverse sweeps.

    J^T u is linear in u; J xi is its derivative along u, whatever u. (``fwd_gradients`` of K-FAC for TensorFlow.)
    """

    def adjust(xi, params, game: Game):
        dummy = tf.nest.map_structure(tf.zeros_like, params)
        with tf.GradientTape(watch_accessed_variables=False) as second:
            second.watch(dummy)
            with tf.GradientTape(persistent=True, watch_accessed_variables=False) as first:
                first.watch(params)
                field = game.gradient(params)
            pulled = first.gradient(field, params, output_gradients=dummy)
        j_xi = second.gradient(pulled, dummy, output_gradients=xi)
        jt_xi = first.gradient(field, params, output_gradients=xi)
        return tf.nest.map_structure(lambda x, jt, j: x + (jt - j) / 2, xi, jt_xi, j_xi)

    return chain(stateless(adjust, Adjustment), GRADIENT)
