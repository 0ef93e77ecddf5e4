"""What is measured on a run of ``MixtureGAN``: coverage, sharpness, distance from the data, and how they went."""

from __future__ import annotations

import numpy as np

from descent.evidence.cache import Arrays
from descent.measures.modes import mmd_squared, modes, sliced_w1
from descent.problems.mixtures import Mixture

BANDWIDTHS = (0.1, 0.3, 1.0)
MMD_SAMPLES = 1024  # its cost is quadratic

COLUMNS = {  # key in ``measures`` -> heading, format
    "modes_seen": ("modes seen", ".0f"),
    "modes_any": ("any good", ".0f"),
    "modes_quarter": ("¼ good", ".0f"),
    "good": ("good", ".1%"),
    "reverse_kl": ("reverse KL", ".3f"),
    "mmd2": ("MMD²", ".4f"),
    "sliced_w1": ("sliced W₁", ".3f"),
}


def seen(samples: np.ndarray, mixture: Mixture, radius: float = 0.25) -> np.ndarray:
    """Say which modes a density plot would show: those with a quarter of their fair share of samples within a radius.

    Args:
        samples: shape [n, d].
        mixture: what they should be samples of.
        radius: in units of the samples; .25 is a quarter of the way between neighbours on the published grid.

    Returns:
        Booleans, shape [K].
    """
    return modes(samples, mixture, radius / mixture.std).counts >= len(samples) / mixture.modes / 4


def measures(samples: np.ndarray, data: np.ndarray, mixture: Mixture) -> dict[str, float]:
    """Measure a sample by itself and against fresh data.

    Args:
        samples: shape [n, 2]; coordinates beyond a thousand count as a thousand, so that the generators of runs that
            diverge have finite measures.
        data: exact samples, of the same shape.
        mixture: their law.

    Returns:
        The keys of ``COLUMNS``. "seen" is ``seen`` above, the rest as in ``samples``, with kernels of BANDWIDTHS.
    """
    samples = np.clip(np.nan_to_num(samples), -1e3, 1e3)
    close = modes(samples, mixture)
    return {
        "modes_seen": float(seen(samples, mixture).sum()),
        "modes_any": float(close.any),
        "modes_quarter": float(close.quarter),
        "good": close.good,
        "reverse_kl": close.reverse_kl,
        "mmd2": mmd_squared(samples[:MMD_SAMPLES], data[:MMD_SAMPLES], BANDWIDTHS),
        "sliced_w1": sliced_w1(samples, data),
    }


def course(run: Arrays, mixture: Mixture) -> dict[str, float]:
    """Summarise how a run went.

    Args:
        run: of ``MixtureGAN``.
        mixture: its data's law.

    Returns:
        modes_most: the most modes seen at one record; modes_forgotten: how often a mode seen at one record was not
        seen at the next; steps_to_all: the first record that saw all, or one record more than there are;
        generator_loss, discriminator_loss: means over the last tenth of the steps.
    """
    by_record = np.array([seen(samples, mixture) for samples in run["samples"]])
    steps, all_seen = run["steps"], by_record.all(axis=1)
    late = steps > 0.9 * steps[-1] if steps[-1] else steps == 0
    never = 2 * steps[-1] - steps[-2] if len(steps) > 1 else 1
    return {
        "modes_most": float(by_record.sum(axis=1).max()),
        "modes_forgotten": float(np.sum(by_record[:-1] & ~by_record[1:])),
        "steps_to_all": float(steps[all_seen.argmax()] if all_seen.any() else never),
        "generator_loss": float(run["losses"][late, 0].mean()),
        "discriminator_loss": float(run["losses"][late, 1].mean()),
    }


def balanced(run: Arrays, tolerance: float = 0.05) -> int | None:
    """Return the first record at which both losses are back at their values at the equilibrium, ln 2 and 2 ln 2.

    Args:
        run: of ``MixtureGAN``, with its default loss.
        tolerance: in nats.

    Returns:
        Index of the record; None if there is none. Untrained networks can't tell either, so the losses must have been
        elsewhere before.
    """
    close = (np.abs(run["losses"] - np.log(2) * np.array([1, 2])) < tolerance).all(axis=1)
    back = np.flatnonzero(close & np.logical_or.accumulate(~close))
    return int(back[0]) if back.size else None


def negative_signs(run: Arrays, d: int, epsilon: float = 0.1) -> float:
    """Return how often, at the records of a run, alignment would turn the adjustment round.

    Args:
        run: of ``MixtureGAN`` with ``alignment=True``.
        d: what the product is divided by; see ``rules.sga``.
        epsilon: what is added to it.
    """
    return float(np.mean(run["inner"].prod(axis=1) / d + epsilon < 0))
