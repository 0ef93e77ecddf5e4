"""One rule at many learning rates, one run after another, compiled once.

``Sweep`` maps lanes side by side, which pays where a step is tiny. A network's step fills the machine by itself, and
one with a loop inside (conjugate gradients) would wait in every lane for the slowest; so here the lanes take turns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from descent.games import Game
from descent.oracles import BatchFn, Oracle
from descent.quiet import tf
from descent.rules.base import Rule
from descent.simulate import Simulator
from descent.vectors import Vector


class RateSweep:
    """A rule on a game, ready to run at any learning rate.

    Args:
        game: the game, or an oracle.
        make_rule: learning rate -> rule; it is given a ``tf.Variable``, so that a new rate compiles nothing.
        record: as ``Simulator``'s, a dictionary of scalars without the key "seconds".
        every: steps between records.
        batch: as ``Simulator``'s.
    """

    def __init__(
        self,
        game: Game | Oracle,
        make_rule: Callable[[tf.Variable], Rule],
        record: Callable[[Vector, Any, Game], dict[str, tf.Tensor]],
        every: int = 1,
        batch: BatchFn | None = None,
    ):
        self.game = game
        self.make_rule = make_rule
        self.record = record
        self.every = every
        self.batch = batch
        self._ready: tuple[tf.Variable, Simulator] | None = None

    def run(
        self, rates: Sequence[float], starts: Sequence[Vector], steps: int, seeds: Sequence[int] = (0,)
    ) -> dict[str, np.ndarray]:
        """Run the rule at each rate from each start.

        Args:
            rates: the learning rates.
            starts: params, one for each seed, alike in structure, shapes and dtype.
            steps: of each run.
            seeds: of the batches of each start.

        Returns:
            The record's keys -> array of shape [rates, seeds, records]; where a run had already diverged, infinity for
            floating-point records and the last value for others. And "seconds", shape [rates, seeds].
        """
        if self._ready is None:
            eta = tf.Variable(rates[0], dtype=tf.nest.flatten(starts[0])[0].dtype)
            simulator = Simulator(self.game, self.make_rule(eta), self.batch, self.record, self.every)
            simulator.run(starts[0], self.every, on_nan="stop")  # compiles, so that "seconds" need not
            self._ready = eta, simulator
        eta, simulator = self._ready
        out: dict[str, list[np.ndarray]] = {}
        for rate in rates:
            eta.assign(rate)
            for start, seed in zip(starts, seeds, strict=True):
                run = simulator.run(start, steps, seed, on_nan="stop")
                for key, values in run.records.items():
                    out.setdefault(key, []).append(_padded(values, steps // self.every + 1))
                out.setdefault("seconds", []).append(np.array(run.seconds))
        return {key: np.stack(rows).reshape(len(rates), len(seeds), *rows[0].shape) for key, rows in out.items()}


def _padded(values: np.ndarray, length: int) -> np.ndarray:
    floating = np.issubdtype(values.dtype, np.floating)
    values = np.where(np.isnan(values), np.inf, values) if floating else values
    tail = np.full(length - len(values), np.inf if floating else values[-1], values.dtype)
    return np.concatenate([values, tail])
