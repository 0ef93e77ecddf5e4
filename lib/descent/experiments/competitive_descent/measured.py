"""What the chapter measures, as keys and numbers, and its tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from descent import vectors
from descent.evidence.cache import cached
from descent.experiments.competitive_descent import covariance, gans, overtraining, regions, toy
from descent.experiments.competitive_descent.counted import counted, one_sided
from descent.games import Game
from descent.measures.selection import leave_one_out
from descent.problems.networks import mlp
from descent.problems.quadratic import quadratic_game
from descent.quiet import tf
from descent.rules import acgd, optimistic, step
from descent.rules.acgd import acgd_rates
from descent.stability.linearisation import Linearisation
from descent.tables import Table, spread, table

Found = dict[str, Any]


def quadratics(spectra: regions.Spectra, points: int, c: float) -> tuple[Found, dict[str, np.ndarray]]:
    """Compare regions of x^2 + c x y + y^2 with spectra, on a map of points x points rates.

    Returns:
        Measurements, and the maps: "P", "Q", and method -> spectral radii, shape [points, points].
    """
    axis = np.linspace(0.4 / points, 0.4, points)
    p, q = np.meshgrid(axis, axis)
    maps, wrong, gaps = {"P": p, "Q": q}, 0, []
    for method in regions.METHODS:
        maps[method] = spectra.radii(method, regions.matrices(c, p, q))
        wrong += int(np.sum((maps[method] < 1) != (regions.margin(method, c, p, q) > 0)))
        for edge in regions.edges(method, c, 0.09):
            gaps.append(abs(spectra.edge(method, c, 0.09, 0.9 * edge, 1.1 * edge) / edge - 1))
    many_c, rates = np.meshgrid(np.linspace(2.1, 20, 30), np.linspace(0.01, 0.49, 30))
    equal = regions.matrices(many_c, rates, rates)
    half = spectra.radii("competitive", equal, np.full(many_c.shape, 0.5))
    thresholds = []
    for strength, eta in ((2.5, 0.1), (10.0, 0.01), (10.0, 0.2), (5.0, 0.45)):
        at = regions.awareness_threshold(strength, eta)
        around = at * (1 + np.array([-1e-8, 1e-8]))
        sides = spectra.radii("competitive", regions.matrices(strength, eta, [eta, eta]), around)
        thresholds.append(0.0 if sides[0] > 1 > sides[1] else 1.0)
    return {
        "quadratic.published_radius": float(spectra.radii("simultaneous", regions.matrices(10, 0.09, 0.01))),
        "quadratic.alone_radius": 1 + 2 * 0.01,
        "quadratic.edge": regions.edges("simultaneous", 10, 0.09)[0],
        "regions.edge_gap": max(gaps),
        "regions.disagreements": wrong,
        "regions.competitive_equal": float(np.mean(spectra.radii("competitive", equal) < 1)),
        "regions.simultaneous_equal": float(np.mean(spectra.radii("simultaneous", equal) < 1)),
        "awareness.wrong_sides": sum(thresholds),
        "awareness.limit_gap": abs(regions.awareness_threshold(10, 1e-4) - (0.5 - 2 / 100)),
        "awareness.half_is_enough": float(np.mean(half < 1)),
    }, maps


def strengths(spectra: regions.Spectra, alphas: Sequence[float], eta: float) -> tuple[Found, Table]:
    """Compare radii on alpha x y, closed form and spectrum, and on alpha (x^2 - y^2)."""
    zero = tf.zeros([1], tf.float64)
    forms = regions.bilinear_radii(alphas, eta)
    alpha = np.asarray(alphas)
    bilinear = np.array([[[0, a], [-a, 0]] for a in alpha]) * eta
    apart = np.array([[[2 * a, 0], [0, 2 * a]] for a in alpha]) * eta
    ogda = Linearisation(quadratic_game([1, 1]), optimistic, (zero, zero))
    radii = {
        name: ogda.spectral_radii(np.ones(len(alpha)), bilinear)
        if name == "optimistic"
        else spectra.radii(name, bilinear)
        for name in forms
    }
    alone = {name: spectra.radii(name, apart) for name in ("simultaneous", "linearised", "competitive")}
    rows = [[name, *(f"{x:.3f}" for x in radii[name])] for name in forms]
    rows += [["competitive, on α(x² − y²)", *(f"{x:.3f}" for x in alone["competitive"])]]
    return {
        "strength.competitive.slowest": float(radii["competitive"].max()),
        "strength.competitive.order": float(radii["competitive"][-1] - radii["competitive"][0]),
        "strength.linearised.at_six": float(radii["linearised"][-1]),
        "strength.formula_gap": max(float(np.abs(radii[name] - forms[name]).max()) for name in forms),
        "strength.apart.competitive": float(alone["competitive"][-1]),
        "strength.apart.simultaneous": float(alone["simultaneous"][-1]),
    }, table(rows, ["spectral radius", *(f"α = {a:g}" for a in alphas)])


def dense_acgd(game: Game, params: Any, eta: float, steps: int) -> list[np.ndarray]:
    """Make steps of ACGD with the whole matrix of mixed derivatives and NumPy's solver; return flat parameters.

    Source: the equations in the docstring of ``rules.acgd``.
    """
    sizes = [vectors.size(own) for own in params]
    v, found = np.zeros(sum(sizes)), []
    for t in range(1, steps + 1):
        jacobian = game.jacobian(params).numpy().astype(float)
        gradient = vectors.flatten(game.gradient(params)).numpy().astype(float)
        v = 0.99 * v + 0.01 * gradient**2
        rates = np.asarray(acgd_rates(tf.constant(v), tf.constant(t), eta, 0.99, 1e-5))
        ex, ey = np.diag(rates[: sizes[0]]), np.diag(rates[sizes[0] :])
        d_xy, d_yx = jacobian[: sizes[0], sizes[0] :], jacobian[sizes[0] :, : sizes[0]]
        whole = np.block([[np.eye(sizes[0]), ex @ d_xy], [ey @ d_yx, np.eye(sizes[1])]])
        change = np.linalg.solve(whole, -rates * gradient)
        params = vectors.add(params, vectors.like(tf.constant(change, params[0][0][0].dtype), params))
        found.append(vectors.flatten(params).numpy().astype(float))
    return found


def steps_of_acgd(seed: int) -> Found:
    """Compare three steps of ``acgd`` on a game of two small networks with a dense solve, in both precisions."""
    net = mlp([3, 4, 1], "tanh")
    x = np.random.default_rng(seed).normal(size=(8, 3))
    found = {}
    for name, dtype, tolerance in (("double", tf.float64, 1e-12), ("single", tf.float32, 1e-6)):
        data = tf.constant(x, dtype)

        def losses(params, batch):
            value = tf.reduce_mean(net(params[0], batch) * tf.tanh(net(params[1], batch)))
            return value, -value

        game = Game(losses, data, zero_sum=True)
        start = (net.init(seed, tf.float64), net.init(seed + 1, tf.float64))
        params = tf.nest.map_structure(lambda leaf, to=dtype: tf.cast(leaf, to), start)
        dense = dense_acgd(Game(losses, tf.constant(x), zero_sum=True), start, 0.05, 3)
        rule = acgd(0.05, tolerance=tolerance, absolute=0.0)
        state, gap = rule.init(params), 0.0
        for want in dense:
            params, state = step(rule, game, params, state)
            got = vectors.flatten(params).numpy()
            gap = max(gap, float(np.linalg.norm(got - want) / np.linalg.norm(want)))
        found[f"acgd.{name}_gap"] = gap
    return found


def covariances(d: int, budget: int, seeds: Sequence[int]) -> tuple[Found, dict[str, Any], Table]:
    """Run the covariance game; return measurements, all runs, and a table of residuals at the budget."""
    runs = covariance.race(d, budget, covariance.RATES, seeds)
    left = {name: covariance.at_budget(run, budget) for name, run in runs.items()}
    cgd, rivals = left["CGD"], [name for name in left if name != "CGD"]
    best = {name: left[name][int(np.argmin(left[name].mean(1)))] for name in left}
    lowest = min(rivals, key=lambda name: best[name].mean())
    rows = [
        [name, *(spread(x, form=".3f") if np.isfinite(x).all() else "diverged" for x in left[name])] for name in left
    ]
    return (
        {
            f"covariance.d{d}.cgd.largest_over_next": cgd[3] / cgd[2],
            f"covariance.d{d}.cgd.next_over_smallest": cgd[2] / cgd[0],
            f"covariance.d{d}.rivals_at_largest": np.sum([left[name][3] < 1 for name in rivals], 0),
            f"covariance.d{d}.cgd_over_best_rival": best["CGD"] / best[lowest],
        },
        runs,
        table(rows, ["residual over the start's", *(f"η = {eta:g}" for eta in covariance.RATES)]),
    )


def projection(steps: int, every: int, seeds: Sequence[int]) -> tuple[Found, np.ndarray]:
    """Run the toy at steps .01 and .1, simultaneous and competitive.

    Returns:
        Measurements, and theta at the records, shape [records, methods, step sizes, seeds, 2].
    """
    paths = toy.toy_runs((0.01, 0.1), steps, every, seeds)
    simultaneous, competitive = (toy.held(paths, every) >= min(1000, steps)).mean(-1)
    found = {}
    for k, name in enumerate(("small", "large")):
        found[f"toy.{name}.held_by_simultaneous"] = float(simultaneous[k])
        found[f"toy.{name}.held_by_competitive"] = float(competitive[k])
        found[f"toy.{name}.held_difference"] = float(competitive[k] - simultaneous[k])
    return found, paths


class Overtrained:
    """The experiment on images: one checkpoint a seed, what becomes of it, and what a strike does to that.

    Args:
        task: data and networks.
        joint: steps of joint training.
        steps: of the arms.
        strike: of the generator alone.
        every: steps between records.
        seeds: of the runs.
    """

    def __init__(self, task: overtraining.Task, joint: int, steps: int, strike: int, every: int, seeds: Sequence[int]):
        training = overtraining.Training(task, every)
        _, (checkpoint,) = training.run(["both, GD"], [task.starts(seeds)], joint, seeds, "joint")
        arms = list(overtraining.ARMS)
        found, ends = training.run(arms, [checkpoint] * len(arms), steps, seeds, "alone")
        self.steps = np.arange(steps // every + 1) * every
        self.records = {name: {key: x[:, k] for key, x in found.items()} for k, name in enumerate(arms)}
        fallen = self.records["both, CGD"]["loss"][-1].mean()
        self.stopped = int(np.argmax(self.records["D alone, GD"]["loss"].mean(1) <= fallen)) * every
        _, (stopped,) = training.run(["D alone, GD"], [checkpoint], self.stopped, seeds, "alone")
        names = ["checkpoint", *arms, "D alone, stopped"]
        struck, _ = training.run(["G alone"] * len(names), [checkpoint, *ends, stopped], strike, seeds, "strike")
        self.strikes = {name: struck["loss"][:, k] for k, name in enumerate(names)}

    def measurements(self, name: str) -> Found:
        """Return what the claims ask for."""
        alone, both = self.records["D alone, GD"], self.records["both, CGD"]
        found = {
            f"{name}.alone.loss_kept": alone["loss"][-1] / alone["loss"][0],
            f"{name}.alone.loss": alone["loss"][-1],
            f"{name}.both.loss_kept": both["loss"][-1] / both["loss"][0],
            f"{name}.change_ratio": alone["change"][-1] / both["change"][-1],
            f"{name}.stopped_at": self.stopped,
        }
        for loss, key in (("zero-sum", "zero_sum"), ("non-saturating", "non_saturating")):
            found[f"{name}.gradient.{key}.growth"] = alone[loss][-1] / alone[loss][0]
            found[f"{name}.gradient.{key}.summed_growth"] = alone[f"{loss}, summed"][-1] / alone[loss][0]
        ended = {arm: loss[-1] for arm, loss in self.strikes.items()}
        for key, arm in (("alone", "D alone, GD"), ("alone_cgd", "D alone, CGD"), ("both", "both, CGD")):
            found[f"{name}.strike.{key}_minus_checkpoint"] = ended[arm] - ended["checkpoint"]
        found[f"{name}.strike.stopped_minus_both"] = ended["D alone, stopped"] - ended["both, CGD"]
        found[f"{name}.strike.checkpoint"] = ended["checkpoint"]
        return found

    def table(self) -> Table:
        """Return losses before and after the strike, and how outputs and gradients changed."""
        rows = []
        for arm, loss in self.strikes.items():
            record = self.records.get(arm)
            change = "" if record is None else spread(record["change"][-1], form=".0f")
            rows.append([arm, spread(loss[0], form=".2f"), change, spread(loss[-1], form=".1f")])
        return table(rows, ["trained on", "loss of D", "change of outputs", "loss after the strike"])


def awareness(
    setting: gans.Setting, alphas: Sequence[float], etas: Sequence[float], steps: int, seeds: Sequence[int]
) -> tuple[Found, dict[str, np.ndarray], Table]:
    """Train with each awareness at each rate; report what is best on the other seeds."""
    hypers = np.array([(alpha, eta) for alpha in alphas for eta in etas])

    def make(hyper):
        rule = gans.adaptive_awareness(hyper[1], hyper[0])
        return counted(rule, lambda state: 4 + 2 * state.iterations)

    def train():
        run = setting.run({"aware": make}, hypers, {"aware": steps}, seeds, 8)["aware"]
        late = {key: value[-3:].mean(0) for key, value in gans.quality(run["samples"], setting.mixture).items()}
        return {**late, "cost": run["units"][-1] / 2 / steps}

    depends = {"setting": setting, "hypers": hypers, "steps": steps, "seeds": list(seeds)}
    shape = (len(alphas), len(etas), len(seeds))
    late = {key: value.reshape(shape) for key, value in cached("awareness-ring", depends, train).items()}
    chosen = {key: chosen_by(late["w1"], value) for key, value in late.items()}
    middle = alphas.index(0.5)
    rows = [
        [
            f"{alpha:g}",
            *(
                spread(chosen[key][k], form=form)
                for key, form in (("w1", ".3f"), ("modes", ".1f"), ("sharp", ".2f"), ("cost", ".1f"))
            ),
        ]
        for k, alpha in enumerate(alphas)
    ]
    return (
        {
            "ring.half_minus_full": chosen["w1"][middle] - chosen["w1"][alphas.index(1.0)],
            "ring.half_minus_none": chosen["w1"][middle] - chosen["w1"][alphas.index(0.0)],
        },
        chosen,
        table(rows, ["awareness", "sliced W₁", "modes of 8", "good samples", "gradients a step"]),
    )


def chosen_by(scores: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return for each method and seed the value at the setting whose score is best on the other seeds.

    Args:
        scores: shape [methods, settings, seeds].
        values: likewise.
    """
    seeds = np.arange(scores.shape[2])
    return np.stack([v[leave_one_out(s), seeds] for s, v in zip(scores, values, strict=True)])


def cost_of_acgd(setting: gans.Setting, eta: float, steps: int, seeds: Sequence[int]) -> np.ndarray:
    """Return gradients a step of ACGD at the package's tolerance, one for each seed."""
    makers = {"ACGD": lambda hyper: counted(acgd(hyper), one_sided)}
    run = setting.run(makers, np.array([eta]), {"ACGD": steps}, seeds, 1)["ACGD"]
    return run["units"][-1, 0] / 2 / steps


def tuned_alike(
    setting: gans.Setting, name: str, rates: Sequence[float], budget: int, seeds: Sequence[int]
) -> dict[str, np.ndarray]:
    """Train one contender at several rates, and measure it at a budget of gradient units.

    A method whose steps cost what they need (ACGD) makes as many steps as the budget allows at eight units each, and is
    read at the last record within the budget.

    Returns:
        "modes", "sharp" and "w1", each of shape [rates, seeds].
    """
    steps = {name: budget // gans.UNITS[name]}
    run = setting.run({name: gans.contenders()[name]}, np.array(rates), steps, seeds, 20)[name]
    last = np.maximum((run["units"] <= 1.001 * budget).sum(0) - 1, 0)
    return gans.quality(np.take_along_axis(run["samples"], last[None, ..., None, None], 0)[0], setting.mixture)
