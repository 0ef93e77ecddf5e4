"""Meta-training by evolution strategies: many runs side by side, as one compiled program for each way to adapt.

A run is a *lane*: its parameters are one row of theta. Lanes of one seed see the same perturbations, tasks and noise,
whatever else they do differently, so that differences between lanes are paired.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from descent.experiments.es_maml.adaptation import Adaptation
from descent.games import Game
from descent.oracles import Estimate, Oracle
from descent.problems.navigation import FOUR_CORNERS, NAVIGATION, PARAMETERS, Environment, Episodes, rollout
from descent.quiet import tf
from descent.randomness import draw_seed
from descent.rules import gradient_descent
from descent.rules.base import Rule
from descent.simulate import Simulator

SIGMA = 0.1  # of the outer perturbations
RATE = 0.01  # beta, released


class Lane(NamedTuple):
    """One run; as an argument of ``Training.run`` also many, entries of shape [lanes].

    Args:
        run: number of its seed.
        size: alpha, or the size of hill climbing's attempts.
        rate: beta, of the outer step.
        paired: 1.0 if both signs of a perturbation are judged on one task, 0.0 if each draws its own, as released.
        frozen: 1.0 if a task always sees the same noise of adaptation, as released.
        tasks: how many training tasks there are.
        tau: standard deviation of noise on every return.
        second: of MAML by exact gradients: 1.0 with second derivatives, 0.0 without.
    """

    run: Any
    size: Any
    rate: Any = RATE
    paired: Any = 1.0
    frozen: Any = 0.0
    tasks: Any = 50.0
    tau: Any = 0.0
    second: Any = 1.0


class Statistics(NamedTuple):
    """The oracle's memory: of positions visited, and rollouts asked for, by lane.

    Args:
        steps: how many positions, shape [lanes].
        sums: of x and y, [lanes, 2].
        squares: likewise.
        rollouts: float64, [lanes].
    """

    steps: tf.Tensor
    sums: tf.Tensor
    squares: tf.Tensor
    rollouts: tf.Tensor

    def normalisation(self, axes: int) -> tuple[Any, Any]:
        """Return mean and standard deviation as pairs of tensors of shape [lanes, 1, ...] with so many further axes."""
        steps = tf.maximum(self.steps, 1)[:, None]
        mean = self.sums / steps
        std = tf.sqrt(tf.maximum(self.squares / steps - mean**2, 0))
        std = tf.where(std > 0, std, tf.ones_like(std))
        shape = [-1, *[1] * axes]
        return tuple(tuple(tf.reshape(x[:, k], shape) for k in range(2)) for x in (mean, std))  # type: ignore[return-value]


def released_noise(environment: Environment, ids: Sequence[int], queries: int) -> np.ndarray:
    """Return the noise that each task always has in the released code, standard normal, [queries, tasks, 6].

    The constructors of Navigation2D and of the wrong goals seed NumPy's global generator with the task's number and
    draw the goal; what is drawn next is the noise of adaptation. Four Corners seeds nothing: it is treated alike here.
    """
    found = []
    for i in ids:
        generator = np.random.RandomState(i)
        if environment.name.endswith("navigation"):
            generator.uniform(-1.0, 1.0, 2)
        elif environment.name == "wrong goals":
            generator.choice(6, 2, replace=False)
        found.append(generator.normal(size=(queries, PARAMETERS)))
    return np.stack(found, 1)


class Trained(NamedTuple):
    """What training left.

    Args:
        steps: at which was looked, [records].
        rollouts: asked for by then, [records, lanes].
        before: mean return on the watched tasks without adaptation, [records, lanes].
        after: and with it.
        theta: at the end, [lanes, 6].
        statistics: at the end.
    """

    steps: np.ndarray
    rollouts: np.ndarray
    before: np.ndarray
    after: np.ndarray
    theta: np.ndarray
    statistics: Statistics


def switched(corners: tf.Tensor, scaled: tf.Tensor) -> Environment:
    """Return the environment that two boolean tensors choose: ``FOUR_CORNERS``, or navigation with smooth actions."""

    def reward(*arguments: Any) -> Any:
        ours, theirs = (environment.reward(*arguments) for environment in (FOUR_CORNERS, NAVIGATION))
        return tf.where(corners, ours[0], theirs[0]), tf.where(corners, ours[1], theirs[1]), ()

    bound = tf.where(corners, FOUR_CORNERS.bound, NAVIGATION.bound)
    return Environment("switched", bound, NAVIGATION.tasks, 0, reward, scaled)


class Training:
    """Meta-training of policies with one way to adapt; its two programs are compiled once.

    Navigation, navigation with smooth actions and Four Corners share these programs: see ``at``.

    Args:
        environment: the first environment.
        adaptation: the inner operator.
        pairs: n, antithetic perturbations a step.
        seed: gives everything that is drawn.
        runs: how many seeds there are within it.
        lanes: how many runs are made side by side; others wait, so one number is compiled for.
        queries: K.
        train_ids: of the training tasks; a run uses the first so many. It is judged on as many others.
        compiled: by XLA, which takes seconds and pays after some tens of steps.
    """

    rule: Any = staticmethod(gradient_descent)

    def __init__(
        self,
        environment: Environment,
        adaptation: Adaptation,
        pairs: int,
        seed: int,
        runs: int,
        lanes: int,
        queries: int = 20,
        train_ids: Sequence[int] = range(50),
        compiled: bool = True,
    ):
        self.adaptation = adaptation
        self.pairs, self.seed, self.runs, self.queries = pairs, seed, runs, queries
        self.batch, self.compiled = len(train_ids), compiled
        self.first_unseen = max(train_ids) + 1
        self.train_ids = list(train_ids)
        self.switches = [tf.Variable(False) for _ in range(2)]
        self.tasks, self._watched_tasks = (tf.Variable(self._numbers(environment, train_ids)) for _ in range(2))
        self.frozen = tf.Variable(tf.zeros([queries, self.batch, PARAMETERS]))
        self.at(environment)
        self.lanes = Lane(
            tf.Variable(tf.zeros([lanes], tf.int32)), *(tf.Variable(tf.zeros([lanes])) for _ in Lane._fields[1:])
        )
        self._judged = tf.function(self._judged_graph, jit_compile=compiled, autograph=False)
        self._watched_noise = self._noise("es-maml watched")
        self._simulators: dict[int, Simulator] = {}
        # the rate is read when a step is made: a rule made of it here would keep today's value
        self._rule = Rule(
            self.rule(0.0).init, lambda *arguments: self.rule(self.lanes.rate[:, None]).update(*arguments), "<lanes>"
        )

    @staticmethod
    def _numbers(environment: Environment, ids: Sequence[int]) -> tf.Tensor:
        return tf.constant(environment.tasks(ids), tf.float32)

    def at(self, environment: Environment) -> Training:
        """Turn to another environment, and return itself: what is compiled stays.

        Raises:
            ValueError: the environment is of another kind than those that share programs.
        """
        shared = (NAVIGATION.reward, FOUR_CORNERS.reward)
        if environment.reward not in shared:
            raise ValueError(f"{environment.name}: only navigation and Four Corners share a program")
        self.chosen = environment
        for switch, value in zip(
            self.switches, (environment.reward is FOUR_CORNERS.reward, environment.scaled), strict=True
        ):
            switch.assign(value)
        self.tasks.assign(self._numbers(environment, self.train_ids))
        self._watched_tasks.assign(self.unseen())
        self.frozen.assign(tf.constant(released_noise(environment, self.train_ids, self.queries), tf.float32))
        return self

    @property
    def environment(self) -> Environment:
        """Return the environment as programs see it: switches are read when they run."""
        return switched(*(switch.read_value() for switch in self.switches))

    def unseen(self, part: int = 0) -> tf.Tensor:
        """Return as many tasks as there are training tasks, none of which is one, [tasks, numbers of a task]."""
        first = self.first_unseen + part * self.batch
        return self._numbers(self.chosen, range(first, first + self.batch))

    def _fresh(self, key: tf.Tensor) -> Statistics:
        count = self.lanes.size.shape[0]
        zero = tf.zeros([count])
        return Statistics(zero, tf.zeros([count, 2]), tf.zeros([count, 2]), tf.zeros([count], tf.float64))

    def start(self, runs: Any) -> tf.Tensor:
        """Return starts, W ~ N(0, 1) and b = 0, one for each seed, picked by lane: [lanes, 6]."""
        weights = tf.random.stateless_normal([self.runs, 4], draw_seed(self.seed, "es-maml starts"))
        return tf.gather(tf.concat([weights, tf.zeros([self.runs, 2])], 1), runs)

    def adapted(self, theta: tf.Tensor, tasks: Any, noise: Any, normalisation: Any, tau_noise: Any) -> Any:
        """Return adapted policies and how many rollouts that took.

        Args:
            theta: [lanes, m, 6].
            tasks: [lanes or 1, m, numbers of a task].
            noise: [K, lanes or 1, m, 6].
            normalisation: of positions, with one further axis.
            tau_noise: standard normal, [K + 1, lanes or 1, m].
        """

        def value(points: tf.Tensor, query: tf.Tensor) -> tf.Tensor:
            returns = rollout(self.environment, points, tasks, *normalisation).returns
            return returns + self.lanes.tau[:, None] * tf.gather(tau_noise, query)

        return self.adaptation(value, theta, noise, self.lanes.size[:, None, None])

    @property
    def oracle(self) -> Oracle:
        """Return the oracle of the meta-gradient, negative because rules descend."""
        n, lanes = self.pairs, self.lanes

        def draw(like: Any, key: tf.Tensor, step: tf.Tensor) -> Any:
            keys = tf.unstack(tf.random.experimental.stateless_split(key, 4))
            eps = tf.random.stateless_normal([self.runs, n, PARAMETERS], keys[0])
            which = tf.random.stateless_uniform([self.runs, 2 * n + 1], keys[1])
            noise = tf.random.stateless_normal([self.queries, self.runs, 2 * n + 1, PARAMETERS], keys[2])
            tau_noise = tf.random.stateless_normal([self.queries + 2, self.runs, 2 * n + 1], keys[3])
            return eps, which, noise, tau_noise

        def estimate(params: Any, state: Statistics, sample: Any) -> tuple[Estimate, Statistics]:
            (theta,) = params
            eps, which = tf.gather(sample[0], lanes.run), tf.gather(sample[1], lanes.run)
            fresh, tau_noise = tf.gather(sample[2], lanes.run, axis=1), tf.gather(sample[3], lanes.run, axis=1)
            # a step's requests: plus, minus, pivot
            shared = lanes.paired[:, None] > 0
            which = tf.concat([which[:, :n], tf.where(shared, which[:, :n], which[:, n:-1]), which[:, -1:]], 1)
            task = tf.cast(which * lanes.tasks[:, None], tf.int32)
            noise = tf.where(lanes.frozen[:, None, None] > 0, tf.gather(self.frozen, task, axis=1), fresh)
            points = theta[:, None] + SIGMA * tf.concat([eps, -eps, tf.zeros_like(eps[:, :1])], 1)
            tasks, normalisation = tf.gather(self.tasks, task), state.normalisation(1)
            adapted, asked = self.adapted(points, tasks, noise, normalisation, tau_noise[:-1])
            last = rollout(self.environment, adapted, tasks, *normalisation)
            v = last.returns + lanes.tau[:, None] * tau_noise[-1]
            gradient = antithetic_gradient(v[:, :n], v[:, n:-1], v[:, -1:], eps)
            return Estimate((-gradient,), without_losses()), visited(state, last, asked)

        return Oracle(lambda params, key: self._fresh(key), estimate, draw, without_losses)

    def run(self, lanes: Lane, steps: int, every: int) -> Trained:
        """Train as many runs as the lanes are long.

        Args:
            lanes: numbers, or sequences of one length.
            steps: of the outer loop.
            every: steps between records.
        """
        parts = [self._block(block, steps, every) for block, _ in self._blocks(lanes)]
        count = len(full(lanes).size)
        rollouts, before, after = (
            np.concatenate([getattr(p, name) for p in parts], -1)[:, :count] for name in ("rollouts", "before", "after")
        )
        theta = np.concatenate([p.theta for p in parts])[:count]
        statistics = Statistics(
            *(np.concatenate(entry)[:count] for entry in zip(*(p.statistics for p in parts), strict=True))
        )
        return Trained(parts[0].steps, rollouts, before, after, theta, statistics)

    def judge(
        self, trained: Trained, lanes: Lane, tasks: tf.Tensor, noise: tf.Tensor | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return returns without and with adaptation, each [lanes, tasks], without noise on them.

        While a policy adapts, its returns have the lane's noise.

        Args:
            trained: what ``run`` left.
            lanes: the same as there.
            tasks: [tasks, numbers of a task], as many as there are training tasks.
            noise: of adaptation, [K, tasks, 6]; None: a fresh draw.
        """
        noise = self._noise("es-maml judged") if noise is None else noise
        parts = []
        for block, kept in self._blocks(lanes):
            self._set(block)
            statistics = Statistics(*(tf.constant(entry[kept]) for entry in trained.statistics))
            given = (tf.convert_to_tensor(tasks), tf.convert_to_tensor(noise))  # of variables, what they hold now
            parts.append(self._judged(tf.constant(trained.theta[kept]), statistics, *given))
        count = len(full(lanes).size)
        before, after = (np.concatenate(sides)[:count] for sides in zip(*parts, strict=True))
        return before, after

    def judge_unseen(self, trained: Trained, lanes: Lane, parts: int = 4) -> tuple[np.ndarray, np.ndarray]:
        """Return returns without and with adaptation on so many times 50 tasks that training never saw."""
        found = [self.judge(trained, lanes, self.unseen(k), self._noise("es-maml unseen", k)) for k in range(parts)]
        before, after = (np.concatenate(sides, 1) for sides in zip(*found, strict=True))
        return before, after

    def _blocks(self, lanes: Lane) -> Iterator[tuple[Lane, np.ndarray]]:
        """Yield blocks of lanes, the last one filled up with its own first lane, and which of all lanes they are."""
        lanes = full(lanes)
        count, size = len(lanes.size), self.lanes.size.shape[0]
        for first in range(0, count, size):
            kept = np.arange(first, first + size)
            kept[kept >= count] = first
            yield Lane(*(entry[kept] for entry in lanes)), kept

    def _set(self, block: Lane) -> None:
        for variable, entry in zip(self.lanes, block, strict=True):
            variable.assign(entry)

    def _block(self, block: Lane, steps: int, every: int) -> Trained:
        self._set(block)
        if every not in self._simulators:
            self._simulators[every] = Simulator(
                self.oracle,
                self._rule,
                record=lambda params, state, game, statistics: (
                    statistics.rollouts,
                    *self._judged(params[0], statistics, self._watched_tasks, self._watched_noise),
                ),
                record_oracle=True,
                every=every,
                jit_compile=self.compiled,
            )
        found = self._simulators[every].run((self.start(block.run),), steps, self.seed)
        rollouts, before, after = found.records
        statistics = Statistics(*(entry.numpy() for entry in found.oracle_state))
        return Trained(
            found.recorded_at, rollouts, before.mean(-1), after.mean(-1), found.params[0].numpy(), statistics
        )

    def _noise(self, name: str, k: int = 0) -> tf.Tensor:
        return tf.random.stateless_normal([self.queries, self.batch, PARAMETERS], draw_seed(self.seed, name, k))

    def _judged_graph(self, theta: tf.Tensor, statistics: Statistics, tasks: tf.Tensor, noise: tf.Tensor) -> Any:
        """Return returns without and with adaptation on each task, [lanes, tasks]."""
        shape = [theta.shape[0], tasks.shape[0], PARAMETERS]
        points, normalisation = tf.broadcast_to(theta[:, None], shape), statistics.normalisation(1)
        noise = tf.broadcast_to(noise[:, None], [noise.shape[0], *shape])
        tau_noise = tf.random.stateless_normal([self.queries + 1, 1, shape[1]], draw_seed(self.seed, "es-maml tau"))
        adapted, _ = self.adapted(points, tasks[None], noise, normalisation, tau_noise)
        return tuple(rollout(self.environment, p, tasks[None], *normalisation).returns for p in (points, adapted))


def antithetic_gradient(plus: tf.Tensor, minus: tf.Tensor, pivot: tf.Tensor, eps: tf.Tensor) -> tf.Tensor:
    r"""Return the outer estimate, mean of (z_+ - z_-) eps / (2 sigma), z normalised over the 2n + 1 values of a step.

    Args:
        plus: returns after adaptation from theta + sigma eps, [lanes, n].
        minus: from theta - sigma eps.
        pivot: from theta, [lanes, 1].
        eps: standard normal, [lanes, n, d].

    Source: Song et al. 2020, Algorithm 3; as released, whose step is beta times this.
    """
    std = tf.math.reduce_std(tf.concat([plus, minus, pivot], 1), 1, keepdims=True)
    slope = tf.math.divide_no_nan(plus - minus, tf.broadcast_to(2 * SIGMA * std, plus.shape))
    return tf.reduce_mean(slope[..., None] * eps, 1)


def without_losses(*seen: Any) -> Game:
    """Return the game behind the oracle: returns are all there is, and they have no gradient to ask for."""
    return Game(lambda params, batch: (tf.zeros([]),))


def visited(state: Statistics, last: Episodes, asked: Any) -> Statistics:
    """Add the last episode of each request to the statistics (the released code forgets those of adaptation)."""
    requests = last.steps.shape[1]
    sums, squares = (tf.stack([tf.reduce_sum(part, 1) for part in pair], 1) for pair in (last.sums, last.squares))
    rollouts = tf.cast(requests * (asked + 1), tf.float64)
    return Statistics(
        state.steps + tf.reduce_sum(last.steps, 1),
        state.sums + sums,
        state.squares + squares,
        state.rollouts + rollouts,
    )


def full(lanes: Lane) -> Lane:
    """Return lanes as arrays of one length."""
    arrays = np.broadcast_arrays(*(np.asarray(entry, float) for entry in lanes))
    if arrays[0].ndim != 1:
        raise ValueError(f"lanes are numbers or sequences of one length; got shape {arrays[0].shape}")
    run, *rest = arrays
    return Lane(run.astype(np.int32), *(entry.astype(np.float32) for entry in rest))
