"""Four methods in families of sixteen members each, so that every method is tuned over as many settings."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from descent.problems.constraints import Region
from descent.rules import Rule, chain
from descent.rules.frank_wolfe import decay, frank_wolfe, projected_gradient, recursive_average, running_average

SCALES = (0.5, 1.0, 2.0, 4.0)
PAIRS = np.array(list(itertools.product(SCALES, SCALES)))  # scale of rho, scale of eta
RATES = np.array(list(itertools.product((0.5, 1.0), np.geomspace(0.01, 3.0, 8))))  # power and scale of eta
SETTINGS = {"one_sample": PAIRS, "momentum": PAIRS, "storm": RATES, "projected": RATES}
GRADIENTS = {"one_sample": 2, "momentum": 1, "storm": 2, "projected": 1}  # a step


def families(region: Region) -> dict[str, Callable[[Any], Rule]]:
    """Return name -> ``hyper -> Rule``; hyper is a row [2] of ``SETTINGS[name]``, for all names in one dictionary."""
    return {
        "one_sample": lambda h: chain(
            recursive_average(decay(h["one_sample"][0])), frank_wolfe(region, decay(h["one_sample"][1]))
        ),
        "momentum": lambda h: chain(
            running_average(decay(h["momentum"][0], 8.0, 2 / 3)), frank_wolfe(region, decay(h["momentum"][1]))
        ),
        "storm": lambda h: chain(
            recursive_average(decay()), projected_gradient(region, decay(h["storm"][1], 0.0, h["storm"][0]))
        ),
        "projected": lambda h: projected_gradient(region, decay(h["projected"][1], 0.0, h["projected"][0])),
    }
