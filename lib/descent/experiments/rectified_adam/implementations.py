"""What implementations of rectified Adam make different, each seen on one trajectory; and two identities."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from descent.games import Game
from descent.quiet import tf
from descent.rules import adam, radam, scheduled
from descent.rules.base import Rule
from descent.rules.makers import ScheduledState
from descent.rules.radam import rectification
from descent.rules.schedules import Schedule
from descent.simulate import Simulator
from descent.tables import Table, table

START, CENTRE = [-1.2, 1.0, 0.5], [0.3, -0.2, 0.1]
RATE, STEPS = 0.02, 200


def valley(decay: float = 0.0) -> Game:
    """Return a bent valley in three dimensions, float64; ``decay`` adds decay |w|^2 / 2, which is L2 decay."""

    def losses(params, batch):
        (w,) = params
        x, y, z = tf.unstack(w - CENTRE)
        penalty = decay / 2 * tf.reduce_sum(w**2)
        return (x**2 / 2 + 2 * (y - x**2) ** 2 + tf.sin(3 * z) + z**2 + penalty,)

    return Game(losses)


def path(rule: Rule, decay: float = 0.0, steps: int = STEPS) -> np.ndarray:
    """Return the iterates of a rule in the valley, shape [steps + 1, 3]; ``decay`` is L2."""
    simulator = Simulator(valley(decay), rule, record=lambda params, state, game: params[0])
    return simulator.run((tf.constant(START, tf.float64),), steps).records


def torch_path(beta2: float = 0.999, epsilon: float = 1e-8, decay: float = 0.0, steps: int = STEPS) -> np.ndarray:
    """Return the same from ``torch.optim.RAdam``, gradients and all; ``decay`` is L2, its default."""
    import torch

    w = torch.nn.Parameter(torch.tensor(START, dtype=torch.float64))
    optimiser = torch.optim.RAdam([w], RATE, (0.9, beta2), epsilon, weight_decay=decay)
    found = [w.detach().numpy().copy()]
    for _ in range(steps):
        optimiser.zero_grad()
        x, y, z = w - torch.tensor(CENTRE, dtype=torch.float64)
        (x**2 / 2 + 2 * (y - x**2) ** 2 + torch.sin(3 * z) + z**2).backward()
        optimiser.step()
        found.append(w.detach().numpy().copy())
    return np.array(found)


def identity(beta2: float = 0.999, threshold: float = 5.0, steps: int = STEPS) -> tuple[int, float]:
    """Compare RAdam with momentum, then Adam at the rate eta r_t, in the valley.

    Args:
        beta2: decay of the second moment.
        threshold: of rho_t.
        steps: of the whole run.

    Returns:
        The number of momentum steps, and the largest difference of iterates. The first steps are made anew from their
        gradients; then Adam takes over parameters and moments as they are.
    """
    k = int(np.sum(rectification(np.arange(1, 50), beta2, threshold).numpy() == 0))
    whole = path(radam(RATE, beta2=beta2, threshold=threshold), steps=steps)

    recorder = Simulator(
        valley(),
        radam(RATE, beta2=beta2, threshold=threshold),
        record=lambda params, state, game: (params[0], game.gradient(params)[0]),
    )
    first = recorder.run((tf.constant(START, tf.float64),), k)
    at, gradients = first.records
    t = np.arange(1, k + 1)[:, None]
    weights = 0.1 * 0.9 ** np.maximum(t - t.T, 0) * (t >= t.T) / (1 - 0.9**t)  # of each gradient in each m^
    momentum = np.vstack([at[:1], at[:1] - RATE * np.cumsum(weights @ gradients[:-1], axis=0)])

    def warmed(r):
        return adam(RATE * r, beta2=beta2, epsilon=1e-8)

    then = Simulator(
        valley(),
        scheduled(warmed, Schedule(lambda t: rectification(t + 1, beta2, threshold))),
        record=lambda params, state, game: params[0],
    )
    rest = then.resume(replace(first, state=ScheduledState(first.state.t, first.state)), steps - k).records
    return k, float(max(np.abs(momentum - whole[: k + 1]).max(), np.abs(rest - whole[k:]).max()))


def differences() -> dict[str, float]:
    """Return how far each choice leads from PyTorch's defaults, the largest distance of iterates over 200 steps."""

    def apart(one: Rule, other: Rule, decay: float = 0.0) -> float:
        return float(np.linalg.norm(path(one) - path(other, decay), axis=1).max())

    torch_like = radam(RATE)
    return {
        "threshold": apart(radam(RATE, threshold=4.0), torch_like),
        "skipping": apart(radam(RATE, first_steps="skip"), torch_like),
        "epsilon": apart(radam(RATE, epsilon_in="corrected v"), torch_like),
        "large_epsilon": apart(radam(RATE, epsilon=1e-3, epsilon_in="corrected v"), radam(RATE, epsilon=1e-3)),
        "decay": apart(radam(RATE, weight_decay=0.1), torch_like, decay=0.1),
    }


def choices(found: dict[str, float]) -> Table:
    """Return who chose what, and what each choice did, as ``differences`` found it."""
    plain = "momentum"
    rows = [
        ["Liu et al. 2020, the paper", "ρ > 4", "–", plain, "–", f"threshold: {found['threshold']:.1e}"],
        ["authors' code, October 2019", "ρ ≥ 5", "v", plain, "decoupled", f"decay: {found['decay']:.1e}"],
        ["authors' code, later", "ρ ≥ 5", "v", "no step, no decay", "decoupled", f"skipping: {found['skipping']:.1e}"],
        ["PyTorch 2.13", "ρ > 5", "v", plain, "L2, or decoupled", "the reference"],
        ["Optax", "ρ ≥ 5, argument", "corrected v", plain, "none", f"epsilon: {found['epsilon']:.1e}"],
        ["keras-radam 0.17", "ρ ≥ 5", "corrected v", plain, "decoupled", f"at ε = 1e-3: {found['large_epsilon']:.1e}"],
    ]
    head = [
        "",
        "adaptive from",
        "ε added to the root of",
        "first steps",
        "weight decay",
        "its choice moves the path by",
    ]
    return table(rows, head)
