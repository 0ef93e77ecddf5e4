"""Two estimates at equal gradients: sparse multinomial regression, as in released code, and matrix completion."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from descent.games import Game
from descent.problems.constraints import Region, gap, l1_ball, nuclear_ball
from descent.problems.images import Images, load
from descent.quiet import tf
from descent.rules import Rule, chain
from descent.rules.frank_wolfe import decay, frank_wolfe, recursive_average, running_average
from descent.simulate import Simulator
from descent.tables import Table, text


def regression(images: Images) -> Game:
    """Return the game of the mean cross-entropy of scores W x, W of [10, pixels], over a batch of image numbers."""
    x, y = tf.constant(np.reshape(images.x, (len(images.x), -1)), tf.float32), tf.constant(images.y, tf.int32)

    def losses(params: tuple[tf.Tensor], batch: tf.Tensor) -> tuple[tf.Tensor]:
        scores = tf.matmul(tf.gather(x, batch), params[0], transpose_b=True)
        return (tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(tf.gather(y, batch), scores)),)

    return Game(losses, tf.range(len(images.x)))


def released_rules(region: Region) -> dict[str, Rule]:
    """Return the released settings: rho_t = (t + 1)^(-2/3) and eta_t = 1 / (t + 1) for both estimates."""
    rho, eta = decay(1.0, 1.0, 2 / 3), decay(1.0, 1.0)
    return {
        "recursive": chain(recursive_average(rho), frank_wolfe(region, eta)),
        "averaging": chain(running_average(rho), frank_wolfe(region, eta)),
    }


class Runs(NamedTuple):
    """Runs of one rule: gradients [records + 1], losses [seeds, records + 1], seconds of the last run."""

    gradients: np.ndarray
    losses: np.ndarray
    seconds: float


def losses_by_gradients(
    game: Game, rules: dict[str, Rule], start: tf.Tensor, draw: Callable, steps: int, records: int, seeds: list[int]
) -> dict[str, Runs]:
    """Run each rule on each seed for as many gradients: ``steps`` steps of two, or twice as many of one.

    Args:
        game: its own batch is the whole data set, whose loss is recorded.
        rules: "recursive" costs two gradients a step, any other one.
        start: the parameters of the one player.
        draw: ``(key, step) -> batch``.
        steps: of the recursive rule, a multiple of records.
        records: how many after the start.
        seeds: of the batches.

    Returns:
        name -> runs.
    """
    results = {}
    for name, rule in rules.items():
        cost = 2 if name == "recursive" else 1
        every = 2 * steps // records // cost
        simulator = Simulator(
            game, rule, batch=draw, record=lambda params, state, _: game.losses(params)[0], every=every
        )
        runs = [simulator.run((start,), every * records, seed=seed) for seed in seeds]
        losses = np.array([run.records for run in runs])
        results[name] = Runs(cost * runs[0].recorded_at, losses, runs[-1].seconds)
    return results


def least_loss(game: Game, region: Region, start: tf.Tensor, smoothness: float, iterations: int) -> tuple[float, float]:
    """Return the constrained minimum by accelerated projected gradients, and the Frank-Wolfe gap that certifies it.

    Source: Beck and Teboulle 2009, with restarts where the loss rises (O'Donoghue and Candes 2015).
    """

    @tf.function(autograph=False)
    def iterate(x, y, k):
        new = region.project(y - game.gradient((y,))[0] / smoothness)
        uphill = game.losses((new,))[0] > game.losses((x,))[0]
        k = tf.where(uphill, tf.ones_like(k), k)
        return new, new + (k - 1) / (k + 2) * (new - x), k + 1

    x, y, k = start, start, tf.constant(1.0)
    for _ in range(iterations):
        x, y, k = iterate(x, y, k)
    return float(game.losses((x,))[0]), float(gap(region, (x,), game.gradient((x,))))


def completion(rows: int, columns: int, rank: int, share: float, rng: np.random.Generator) -> tuple[Game, float, int]:
    """Return matrix completion, the nuclear norm of the matrix to be found, and how many entries are seen.

    The game's loss is half the mean squared error over a batch of numbers of seen entries, its own batch all of them.
    Entries are those of a random matrix of the given rank, of variance 1, plus noise of standard deviation 0.1.
    """
    truth = rng.normal(size=(rows, rank)) @ rng.normal(size=(rank, columns)) / np.sqrt(rank)
    seen = rng.permutation(rows * columns)[: int(share * rows * columns)]
    values = (truth + 0.1 * rng.normal(size=truth.shape)).ravel()[seen]
    places, wanted = tf.constant(seen, tf.int32), tf.constant(values, tf.float32)

    def losses(params: tuple[tf.Tensor], batch: tf.Tensor) -> tuple[tf.Tensor]:
        found = tf.gather(tf.reshape(params[0], [-1]), tf.gather(places, batch))
        return (0.5 * tf.reduce_mean((found - tf.gather(wanted, batch)) ** 2),)

    return Game(losses, tf.range(len(seen))), float(np.linalg.svd(truth, compute_uv=False).sum()), len(seen)


class Compared(NamedTuple):
    """Runs on images: of which data set, its constrained minimum, the gap that certifies it, the runs by rule."""

    name: str
    least: float
    certificate: float
    runs: dict[str, Runs]

    def log_ratio(self) -> np.ndarray:
        """Return the logarithm of averaging's last suboptimality over the recursive estimate's, by seed."""
        end = {name: run.losses[:, -1] - self.least for name, run in self.runs.items()}
        return np.log(end["averaging"] / end["recursive"])

    def table(self, matrices: dict[str, Runs]) -> Table:
        """Return the ends of these runs and of those on matrices."""
        rows = [
            (name, f"{run.gradients[-1]:,}", f"{run.seconds:.1f}", text(run.losses[:, -1].mean() - self.least),
             text(matrices[name].losses[:, -1].mean()))
            for name, run in self.runs.items()
        ]  # fmt: skip
        below = f"{self.name}: least loss {self.least:.5f}, certified to {self.certificate:.1e} by its gap."
        head = ("estimate", "gradients", "seconds", "images: suboptimality", "matrix: loss")
        return Table(head, rows, below)


def compare_on_images(dataset: str, steps: int, batch: int, seeds: list[int], iterations: int = 400) -> Compared:
    """Run the released comparison: each class's weights in an l1 ball of radius 8, from zero.

    Args:
        dataset: as of ``images.load``.
        steps: of the recursive rule; a multiple of 10.
        batch: images a step.
        seeds: of the batches.
        iterations: of accelerated projected gradients, for the constrained minimum.

    Source: xjiajiahao/ORGFW, Config/LR/MNIST_stochastic_time.m and main_LR.m, commit be4641d.

    Departures: pixels lie in [0, 1]; what the released data file scaled them to we do not know.
    """
    pictures, region = load(dataset), l1_ball(8.0)
    pixels = np.reshape(pictures.x, (len(pictures), -1))
    game, start = regression(pictures), tf.zeros([10, pixels.shape[1]])
    smoothness = 0.5 * float(np.linalg.eigvalsh(pixels.T @ pixels / len(pixels))[-1])
    least, certificate = least_loss(game, region, start, smoothness, iterations)
    draw = _numbers(batch, len(pictures))
    runs = losses_by_gradients(game, released_rules(region), start, draw, steps, 10, seeds)
    return Compared(pictures.name, least, certificate, runs)


def compare_on_matrices(rows: int, steps: int, seeds: list[int]) -> dict[str, Runs]:
    """Complete a matrix of rank three, half of whose entries are seen, in the nuclear-norm ball that it lies on.

    Both rules step by 1/t; the recursive one has rho = 1/t, averaging 4 / (t + 8)^(2/3); 16 entries a step.
    """
    game, norm, total = completion(rows, 3 * rows // 2, 3, 0.5, np.random.default_rng(seeds[0]))
    region = nuclear_ball(norm)
    rules = {
        "recursive": chain(recursive_average(decay()), frank_wolfe(region, decay())),
        "averaging": chain(running_average(decay(4.0, 8.0, 2 / 3)), frank_wolfe(region, decay())),
    }
    start = tf.zeros([rows, 3 * rows // 2])
    return losses_by_gradients(game, rules, start, _numbers(16, total), steps, 10, seeds)


def _numbers(size: int, total: int) -> Callable:
    return lambda key, step: tf.random.stateless_uniform([size], key, maxval=total, dtype=tf.int32)
