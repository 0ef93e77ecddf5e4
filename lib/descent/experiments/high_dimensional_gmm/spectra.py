"""A generative adversarial network that learns one Gaussian: the spectrum of what it makes, over training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from descent.evidence.cache import Arrays, cached
from descent.experiments.sga_vs_gmm.mixture_gan import MixtureGAN
from descent.measures.spectrum import eigenvalues
from descent.problems.mixtures import Mixture
from descent.rules.base import Rule


def standard_gaussian_gan(dimension: int = 75, width: int = 200, samples: int = 10000) -> MixtureGAN:
    """Return the experiment of a GAN on a standard Gaussian, published in 75 dimensions.

    Args:
        dimension: of the data.
        width: units of the two hidden layers of each network.
        samples: how many generated samples each spectrum is estimated from.

    Source: the authors' notebook for Letcher et al. 2019 (z of 200 coordinates, batches of 64).
    """
    return MixtureGAN(
        mixture=Mixture(np.zeros((1, dimension)), 1.0),
        depth=2,
        width=width,
        latent=200,
        batch=64,
        stratified=False,
        samples=samples,
    )


def spectra(
    experiment: MixtureGAN,
    folder: Path,
    name: str,
    make_rule: Callable[[float], Rule],
    eta: float,
    steps: int,
    every: int,
    seed: int,
) -> Arrays:
    """Train and return spectra, from disk if the same code has made them before.

    Args:
        experiment: networks and data.
        folder: where results are kept.
        name: of the rule, for the file.
        make_rule: ``learning rate -> rule``.
        eta: learning rate.
        steps: how many steps.
        every: steps between records, a divisor of steps.
        seed: gives the start, every batch, and the latents of the records.

    Returns:
        steps [r]; eigenvalues [r, d] of the generated covariance, largest first; mean [r, d], of the samples; losses
        [r, 2], the generator's and the discriminator's; seconds_per_step.
    """
    rule = make_rule(eta)

    def compute() -> Arrays:
        result = experiment.run(rule, steps, every, seed)
        samples = result.pop("samples")
        return {
            **result,
            "eigenvalues": np.array([eigenvalues(x) for x in samples]),
            "mean": samples.mean(1, dtype=np.float64),
        }

    settings = {"experiment": experiment, "rule": rule, "run": [steps, every, seed]}
    return cached(f"spectra-{name}-{eta:g}-{steps}-{seed}", settings, compute, folder)
