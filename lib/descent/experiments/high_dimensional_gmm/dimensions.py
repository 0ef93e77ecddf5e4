"""How well adversarial networks learn mixtures of K Gaussians in d dimensions, by method, rate and seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from descent.evidence.cache import Arrays, cached
from descent.experiments.high_dimensional_gmm.lanes import LanedGAN
from descent.measures.modes import modes, sliced_w1
from descent.measures.selection import leave_one_out
from descent.measures.spectrum import within_mode_error
from descent.problems.mixtures import Mixture, good_radius
from descent.rules.base import Rule
from descent.vectors import Scalar

MEASURES = ("covered", "near", "good", "within", "sliced")
HIGHER_IS_BETTER = ("covered", "near", "good")


def measures(x: np.ndarray, mixture: Mixture, data: np.ndarray) -> dict[str, float]:
    """Return what is measured of samples x, shape [n, d], against a mixture and as many samples of it, ``data``.

    Returns:
        covered: share of the modes that hold at least a quarter of their fair share of good samples;
        near: the same with twice the radius, half way to the next centre;
        good: share of good samples;
        within: ``within_mode_error``;
        sliced: ``sliced_w1`` to the data.
    """
    strict, wide = modes(x, mixture), modes(x, mixture, 2 * good_radius(mixture.dimension))
    return {
        "covered": strict.quarter / mixture.modes,
        "near": wide.quarter / mixture.modes,
        "good": strict.good,
        "within": within_mode_error(x, mixture),
        "sliced": sliced_w1(x, data),
    }


def learn(
    experiment: LanedGAN,
    folder: Path,
    name: str,
    make_rule: Callable[[Scalar], Rule],
    steps: int,
    pictured: int = 512,
) -> Arrays:
    """Train all lanes of an experiment and measure them at the end; from disk if the same code has done so before.

    Args:
        experiment: mixtures, rates, seeds and networks.
        folder: where results are kept.
        name: of the method, for the file.
        make_rule: ``learning rate -> rule``.
        steps: how many steps.
        pictured: samples per lane in ``picture``.

    Returns:
        Each of ``MEASURES`` [mixtures, rates, seeds]; stopped, likewise: whether the lane diverged, and was measured
        where it last was finite; picture [mixtures, rates, seeds, pictured, 2], samples seen along the first two
        ``picture_axes``; seconds.
    """

    def compute() -> Arrays:
        result = experiment.run(make_rule, steps, every=steps)
        final = np.clip(
            np.nan_to_num(result["samples"][-1], nan=1e6), -1e6, 1e6
        )  # what a stopped lane makes may overflow
        data = [m.sample(np.array([0, 1]), experiment.samples).numpy() for m in experiment.mixtures]
        found = {key: np.zeros(final.shape[:3]) for key in MEASURES}
        for lane in np.ndindex(final.shape[:3]):
            for key, value in measures(final[lane], experiment.mixtures[lane[0]], data[lane[0]]).items():
                found[key][lane] = value
        picture = [x[:, :, :pictured] @ picture_axes(m) for x, m in zip(final, experiment.mixtures, strict=True)]
        return {
            **found,
            "stopped": result["stopped"],
            "picture": np.stack(picture).astype(np.float32),
            "seconds": result["seconds"],
        }

    kind = f"{experiment.dimension}d-{'-'.join(str(m.modes) for m in experiment.mixtures)}"
    rules = [make_rule(rate) for rate in experiment.rates]
    settings = {"experiment": experiment, "rules": rules, "run": [steps, pictured]}
    return cached(f"learn-{name}-{kind}-{steps}", settings, compute, folder)


def picture_axes(mixture: Mixture) -> np.ndarray:
    """Return two orthonormal axes, shape [d, 2], along which the centres spread most."""
    centres = mixture.centres - mixture.centres.mean(0)
    return np.linalg.svd(centres, full_matrices=True)[2][:2].T


def best_of(runs: Mapping[str, Arrays], names: Sequence[str], mixture: int, measure: str) -> np.ndarray:
    """Return what the best of some methods, at its best rate, reaches: method and rate chosen on the other seeds.

    Args:
        runs: method -> what ``learn`` returned.
        names: the methods to choose from.
        mixture: which of the experiment's.
        measure: one of ``MEASURES``, chosen by and returned; equals are told apart by the sliced distance.

    Returns:
        One value per seed.
    """
    value = np.concatenate([runs[name][measure][mixture] for name in names])  # [methods x rates, seeds]
    sliced = np.concatenate([runs[name]["sliced"][mixture] for name in names])
    score = (-value if measure in HIGHER_IS_BETTER else value) + 1e-6 * sliced / sliced.max()
    return value[leave_one_out(score), np.arange(value.shape[1])]
