"""Many short trajectories at once: rules mapped over hyper-parameters, starts and games, in one compiled program.

A sweep over 2,000 step sizes is not 2,000 trajectories but one, of parameters with a leading axis of 2,000 *lanes*;
``tf.vectorized_map`` turns each operation of the rule into its batched form. Lanes may differ in seed as well: what an
oracle draws is drawn once for each seed, and shared by its lanes. A lane that diverges is a result here, not an error:
it runs on through infinity, and the records show it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from descent import vectors
from descent.games import Game
from descent.oracles import BatchFn, Oracle, as_oracle, nothing
from descent.quiet import tf
from descent.randomness import BATCHES, fold_seed
from descent.rules.base import Rule, step
from descent.vectors import Vector

MakeRule = Callable[[Any], Rule]
MakeOracle = Callable[[Any], Game | Oracle]


class Sweep:
    """A family of rules on one game, each mapped over lanes; all of them are one compiled program.

    Args:
        game: the game, or an oracle; ``run``'s ``batches`` give each lane's game its own coefficients. Or a function
            ``data -> game or oracle`` of one lane's slice of ``batches``: a client's examples, say. What such an oracle
            draws must not depend on the data, for lanes of one seed share it.
        rules: name -> ``hyper -> Rule``; ``hyper`` is one lane's slice of ``run``'s ``hypers``.
        record: ``(params, state, game) -> nested tensors``, for one lane; the game is that of the coming step.
        every: steps between records.
        jit_compile: make one XLA program of it, for each number of records. Compiling takes longer, and steps of a few
            numbers are then many times as fast. Not for rules with a loop inside (CGD, proximal steps).
        batch: ``(key, step) -> batch``, as ``Simulator``'s: minibatches, one for each seed at each step.
        record_oracle: hand ``record`` what the oracle remembers, as a fourth argument.
        stream: of the seeds, for the oracle's draws.
        any_lanes: compile one program for any number of lanes; otherwise another number may compile another.
    """

    def __init__(
        self,
        game: Game | Oracle | MakeOracle,
        rules: Mapping[str, MakeRule],
        record: Callable[..., Any],
        every: int = 1,
        jit_compile: bool = False,
        batch: BatchFn | None = None,
        record_oracle: bool = False,
        stream: int = BATCHES,
        any_lanes: bool = False,
    ):
        if every < 1 or every != int(every):
            raise ValueError(f"every must be a whole number of steps, at least 1, got {every}")
        self.game = game
        self.rules = dict(rules)
        self.record = record
        self.every = every
        self.jit_compile = jit_compile
        self.batch = batch
        self.record_oracle = record_oracle
        self.stream = stream
        self.any_lanes = any_lanes
        self._run = tf.function(self._run_graph, reduce_retracing=True, autograph=False, jit_compile=jit_compile)

    def run(
        self,
        hypers: Any,
        params: Vector,
        records: int,
        batches: Any = None,
        seeds: int | Sequence[int] | np.ndarray = 0,
    ) -> dict[str, Any]:
        """Make (records - 1) x every steps in every lane of every rule.

        Args:
            hypers: nested tensors with a leading axis of lanes: a step size each, say.
            params: the starts, a tuple with one vector per player, leaves of shape [lanes, ...].
            records: number of records, the first at step 0.
            batches: per lane, what ``Game.at`` is given; leaves of shape [lanes, ...]. None: the game's own batch.
            seeds: give what oracles draw: one for all lanes, or one for each, [lanes]; equal seeds, equal draws.

        Returns:
            name -> records, leaves of shape [records, lanes, ...].

        Raises:
            ValueError: records is less than 1, the lanes are not equally many, the starts no tuple of floats of one
                type, the seeds not one per lane, or XLA can't compile one of the rules.
        """
        return {name: found for name, (found, _) in self.run_to_end(hypers, params, records, batches, seeds).items()}

    def run_to_end(
        self,
        hypers: Any,
        params: Vector,
        records: int,
        batches: Any = None,
        seeds: int | Sequence[int] | np.ndarray = 0,
    ) -> dict[str, tuple[Any, tuple[Vector, Any, Any]]]:
        """Do the same, and return name -> (records, where the lanes are after the last step).

        The latter are parameters, the rule's state and the oracle's, leaves of shape [lanes, ...].
        """
        if records < 1:
            raise ValueError(f"records must be at least 1, got {records}")
        hypers, batches = tf.nest.map_structure(tf.convert_to_tensor, (hypers, () if batches is None else (batches,)))
        lanes = (hypers, vectors.starts(params), batches)
        leading = {leaf.shape[0] if leaf.shape.rank else 0 for leaf in tf.nest.flatten(lanes)}
        count = leading.pop()
        if leading or not count:
            lengths = ", ".join(map(str, sorted({count, *leading})))
            raise ValueError(f"hypers, params and batches share one leading axis, of lanes; got lengths {lengths}")
        given = np.asarray(seeds)
        seeds = given.astype(np.int32)
        if not np.array_equal(seeds, given):
            raise ValueError(f"seeds are whole numbers of 32 bits; got {given}")
        if seeds.shape not in ((), (count,)):
            raise ValueError(f"seeds are one for all lanes or one for each: got shape {seeds.shape} for {count} lanes")
        different, indices = np.unique(seeds, return_inverse=True)
        which = () if len(different) == 1 else tf.constant(indices, tf.int32)
        arguments = (*lanes, tf.constant(different), which, tf.constant(records))
        if self.any_lanes and not self.traces:
            self._run = tf.function(self._run_graph, input_signature=_any_lanes(arguments), autograph=False)
        try:
            return self._run(*arguments)
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

    def _run_graph(
        self, hypers: Any, params: Vector, batches: Any, seeds: tf.Tensor, which: Any, records: tf.Tensor
    ) -> dict[str, Any]:
        lanes = (hypers, batches, which)
        return {name: self._one_rule(make, lanes, params, seeds, records) for name, make in self.rules.items()}

    def _oracle(self, batches: Any) -> Oracle:
        """Return the oracle of one lane, which has a batch or has not."""
        if isinstance(self.game, Game):
            return as_oracle(self.game.at(batches[0]) if batches else self.game, self.batch)
        if isinstance(self.game, Oracle):
            return as_oracle(self.game, self.batch)
        return as_oracle(self.game(*batches), self.batch)

    def _one_rule(self, make_rule: MakeRule, lanes: Any, params: Vector, seeds: tf.Tensor, records: tf.Tensor) -> Any:
        one_of = self._oracle(tf.nest.map_structure(lambda leaf: leaf[0], lanes[1]))
        like = tf.nest.map_structure(lambda leaf: tf.TensorSpec(leaf.shape[1:], leaf.dtype), params)

        def drawn(number):
            """Return each seed's sample of a step, as a function of a lane's seed's number."""
            if one_of.draw is nothing:
                return lambda which: ()
            keys = [fold_seed(seed, self.stream, number) for seed in tf.unstack(seeds)]
            samples = [one_of.draw(like, key, number) for key in keys]
            if len(samples) == 1:
                return lambda which: samples[0]
            stacked = tf.nest.map_structure(lambda *leaves: tf.stack(leaves), *samples)
            return lambda which: tf.nest.map_structure(lambda leaf: tf.gather(leaf, which), stacked)

        def one_start(lane):
            (hypers, batches, which), params = lane
            return make_rule(hypers).init(params), self._oracle(batches).init(params, keys(which))

        def record(number, here):
            sample_of = drawn(number)

            def one_record(lane):
                (_, batches, which), (params, state, oracle_state) = lane
                seen = self._oracle(batches).seen(params, oracle_state, sample_of(which))
                return self.record(params, state, seen, *([oracle_state] if self.record_oracle else []))

            return tf.vectorized_map(one_record, (lanes, here))

        def one_step(number, here):
            sample_of = drawn(number)

            def one_lane(lane):
                (hypers, batches, which), (params, state, oracle_state) = lane
                return step(make_rule(hypers), self._oracle(batches), params, state, oracle_state, sample_of(which))

            return number + 1, tf.vectorized_map(one_lane, (lanes, here))

        def block(index, here, arrays):
            begin = tf.cast(index - 1, tf.int64) * self.every
            end = begin + self.every  # outside the loop, whose condition would add at every step
            number, here = tf.while_loop(lambda number, _: number < end, one_step, (begin, here))
            return index + 1, here, write(arrays, index, number, here)

        def write(arrays, index, number, here):
            leaves = tf.nest.flatten(record(number, here))
            return [array.write(index, leaf) for array, leaf in zip(arrays, leaves, strict=True)]

        first_keys = tf.stack([fold_seed(seed, self.stream, -1) for seed in tf.unstack(seeds)])

        def keys(which):
            return first_keys[0] if seeds.shape[0] == 1 else tf.gather(first_keys, which)

        here = (params, *tf.vectorized_map(one_start, (lanes, params)))
        zero = tf.constant(0, tf.int64)
        template = record(zero, here)
        arrays = [
            tf.TensorArray(leaf.dtype, size=records, element_shape=leaf.shape) for leaf in tf.nest.flatten(template)
        ]
        arrays = write(arrays, 0, zero, here)
        _, here, arrays = tf.while_loop(lambda index, *_: index < records, block, (tf.constant(1), here, arrays))
        return tf.nest.pack_sequence_as(template, [array.stack() for array in arrays]), here


def _any_lanes(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the signature of a run of as many lanes as may come."""
    hypers, params, batches, seeds, which, records = tf.nest.map_structure(tf.TensorSpec.from_tensor, arguments)
    free = tf.nest.map_structure(
        lambda spec: tf.TensorSpec([None, *spec.shape[1:]], spec.dtype), (hypers, params, batches, which)
    )
    return *free[:3], seeds, free[3], records
