"""What the chapter's claims ask of the table of worst cases."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from descent.experiments.stationary_points import constant_step
from descent.experiments.stationary_points.energies import SCHEDULES
from descent.experiments.stationary_points.slopes import slope
from descent.experiments.stationary_points.worst_case import WorstCase

FORMULAS = ("classical_bound", "average_of_squares", "last_iterate", "last_iterate_moving_noise")
FROM = 4096  # slopes are fitted from this T on
Tables = Iterable[Mapping[tuple[str, str], WorstCase]]


def values(tables: Tables, criterion: str, schedule: str = "constant", field: str = "value") -> np.ndarray:
    """Return one entry of the tables at all horizons, squared, shape [horizons]."""
    return np.array([getattr(table[criterion, schedule], field) for table in tables])


def best_formulas(horizons: Sequence[int]) -> dict[str, np.ndarray]:
    """Return the closed forms for constant steps, each at its own best step, shape [horizons]."""
    return {
        name: np.array([constant_step.best_step(getattr(constant_step, name), t)[0] for t in horizons])
        for name in FORMULAS
    }


def constants(horizons: Sequence[int], tables: Tables) -> list[list[str | float]]:
    """Return rows of what multiplies sqrt(L Delta s2 / T): name, at the first and the last T, in the limit."""
    best, root = best_formulas(horizons), np.sqrt(horizons)
    limits = {
        "average_of_squares": np.sqrt(2),
        "last_iterate": np.sqrt(2 / np.e),
        "last_iterate_moving_noise": np.sqrt(2 * (1 + np.exp(-2)) / np.e),
    }
    rows = [
        [name.replace("_", " "), *(best[name] * root)[[0, -1]].tolist(), float(limit)] for name, limit in limits.items()
    ]
    norms = (values(tables, "average_norms") * root)[[0, -1]].tolist()
    return [*rows, ["average of norms, squared", *norms, constant_step.limit_of_average_norms()[0]]]


def measurements(horizons: Sequence[int], tables: Tables) -> dict[str, float]:
    """Return the numbers that the claims name: exponents of norms are half those of squares.

    Args:
        horizons: T.
        tables: ``worst_cases`` at each.
    """

    def late(first: int, numbers: np.ndarray) -> np.ndarray:
        return numbers[np.array(horizons) >= first] if horizons[-1] >= first else numbers[-1:]

    def exponent(criterion: str, schedule: str = "constant") -> float:
        return slope(horizons, values(tables, criterion, schedule) ** 0.5, FROM).fitted

    tables = list(tables)
    best, root = best_formulas(horizons), np.sqrt(horizons)
    ratio = best["average_of_squares"] / best["classical_bound"]
    constants = late(16384, best["last_iterate"] * root)
    found = {
        "upper.ratio_smallest": late(2048, ratio).min(),
        "upper.ratio_largest": ratio.max(),
        "last.constant_smallest": constants.min(),
        "last.constant_largest": constants.max(),
        "last.moving_constant": (best["last_iterate_moving_noise"] * root)[-1],
        "norms.spreading": (values(tables, "average_norms", field="bound") / values(tables, "average_norms") - 1).max(),
        "best.over_last": min(
            (values(tables, "best", s) / values(tables, "best", s, "bound")).min() for s in SCHEDULES
        ),
        "point.slope": exponent("averaged_point"),
        "decay.linear_slope": exponent("last", "linear"),
        "decay.cosine_slope": exponent("last", "cosine"),
        "fixed.squares_slope": slope(horizons, values(tables, "fixed_average_squares"), FROM).fitted,
        "fixed.norms_slope": exponent("fixed_average_norms"),
    }
    for key, criterion, power in (
        ("squares", "average_squares", 1.0),
        ("norms", "average_norms", 0.5),
        ("last", "last", 0.5),
    ):
        fit = slope(horizons, values(tables, criterion) ** power, FROM)
        found |= {f"{key}.slope": fit.fitted, f"{key}.slope_low": fit.low, f"{key}.slope_high": fit.high}
    return {key: float(value) for key, value in found.items()}
