"""What a step that does not know its horizon loses to the best constant step for each horizon."""

from collections.abc import Sequence

import numpy as np

from descent.experiments.stationary_points import constant_step
from descent.experiments.stationary_points.energies import ANYTIME, Recursion
from descent.experiments.stationary_points.worst_case import by_step

AGAINST = {"last": constant_step.last_iterate, "average_squares": constant_step.average_of_squares}


def anytime_ratios(recursion: Recursion, horizons: Sequence[int]) -> dict[tuple[str, str], np.ndarray]:
    """Return (criterion, schedule) -> worst case over that of the best constant step, shape [horizons].

    Args:
        recursion: of the schedules in ``ANYTIME``.
        horizons: increasing; one run serves them all. Each schedule has *one* step size for all of them, the one whose
            largest ratio is smallest.
    """
    moments = recursion.run(max(horizons), np.r_[0, horizons])
    ratios = {}
    for criterion, value in AGAINST.items():
        best = np.array([constant_step.best_step(value, horizon)[0] for horizon in horizons])
        for s, schedule in enumerate(ANYTIME):
            by = np.array([by_step(moments, criterion, s, at=1 + i) for i in range(len(horizons))]) / best[:, None]
            ratios[criterion, schedule] = by[:, np.argmin(by.max(0))]
    return ratios
