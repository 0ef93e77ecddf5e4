"""Adam, RAdam and Adam with a plain warm-up, compared fairly: rates x seeds x schedules as lanes of one program."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from descent.evidence.cache import cached
from descent.experiments.rectified_adam.parts import CORNERS, PARTS, main_effects, radam_in_parts
from descent.experiments.rectified_adam.post import PostSchedule, read_post
from descent.measures.selection import leave_one_out, tune_alike
from descent.problems.classification import Classification
from descent.problems.convolution import Convolutional
from descent.problems.images import Images, load
from descent.problems.networks import mlp
from descent.quiet import tf
from descent.rules import adam, chain, radam, scale
from descent.rules.schedules import Schedule
from descent.sweep import Sweep
from descent.tables import Table, spread, table
from descent.vectors import Vector

NAMES = {"adam": "Adam", "radam": "RAdam", "linear": "Adam, linear", "exponential": "Adam, exponential"}
SCHEDULES = ("constant", "post")
DROP = 0.01  # of accuracy: rates that lose no more than that are good ones
EPSILON = 1e-8
POWER = 1024.0  # a thousand, as a power of two: losses are scaled without rounding


@dataclass(frozen=True)
class Task:
    """What is trained, and how long.

    Args:
        dataset: name of the images; "digits" are classified by a network of one hidden layer, others by convolutions.
        width: hidden units, or channels of the first convolution (the second has twice as many).
        steps: of each run.
        batch: images per step.
        beta2: decay of the second moment; warm-ups last 2 / (1 - beta2) steps.
    """

    dataset: str
    width: int
    steps: int
    batch: int
    beta2: float

    def split(self) -> tuple[Images, Images, Images]:
        """Return images to train on, every fifth of the training images to choose rates by, and test images."""
        images = load(self.dataset)
        held = np.arange(len(images)) % 5 == 4
        fit, chosen_by = (replace(images, x=images.x[rows], y=images.y[rows]) for rows in (~held, held))
        return fit, chosen_by, load(self.dataset, "test")

    def problem(self, images: Images) -> Classification:
        """Return the network on some images."""
        if self.dataset == "digits":
            return Classification(images, mlp([images.x.shape[1], self.width, 10]))
        return Classification(images, Convolutional(images.shape, (self.width, 2 * self.width)))

    def schedule(self) -> PostSchedule:
        """Return the schedule of the post's RAdam on MNIST, scaled to this number of steps."""
        return read_post().schedule("MNIST").scaled(self.steps)


def train(
    task: Task, rules: Mapping[str, Callable[[Any], Any]], hypers: Any, seeds: Sequence[int]
) -> dict[str, np.ndarray]:
    """Train lanes of hypers x seeds by every rule; all are one program.

    Args:
        task: what is trained.
        rules: name -> ``hyper -> Rule``.
        hypers: nested arrays with a leading axis of settings, each of which is run from every seed.
        seeds: give starts and minibatches.

    Returns:
        rule -> accuracies on the images kept for choosing and on the test images, shape [2, settings, seeds].
    """
    fit, chosen_by, test = task.split()
    problem = task.problem(fit)
    settings = len(np.asarray(tf.nest.flatten(hypers)[0]))
    lanes = tf.nest.map_structure(lambda x: np.repeat(np.asarray(x, np.float32), len(seeds), 0), hypers)
    starts = [problem.start(seed) for seed in seeds]
    stacked = tf.nest.map_structure(lambda *leaves: tf.tile(tf.stack(leaves), _times(settings, leaves[0])), *starts)
    sweep = Sweep(
        problem.game,
        rules,
        lambda params, state, game: game.losses(params)[0],
        every=task.steps,
        batch=problem.minibatches(task.batch),
    )
    ends = sweep.run_to_end(lanes, stacked, 2, seeds=np.tile(np.asarray(seeds), settings))
    batches = [problem.batch_of(images) for images in (chosen_by, test)]
    accuracy = tf.function(partial(_accuracies, problem, batches), autograph=False)
    found = {}
    for name, (_, (params, _, _)) in ends.items():
        found[name] = accuracy(params).numpy().reshape(2, settings, len(seeds)).astype(float)
    return found


def _times(settings: int, leaf: tf.Tensor) -> list[int]:
    return [settings] + [1] * leaf.shape.rank


def _accuracies(problem: Classification, batches: Sequence[Any], params: Vector) -> tf.Tensor:
    """Return the accuracy of each lane on each batch, shape [batches, lanes], one lane after the other."""
    return tf.stack(
        [tf.map_fn(lambda p, b=b: problem.accuracy(p, b), params, fn_output_signature=tf.float32) for b in batches]
    )


def four_rules(task: Task) -> dict[str, Callable[[Any], Any]]:
    """Return Adam, RAdam and Adam with two warm-ups, as functions of (rate, 1 for the post's schedule or 0)."""
    post, beta2 = task.schedule(), task.beta2

    def rate(hyper: Any, warm: Callable[[tf.Tensor], tf.Tensor]) -> Schedule:
        eta, scheduled = (tf.cast(x, tf.float64) for x in hyper)
        return Schedule(lambda s: eta * warm(s + 1) * (scheduled * post(s + 1) + 1 - scheduled))

    made = partial(adam, beta2=beta2, epsilon=EPSILON)
    return {
        "adam": lambda hyper: made(rate(hyper, tf.ones_like)),
        "radam": lambda hyper: radam(rate(hyper, tf.ones_like), beta2=beta2, epsilon=EPSILON),
        "linear": lambda hyper: made(rate(hyper, lambda t: tf.minimum((1 - beta2) / 2 * t, 1.0))),
        "exponential": lambda hyper: made(rate(hyper, lambda t: -tf.math.expm1(-(1 - beta2) * t))),
    }


@dataclass(frozen=True, eq=False)
class Comparison:
    """What four rules reach under two schedules.

    Args:
        task: what was trained.
        rates: shape [rates].
        accuracy: rule -> accuracies on the images kept for choosing and on the test images, shape
            [2, schedules, rates, seeds].
    """

    task: Task
    rates: np.ndarray
    accuracy: Mapping[str, np.ndarray]

    def best(self, rule: str, schedule: str = "constant") -> np.ndarray:
        """Return the test accuracy at a rate chosen on other images by the other seeds, shape [seeds]."""
        kept, test = self.accuracy[rule][:, SCHEDULES.index(schedule)]
        return test[leave_one_out(1 - kept), np.arange(test.shape[1])]

    def best_rate(self, rule: str, schedule: str = "constant") -> float:
        """Return the rate that is best on the images kept for choosing, over all seeds."""
        kept = {name: (list(self.rates), 1 - acc[0, SCHEDULES.index(schedule)]) for name, acc in self.accuracy.items()}
        return float(tune_alike(kept)[rule].best)

    def at(self, rate: float, rule: str, schedule: str = "constant") -> np.ndarray:
        """Return the test accuracy at the rate of the grid nearest to ``rate``, shape [seeds]."""
        nearest = int(np.abs(np.log(self.rates / rate)).argmin())
        return self.accuracy[rule][1, SCHEDULES.index(schedule), nearest]

    def widths(self, rule: str) -> np.ndarray:
        """Return decades of rates that lose at most ``DROP`` to the best one, as pseudovalues of seeds, shape [seeds].

        Their mean is the width of the mean curve, corrected for its bias; the jackknife makes them one to a seed.
        """
        test = self.accuracy[rule][1, 0]
        n = test.shape[1]
        whole = good_width(self.rates, test.mean(1))
        left_out = [good_width(self.rates, np.delete(test, k, 1).mean(1)) for k in range(n)]
        return n * whole - (n - 1) * np.array(left_out)

    def decomposition(self, rate: float) -> dict[str, np.ndarray]:
        """Split the post's comparison, Adam at a constant rate against RAdam with its schedule, at one rate.

        Returns:
            "gap"; "schedule" and "optimiser", its parts, each averaged over the two orders; "difference" of the parts;
            shape [seeds].
        """
        a, s, r, both = (self.at(rate, *x) for x in (("adam",), ("adam", "post"), ("radam",), ("radam", "post")))
        schedule, optimiser = ((a - s) + (r - both)) / 2, ((a - r) + (s - both)) / 2
        return {"gap": a - both, "schedule": schedule, "optimiser": optimiser, "difference": schedule - optimiser}

    def measurements(self, post_rate: float) -> dict[str, Any]:
        """Return what claims ask for, keys beginning with the data set's name."""
        name = self.task.dataset
        found: dict[str, Any] = {}
        for rule in NAMES:
            for schedule in SCHEDULES:
                found[f"{name}.best.{rule}.{schedule}"] = self.best(rule, schedule)
                found[f"{name}.rate.{rule}.{schedule}"] = self.best_rate(rule, schedule)
                found[f"{name}.untuned.{rule}.{schedule}"] = self.at(post_rate, rule, schedule)
            found[f"{name}.width.{rule}"] = self.widths(rule)
        for other in ("adam", "linear", "exponential"):
            found[f"{name}.radam_minus.{other}"] = self.best("radam") - self.best(other)
            found[f"{name}.width_minus.{other}"] = self.widths("radam") - self.widths(other)
        for rule in ("adam", "radam"):
            found[f"{name}.tuned_schedule.{rule}"] = self.best(rule) - self.best(rule, "post")
        for key, values in self.decomposition(post_rate).items():
            found[f"{name}.untuned.{key}"] = values
        for key, rate in (("a_tenth", 0.1), ("a_fifth", 0.2)):
            for other in ("adam", "linear"):
                found[f"{name}.at_{key}.radam_minus.{other}"] = self.at(rate, "radam") - self.at(rate, other)
        variances = [self.best(rule).var(ddof=1) for rule in ("adam", "radam")]
        p = 1 - found[f"{name}.best.adam.constant"].mean()
        tested = len(load(self.task.dataset, "test"))
        found[f"{name}.scatter"] = np.sqrt(sum(variances) / (2 * p * (1 - p) / tested))
        return found

    def table(self, post_rate: float) -> Table:
        """Return test accuracies at the best rate and at the post's, mean and range over seeds, and widths."""
        rows = []
        for rule, name in NAMES.items():
            for schedule in SCHEDULES:
                best, untuned = self.best(rule, schedule), self.at(post_rate, rule, schedule)
                width = f"{self.widths(rule).mean():.2f}" if schedule == "constant" else ""
                label = name if schedule == "constant" else f"{name}, post's schedule"
                rate = f"{self.best_rate(rule, schedule):.1e}"
                rows.append([label, rate, spread(best, form=".4f"), spread(untuned, form=".4f"), width])
        head = ["", "best rate", "accuracy there", f"accuracy at {post_rate:g}", "good rates, decades"]
        return table(rows, head, below="Brackets: least and largest over seeds.")


def good_width(rates: np.ndarray, accuracy: np.ndarray, drop: float = DROP, fine: int = 2000) -> float:
    """Return how many decades of rates lie within ``drop`` of the best accuracy, joined by straight lines in log rate.

    Args:
        rates: increasing, shape [n].
        accuracy: there, shape [n].
        drop: how much a good rate may lose.
        fine: points on the lines.
    """
    logs = np.log10(rates)
    grid = np.linspace(logs[0], logs[-1], fine)
    return float((np.interp(grid, logs, accuracy) >= accuracy.max() - drop).mean() * (logs[-1] - logs[0]))


def compare(task: Task, rates: Sequence[float], seeds: Sequence[int]) -> Comparison:
    """Train by four rules, under two schedules, at all rates, from all seeds."""
    n = len(rates)
    hypers = (np.tile(np.asarray(rates), 2), np.repeat([0.0, 1.0], n))

    def compute() -> dict[str, np.ndarray]:
        return train(task, four_rules(task), hypers, seeds)

    found = cached(f"radam-{task.dataset}", {"task": task, "rates": list(rates), "seeds": list(seeds)}, compute)
    return Comparison(task, np.asarray(rates), {k: x.reshape(2, 2, n, len(seeds)) for k, x in found.items()})


@dataclass(frozen=True, eq=False)
class Factorial:
    """Test accuracies of RAdam with every choice of its three parts.

    Args:
        rates: the lower one and the higher one.
        accuracy: shape [rates, 8, seeds]; the eight are ``CORNERS``.
    """

    rates: Sequence[float]
    accuracy: np.ndarray

    def without(self, rate: int) -> dict[str, np.ndarray]:
        """Return RAdam minus RAdam without each part, at the rate of this number, shape [seeds]."""
        values = self.accuracy[rate]
        without = {part: (CORNERS[:, k] == 0) & (CORNERS.sum(1) == 2) for k, part in enumerate(PARTS)}
        return {part: values[-1] - values[corner][0] for part, corner in without.items()}

    def measurements(self) -> dict[str, Any]:
        """Return both kinds of effects at both rates."""
        found: dict[str, Any] = {}
        for k, name in enumerate(("low", "high")):
            found |= {f"parts.{name}.without.{part}": x for part, x in self.without(k).items()}
            found |= {f"parts.{name}.main.{part}": x for part, x in main_effects(self.accuracy[k]).items()}
        return found

    def table(self) -> Table:
        """Return mean accuracies of the eight rules, with the range over seeds."""
        mark = {0.0: "", 1.0: "yes"}
        rows = [
            [*(mark[float(x)] for x in corner), *(spread(self.accuracy[k, j], form=".3f") for k in (0, 1))]
            for j, corner in reversed(list(enumerate(CORNERS)))
        ]
        head = ["momentum steps", "warm-up", "v carried over", *(f"accuracy at {rate:g}" for rate in self.rates)]
        return table(rows, head, below="The first row is RAdam. Brackets: least and largest over seeds.")


def factorial(task: Task, rates: Sequence[float], seeds: Sequence[int]) -> Factorial:
    """Train with every choice of RAdam's three parts, at two rates, from all seeds."""
    columns = [np.tile(CORNERS[:, k], len(rates)) for k in range(3)]
    hypers = (np.repeat(np.asarray(rates), len(CORNERS)), *columns)

    def rule(hyper: Any) -> Any:
        rate, momentum, warmup, carried = hyper
        return radam_in_parts(rate, momentum, warmup, carried, beta2=task.beta2, epsilon=EPSILON)

    def compute() -> dict[str, np.ndarray]:
        return train(task, {"parts": rule}, hypers, seeds)

    settings = {"task": task, "rates": list(rates), "seeds": list(seeds)}
    test = cached("radam-parts", settings, compute)["parts"][1]
    return Factorial(rates, test.reshape(len(rates), len(CORNERS), len(seeds)))


def loss_scales(task: Task, rate: float, seeds: Sequence[int]) -> dict[str, np.ndarray]:
    """Train on the loss times 1/1024, 1 and 1024 at one rate.

    Args:
        task: what is trained.
        rate: of all rules.
        seeds: of the runs.

    Returns:
        "adam", "radam", "skipping" -> test accuracy, shape [3, seeds]. Adam without epsilon does not see the factor,
        to the last bit, as it is a power of two.
    """
    made = {
        "adam": partial(adam, rate, beta2=task.beta2, epsilon=1e-30),
        "radam": partial(radam, rate, beta2=task.beta2, epsilon=1e-30),
        "skipping": partial(radam, rate, beta2=task.beta2, epsilon=1e-30, first_steps="skip"),
    }
    rules = {name: lambda factor, rule=rule: chain(scale(factor), rule()) for name, rule in made.items()}

    def compute() -> dict[str, np.ndarray]:
        return train(task, rules, np.array([1 / POWER, 1.0, POWER]), seeds)

    settings = {"task": task, "rate": rate, "seeds": list(seeds)}
    return {name: found[1] for name, found in cached("radam-scales", settings, compute).items()}


def scale_measurements(found: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return what scaling the loss up and down changes in test accuracy, and the largest change of Adam's."""
    kept: dict[str, Any] = {"scale.adam.change": float(np.abs(found["adam"] - found["adam"][1]).max())}
    kept["scale.skipping.change"] = float(np.abs(found["skipping"] - found["skipping"][1]).max())
    kept["scale.radam.up"] = found["radam"][2] - found["radam"][1]
    kept["scale.radam.down"] = found["radam"][0] - found["radam"][1]
    return kept


def scale_table(found: Mapping[str, np.ndarray]) -> Table:
    """Return test accuracies by rule and scale, mean and range over seeds."""
    names = {"adam": "Adam", "radam": "RAdam", "skipping": "RAdam, skipping"}
    rows = [[name, *(spread(x, form=".3f") for x in found[key])] for key, name in names.items()]
    return table(
        rows, ["", "loss / 1,024", "as it is", "loss × 1,024"], below="Brackets: least and largest over seeds."
    )
