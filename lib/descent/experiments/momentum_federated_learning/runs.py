"""Runs of federated methods on digits and other images: methods x steps x momentum as lanes, seeds side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from descent.evidence.cache import cached
from descent.experiments.momentum_federated_learning.data import Skew, deals
from descent.experiments.momentum_federated_learning.drift import minimisers
from descent.measures.selection import Tuning, leave_one_out, tune_alike
from descent.problems.clients import Clients, Loss, central_loss, clients_game
from descent.quiet import tf
from descent.rules import chain, federated, gradient_descent, momentum, scaffold
from descent.rules.base import Rule
from descent.sweep import Sweep

SKEWS: tuple[Skew, Skew] = ("iid", "label")


class Setting(NamedTuple):
    """A lane: step size, momentum, steps in a round."""

    eta: float
    gamma: float = 0.0
    tau: int = 4


def methods(weights: Any) -> dict[str, Callable[[Any], Rule]]:
    """Return name -> rule of a ``Setting``, each as composition of the house's rules.

    Args:
        weights: p_i.
    """
    own = {"weights": weights}
    return {
        "fedavg": lambda h: federated(gradient_descent(h.eta), h.tau, **own),
        "mfl": lambda h: federated(momentum(h.eta, h.gamma), h.tau, **own),
        "reset": lambda h: federated(momentum(h.eta, h.gamma), h.tau, "reset", **own),
        "local": lambda h: federated(momentum(h.eta, h.gamma), h.tau, "local", **own),
        "unweighted": lambda h: federated(momentum(h.eta, h.gamma), h.tau),
        "fedavgm": lambda h: federated(gradient_descent(h.eta), h.tau, server=momentum(1.0, h.gamma), **own),
        "scaffold": lambda h: chain(scaffold(h.tau, **own), federated(gradient_descent(h.eta), h.tau, **own)),
    }


VECTORS = {"fedavg": 1, "mfl": 2, "reset": 1, "local": 1, "unweighted": 2, "fedavgm": 1, "scaffold": 2}


def bytes_sent(vectors: int, numbers: int, clients: int, rounds: int = 1, width: int = 8) -> int:
    """Return the bytes of rounds through a server: so many vectors up from each client, and as many down to it.

    Args:
        vectors: sent each way: the weights, and the momentum or the variates where they are shared.
        numbers: in a vector.
        clients: that are not on the server's own machine.
        rounds: made.
        width: bytes of a number.
    """
    return 2 * vectors * numbers * clients * rounds * width


@dataclass(frozen=True)
class Study:
    """What is run.

    Args:
        dataset: of ``problems.images``.
        images: on all clients together.
        decay: of the penalty decay |w|^2 / 2.
        steps: of each run, a multiple of four.
        seeds: give images and deals.
    """

    dataset: str
    images: int
    decay: float
    steps: int
    seeds: tuple[int, ...]

    def of(self, steps: int) -> Study:
        """Return the same with another number of steps."""
        return replace(self, steps=steps)

    def held(self, skews: Sequence[Skew] = SKEWS) -> Clients:
        """Return the deals, skews x seeds, the seeds of the first skew first."""
        return deals(self.dataset, self.images, skews, self.seeds)

    def run(
        self, loss: Loss, lanes: Mapping[str, Sequence[Setting]], skews: Sequence[Skew] = SKEWS, every: int = 4
    ) -> dict[str, np.ndarray]:
        """Return method -> F at the clients' average, every so many steps; [records, lanes, skews, seeds].

        Of this data set, loss and list of lanes it is computed once.

        Args:
            loss: of ``clients_game``.
            lanes: method -> settings, as many for each.
            skews: of the deals.
            every: steps from one record to the next.
        """
        settings = {"study": self, "loss": loss, "lanes": dict(lanes), "skews": tuple(skews), "every": every}
        return cached(f"federated-{self.dataset}-{loss}", settings, lambda: self._run(loss, lanes, tuple(skews), every))

    def _run(
        self, loss: Loss, lanes: Mapping[str, Sequence[Setting]], skews: Sequence[Skew], every: int
    ) -> dict[str, np.ndarray]:
        # tensors: a compiled program holds on to them, and would hold copies of arrays
        held = Clients(*(tf.constant(leaf) for leaf in self.held(skews)))
        p, rules = tf.constant(held.weights, tf.float64), methods(held.weights)

        def record(params: tuple[tf.Tensor, ...], state: Any, game: Any) -> tf.Tensor:
            return central_loss(tf.reduce_sum(p[..., None] * params[0], 0), held, loss, self.decay)

        found = {}
        for name, settings in lanes.items():
            sweep = Sweep(clients_game(held, loss, self.decay), {name: rules[name]}, record, every)
            hypers = Setting(
                tf.constant([s.eta for s in settings], tf.float64),
                tf.constant([s.gamma for s in settings], tf.float64),
                tf.constant([s.tau for s in settings]),
            )
            starts = tuple(tf.repeat(w[None], len(settings), 0) for w in held.start())
            losses = sweep.run(hypers, starts, self.steps // every + 1)[name].numpy()
            found[name] = losses.reshape(*losses.shape[:2], len(skews), len(self.seeds))
        return found

    def least(self, loss: Loss) -> np.ndarray:
        """Return min F of each seed's images, which no deal changes, shape [seeds]."""

        def compute() -> dict[str, np.ndarray]:
            held = self.held(("iid",))
            best = minimisers(held, loss, self.decay)
            return {"least": central_loss(tf.constant(best), held, loss, self.decay).numpy()}

        return cached(f"federated-least-{self.dataset}-{loss}", {"study": self, "loss": loss}, compute)["least"]


def first_below(curve: np.ndarray, level: float) -> float:
    """Return where a falling curve first meets a level, in records, linear between them; infinite if it never does."""
    below = np.flatnonzero(curve <= level)
    if not len(below):
        return np.inf
    k = below[0]
    return 0.0 if k == 0 else float(k - (level - curve[k]) / (curve[k - 1] - curve[k]))


@dataclass(frozen=True, eq=False)
class OneStep:
    """Runs at one step size: FedAvg, FedAvg at the matched steps, and MFL with its variants; and long rounds.

    Args:
        gammas: of the momentum.
        losses: method -> F, [records, lanes, skews, seeds]; FedAvg's first lane is that of eta, then matched ones.
        long_gammas: of runs with long rounds and a large step.
        long: their last loss, data dealt by label, [gammas, seeds].
    """

    gammas: tuple[float, ...]
    losses: Mapping[str, np.ndarray]
    long_gammas: tuple[float, ...]
    long: np.ndarray

    @classmethod
    def make(
        cls,
        study: Study,
        loss: Loss,
        eta: float,
        gammas: Sequence[float],
        variants: bool = False,
        long: tuple[float, int] = (1.0, 50),
        long_gammas: Sequence[float] = (0.0, 0.5, 0.7, 0.9),
    ) -> OneStep:
        """Run it for one loss; without momentum MFL is FedAvg, so both are lanes of one program.

        Args:
            study: data, seeds and number of steps.
            loss: of ``clients_game``.
            eta: the small step.
            gammas: of the momentum.
            variants: by label, with the last gamma: momentum reset, or kept local, and averages that ignore sizes.
            long: step size, and steps in a round, of the long rounds.
            long_gammas: of those.
        """
        plain = [Setting(eta), *(Setting(eta / (1 - gamma)) for gamma in gammas)]
        fast = [Setting(eta, gamma) for gamma in gammas]
        far = [Setting(long[0], gamma, long[1]) for gamma in long_gammas]
        found = dict(study.run(loss, {"mfl": [*plain, *fast, *far]}))
        if variants:
            found |= study.run(loss, dict.fromkeys(("reset", "local", "unweighted"), fast[-1:]), ("label",))
        parts = np.split(found["mfl"], [len(plain), len(plain) + len(fast)], axis=1)
        losses = found | {"fedavg": parts[0], "mfl": parts[1]}
        return cls(tuple(gammas), losses, tuple(long_gammas), parts[2][-1, :, SKEWS.index("label")])

    def speedups(self, skew: int, gamma: float) -> np.ndarray:
        """Return how many times fewer rounds MFL needs to FedAvg's last loss, times (1 - gamma), shape [seeds]."""
        plain, fast = self.losses["fedavg"][:, 0, skew], self.losses["mfl"][:, self.gammas.index(gamma), skew]
        rounds = len(plain) - 1
        meets = [first_below(fast[:, k], plain[-1, k]) for k in range(plain.shape[1])]
        return (1 - gamma) * rounds / np.array(meets)

    def matched(self, skew: int, gamma: float) -> np.ndarray:
        """Return the last loss of FedAvg at the matched step over MFL's, minus 1, shape [seeds]."""
        lane = self.gammas.index(gamma)
        return self.losses["fedavg"][-1, 1 + lane, skew] / self.losses["mfl"][-1, lane, skew] - 1

    def against_averaged(self, variant: str) -> np.ndarray:
        """Return the last loss of a variant minus that of MFL with the last gamma, data dealt by label, [seeds]."""
        return self.losses[variant][-1, 0, 0] - self.losses["mfl"][-1, -1, SKEWS.index("label")]

    def measurements(self, loss: Loss, prefix: str = "") -> dict[str, np.ndarray]:
        """Return what claims ask for."""
        found = {}
        for k, skew in enumerate(SKEWS):
            for gamma in self.gammas:
                tag = f"{loss}.{skew}.{gamma:g}".replace("0.", "0")
                found[f"{prefix}speedup.{tag}"] = self.speedups(k, gamma)
                found[f"{prefix}matched.{tag}"] = self.matched(k, gamma)
        return found


@dataclass(frozen=True, eq=False)
class Race:
    """Four methods on data dealt by label, their step tuned on as many trials each.

    Args:
        etas: tried, the same for all.
        gaps: method -> F - min F after each round, [records, etas, seeds].
    """

    etas: np.ndarray
    gaps: Mapping[str, np.ndarray]

    @classmethod
    def make(cls, study: Study, loss: Loss, etas: np.ndarray, gamma: float) -> Race:
        """Run it."""
        lanes = {name: [Setting(float(eta), gamma) for eta in etas] for name in RACERS}
        found = study.run(loss, lanes, ("label",))
        least = study.least(loss)
        return cls(etas, {name: losses[:, :, 0] - least for name, losses in found.items()})

    def decades(self, name: str, rounds: int) -> np.ndarray:
        """Return log10 of the gap after so many rounds for each trial, infinite if it diverged; [etas, seeds]."""
        gap = self.gaps[name][rounds]
        return np.where(np.isfinite(gap), np.log10(np.maximum(np.where(np.isfinite(gap), gap, 1.0), 1e-14)), np.inf)

    def tuned(self, name: str, rounds: int) -> np.ndarray:
        """Return log10 of the gap at the step that is best on the other seeds, shape [seeds]."""
        scores = np.minimum(self.decades(name, rounds), 100.0)  # a number, for sums without infinity
        return scores[leave_one_out(scores), np.arange(scores.shape[1])]

    def trials(self, rounds: Mapping[str, int]) -> dict[str, Tuning]:
        """Return all trials of all methods, after each method's number of rounds."""
        return tune_alike({name: (list(self.etas), self.decades(name, n)) for name, n in rounds.items()})

    @property
    def rounds(self) -> int:
        """Return how many rounds were made."""
        return len(next(iter(self.gaps.values()))) - 1

    def budget(self, unit: str) -> dict[str, int]:
        """Return method -> rounds, as many for all ("rounds"), or as many as cost the same bytes ("bytes")."""
        return {name: self.rounds // (VECTORS[name] if unit == "bytes" else 1) for name in self.gaps}

    def costs(self, level: float, numbers: int, clients: int) -> dict[str, list[float | None]]:
        """Return method -> best step, rounds to a gap, gradients of a client and kB until then; means, the step tuned.

        Args:
            level: of the gap; None stands for the costs of runs that do not all reach it.
            numbers: weights of one client.
            clients: that send.
        """
        found: dict[str, list[float | None]] = {}
        for name, trial in self.trials(self.budget("rounds")).items():
            gaps = self.gaps[name][:, trial.chosen]
            rounds = float(np.mean([np.ceil(first_below(gaps[:, k], level)) for k in range(gaps.shape[1])]))
            sent = bytes_sent(VECTORS[name], numbers, clients) * rounds / 1e3
            costs = [rounds, 4 * rounds, sent]
            found[name] = [float(trial.best), *(cost if np.isfinite(cost) else None for cost in costs)]
        return found

    def measurements(self, prefix: str = "") -> dict[str, Any]:
        """Return what claims ask for: decades that MFL is ahead, by rounds and by bytes, and the chosen steps."""
        found: dict[str, Any] = {}
        for unit in ("rounds", "bytes"):
            budget = self.budget(unit)
            ends = {name: self.tuned(name, n) for name, n in budget.items()}
            for name, trial in self.trials(budget).items():
                found[f"{prefix}tuned.{unit}.step.{name}"] = trial.best
                found[f"{prefix}tuned.{unit}.edge.{name}"] = float(trial.at_edge)
                found[f"{prefix}tuned.{unit}.gap.{name}"] = ends[name]
                if name != "mfl":
                    found[f"{prefix}tuned.{unit}.{name}"] = ends[name] - ends["mfl"]
        return found


RACERS = {"fedavg": "FedAvg", "mfl": "MFL", "fedavgm": "FedAvgM", "scaffold": "SCAFFOLD"}
