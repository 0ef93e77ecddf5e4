"""Does the drift factor survive minibatches, and clients that are drawn at random? Runs about exact fixed points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from descent.evidence.cache import cached
from descent.experiments.momentum_federated_learning.data import deal, quadratics, smoothness
from descent.experiments.momentum_federated_learning.exact import round_map
from descent.games import Game
from descent.problems.clients import Clients, client_minibatches, clients_game
from descent.quiet import tf
from descent.randomness import draw_seed
from descent.rules import federated, momentum
from descent.sweep import Sweep

CLIENTS = 8  # of one size, so that a mean over clients that are drawn is unbiased


def equal_deal(dataset: str, images: int, seed: int) -> Clients:
    """Return one deal by label to eight clients of one size; images is a multiple of eight."""
    return deal(dataset, images, "label", seed, shares=(1,) * CLIENTS)


def drawn_clients(rounds: int, taking_part: int, seed: int) -> np.ndarray:
    """Return who takes part, drawn at random but each client equally often in the whole run; [rounds, clients].

    That each comes equally often takes the largest part out of the scatter of a run's mean, and nothing else.

    Args:
        rounds: a multiple of clients / taking_part.
        taking_part: of eight clients; a divisor.
        seed: gives it.
    """
    generator = np.random.default_rng([int(x) for x in draw_seed(seed, "clients of a round").numpy()])
    blocks = rounds * taking_part // CLIENTS
    groups = generator.random((blocks, CLIENTS)).argsort(1).reshape(-1, taking_part)
    present = np.zeros((rounds, CLIENTS))
    np.put_along_axis(present, generator.permutation(groups), 1.0, 1)
    return present


def relative_ratios(
    held: Clients,
    decay: float,
    product: float,
    gamma: float,
    tau: int,
    rounds: int,
    seeds: Sequence[int],
    batch: int | None = None,
    taking_part: int | None = None,
) -> np.ndarray:
    """Return the ratio of mean biases, MFL's over FedAvg's at the matched step, over the exact ratio, minus 1.

    Least squares, from the exact fixed points; the first tenth of the rounds is left out. A bias is the component of
    grad F at the mean of the rounds' ends along the exact one.

    Args:
        held: one deal to clients of one size.
        decay, product, gamma, tau: as in ``drift``.
        rounds: of each run.
        seeds: one run of each method from each.
        batch: examples a step, or None for all.
        taking_part: clients a round, or None for all.

    Returns:
        Shape [seeds].
    """
    settings: dict[str, Any] = {
        "held": held._asdict(),
        "numbers": [decay, product, gamma, tau, rounds],
        "seeds": list(seeds),
    }
    settings |= {"batch": batch, "taking_part": taking_part}

    def compute() -> dict[str, np.ndarray]:
        return {"ratios": _ratios(held, decay, product, gamma, tau, rounds, seeds, batch, taking_part)}

    return cached("federated-noise", settings, compute)["ratios"]


def _ratios(
    held: Clients,
    decay: float,
    product: float,
    gamma: float,
    tau: int,
    rounds: int,
    seeds: Sequence[int],
    batch: int | None,
    taking_part: int | None,
) -> np.ndarray:
    hessians, slopes, p = quadratics(held, decay)
    hessian, slope = np.tensordot(p, hessians, 1), p @ slopes
    effective = product / float(smoothness(held, "linear", decay))
    gammas = np.repeat([gamma, 0.0], len(seeds))
    exact = [round_map(hessians, slopes, p, (1 - g) * effective, g, tau).fixed_point for g in (gamma, 0.0)]
    drawn: Any = np.zeros((2 * len(seeds), 0))
    if taking_part is not None:
        drawn = np.tile([drawn_clients(rounds, taking_part, seed) for seed in seeds], (2, 1, 1))

    def rule(h: Any) -> Any:
        present = None if taking_part is None else h[1]
        return federated(momentum((1 - h[0]) * effective, h[0]), tau, weights=held.weights, present=present)

    game = clients_game(held, "linear", decay) if batch else _quadratic_game(hessians, slopes)
    draw = client_minibatches(held, batch) if batch else None
    sweep = Sweep(
        game, {"rounds": rule}, lambda params, state, game: params[0][0], tau, jit_compile=batch is None, batch=draw
    )
    start = np.repeat(np.repeat(np.array(exact), len(seeds), 0)[:, None], CLIENTS, 1)
    hypers = tf.constant(gammas), tf.constant(drawn)
    found = sweep.run(hypers, (tf.constant(start),), rounds + 1, seeds=np.tile(np.asarray(seeds), 2))["rounds"].numpy()
    means = found[1 + rounds // 10 :].mean(0).reshape(2, len(seeds), -1)
    shares = []
    for w, own in zip(exact, means, strict=True):
        bias = hessian @ w - slope
        shares.append((own @ hessian - slope) @ bias / (bias @ bias))
    return shares[0] / shares[1] - 1


def _quadratic_game(hessians: np.ndarray, slopes: np.ndarray) -> Game:
    """Return the game of least squares by its Hessians, which is cheaper than by examples."""
    h, b = tf.constant(hessians), tf.constant(slopes)

    def losses(params: tuple[tf.Tensor, ...], batch: object) -> tuple[tf.Tensor]:
        w = params[0]
        return (tf.reduce_sum(0.5 * w * tf.einsum("ide,ie->id", h, w) - b * w),)

    return Game(losses)
