"""Many short trajectories at once: rules mapped over hyper-parameters, starts and games, in one compiled program.

A sweep over 2,000 step sizes is not 2,000 trajectories but one, of parameters with a leading axis of 2,000 *lanes*;
``tf.vectorized_map`` turns each operation of the rule into its batched form. A lane that diverges is a result here, not
an error: it runs on through infinity, and the records show it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from descent import vectors
from descent.games import Game
from descent.quiet import tf
from descent.rules.base import Rule
from descent.vectors import Vector

MakeRule = Callable[[Any], Rule]


class Sweep:
    """A family of rules on one game, each mapped over lanes; all of them are one compiled program.

    Args:
        game: the game; ``run``'s ``batches`` give each lane its own coefficients.
        rules: name -> ``hyper -> Rule``; ``hyper`` is one lane's slice of ``run``'s ``hypers``.
        record: ``(params, state, game) -> nested tensors``, for one lane.
        every: steps between records.
        jit_compile: make one XLA program of it, for each number of records. Compiling takes longer, and steps of a few
            numbers are then many times as fast. Not for rules with a loop inside (CGD, proximal steps).
    """

    def __init__(
        self,
        game: Game,
        rules: Mapping[str, MakeRule],
        record: Callable[[Vector, Any, Game], Any],
        every: int = 1,
        jit_compile: bool = False,
    ):
        self.game, self.rules, self.record, self.every = game, dict(rules), record, every
        self.jit_compile = jit_compile
        self._run = tf.function(self._run_graph, reduce_retracing=True, autograph=False, jit_compile=jit_compile)

    def run(self, hypers: Any, params: Vector, records: int, batches: Any = None) -> dict[str, Any]:
        """Make (records - 1) x every steps in every lane of every rule.

        Args:
            hypers: nested tensors with a leading axis of lanes: a step size each, say.
            params: the starts, a tuple with one vector per player, leaves of shape [lanes, ...].
            records: number of records, the first at step 0.
            batches: per lane, what ``Game.at`` is given; leaves of shape [lanes, ...]. None: the game's own batch.

        Returns:
            name -> records, leaves of shape [records, lanes, ...].

        Raises:
            ValueError: XLA can't compile one of the rules.
        """
        lanes = tf.nest.map_structure(tf.convert_to_tensor, (hypers, params, () if batches is None else (batches,)))
        try:
            return self._run(*lanes, tf.constant(records))
        except tf.errors.InvalidArgumentError as error:
            if self.jit_compile and "unsupported operations" in str(error):
                raise ValueError(
                    f"XLA can't compile one of these rules: {', '.join(self.rules)}; rules with a loop inside want "
                    "jit_compile=False"
                ) from error
            raise

    @property
    def traces(self) -> int:
        """How many times the program was traced; tests hold it at one."""
        return self._run.experimental_get_tracing_count()

    def _run_graph(self, hypers: Any, params: Vector, batches: Any, records: tf.Tensor) -> dict[str, Any]:
        return {name: self._one_rule(make, hypers, params, batches, records) for name, make in self.rules.items()}

    def _one_rule(self, make_rule: MakeRule, hypers: Any, params: Vector, batches: Any, records: tf.Tensor) -> Any:
        def game_of(batches):
            return self.game.at(batches[0]) if batches else self.game

        def one_step(lane):
            hypers, batches, params, state = lane
            game = game_of(batches)
            change, state = make_rule(hypers).update(game.gradient(params), state, params, game)
            return vectors.add(params, change), state

        def record(params, state):
            return tf.vectorized_map(
                lambda lane: self.record(lane[0], lane[1], game_of(lane[2])), (params, state, batches)
            )

        def step(_, params, state):
            return _ + 1, *tf.vectorized_map(one_step, (hypers, batches, params, state))

        def block(index, params, state, arrays):
            _, params, state = tf.while_loop(lambda i, *_: i < self.every, step, (tf.constant(0), params, state))
            return index + 1, params, state, write(arrays, index, params, state)

        def write(arrays, index, params, state):
            leaves = tf.nest.flatten(record(params, state))
            return [array.write(index, leaf) for array, leaf in zip(arrays, leaves, strict=True)]

        state = tf.vectorized_map(lambda lane: make_rule(lane[0]).init(lane[1]), (hypers, params))
        template = record(params, state)
        arrays = [
            tf.TensorArray(leaf.dtype, size=records, element_shape=leaf.shape) for leaf in tf.nest.flatten(template)
        ]
        arrays = write(arrays, 0, params, state)
        *_, arrays = tf.while_loop(lambda index, *_: index < records, block, (tf.constant(1), params, state, arrays))
        return tf.nest.pack_sequence_as(template, [array.stack() for array in arrays])
