r"""The worst quadratic for a schedule, the best step against it, by criterion.

f(x) = sum_i lambda_i x_i^2 / 2 with lambda_i <= L, gap f(x_0) - min f = Delta, noise of total variance s2 whose
covariance stays as it is. Coordinate i with the share Delta_i of the gap starts at a gradient of lambda_i x_i =
sqrt(2 lambda_i Delta_i), so a squared gradient is *linear* in the shares of the gap and of the noise that the
adversary places: each goes whole to one eigenvalue. With kappa = eta lambda and the parts (A, B) of ``energies``

    W(eta) = max_{kappa <= eta L} (2 kappa / eta) A(kappa) Delta  +  max_{kappa <= eta L} B(kappa) s2.

Two criteria are concave and not linear in the shares: the average of norms, mean_t sqrt(E|g_t|^2), and the best
iterate, min_t E|g_t|^2. Both are the supremum over dimensions: spread over many coordinates of one eigenvalue, a norm
is its root mean square. For the first we take one eigenvalue each and *bound* what spreading could add (a concave
function lies below its tangent); the second is caught between the last iterate's worst case, which it can't exceed,
and what the last iterate's own adversary makes of it.

Values are in units of L Delta, squared: the average of norms is squared too.
"""

from typing import NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline

from descent.experiments.stationary_points.energies import SCHEDULES, Energies, Recursion

LINEAR = ("average_squares", "random_iterate", "last", "averaged_point")
CRITERIA = (*LINEAR, "average_norms", "best")


class WorstCase(NamedTuple):
    """The value of the game between step size and adversary.

    Args:
        value: min over steps of the max over quadratics, in units of L Delta (squared gradient).
        step: the step size times L that attains it.
        slow: the eigenvalue over L where the adversary puts the gap.
        stiff: the eigenvalue over L where it puts the noise.
        bound: no quadratic does worse than this at that step; equal to ``value`` where that is exact.
    """

    value: float
    step: float
    slow: float
    stiff: float
    bound: float


def worst_cases(recursion: Recursion, horizon: int, noise: float = 1.0) -> dict[tuple[str, str], WorstCase]:
    """Return (criterion, schedule) -> worst case at one horizon; "fixed_..." on the one quadratic L |x|^2 / 2.

    Args:
        recursion: of the schedules in ``SCHEDULES``; its points are the resolution in step size and eigenvalue. Maxima
            and minima between them are interpolated.
        horizon: T.
        noise: s2 / (L Delta).
    """
    moments = recursion.run(horizon)
    weights = sum_weights(moments.times) / horizon
    table = {}
    for s, schedule in enumerate(SCHEDULES):
        for criterion in LINEAR:
            table[criterion, schedule] = linear_worst_case(moments, criterion, s, noise)
        table["average_norms", schedule] = average_norms(moments, s, noise, weights)
        table["best", schedule] = best_iterate(moments, s, noise)
        for criterion in ("average_squares", "average_norms"):
            value, step = on_curvature(moments, criterion, s, noise)
            table[f"fixed_{criterion}", schedule] = WorstCase(value, step, 1.0, 1.0, value)
    return table


def by_step(moments: Energies, criterion: str, s: int, noise: float = 1.0, at: int = -1) -> np.ndarray:
    """Return W(eta) at eta L = kappa, shape [K], for a criterion that is linear in the energies.

    Args:
        moments: of a run.
        criterion: one of ``LINEAR``.
        s: the schedule's index.
        noise: s2 / (L Delta).
        at: index of the recorded time up to which the run counts.
    """
    signals, noises = _sides(moments, criterion, s, at)
    return _running_peak(signals) / moments.kappa + noise * _running_peak(noises)


def linear_worst_case(moments: Energies, criterion: str, s: int, noise: float = 1.0) -> WorstCase:
    """Solve the game for a criterion that is linear in the energies; ``s`` is the schedule's index."""
    kappa = moments.kappa
    value, step, j = _smallest(kappa, by_step(moments, criterion, s, noise))
    i, k = (int(np.argmax(side[: j + 1])) for side in _sides(moments, criterion, s))
    return WorstCase(value, step, kappa[i] / kappa[j], kappa[k] / kappa[j], value)


def on_curvature(moments: Energies, criterion: str, s: int, noise: float = 1.0) -> tuple[float, float]:
    """Return (value, step) for the *fixed* quadratic L |x|^2 / 2: all energy at lambda = L, whatever the step is."""
    if criterion == "average_norms":
        signal, noises = (part[:, s] for part in moments.parts["last"])
        energy = 2 * signal + noise * noises
        values = (sum_weights(moments.times) @ np.sqrt(energy) / moments.times[-1]) ** 2
    else:
        signals, noises = _sides(moments, criterion, s)
        values = signals / moments.kappa + noise * noises
    return _smallest(moments.kappa, values)[:2]


def average_norms(moments: Energies, s: int, noise: float, weights: np.ndarray) -> WorstCase:
    """Solve the game for mean_t sqrt(E|g_t|^2), squared; ``weights`` integrate over the recorded times."""
    kappa, last = moments.kappa, len(moments.kappa) - 1
    signals, noises = (part[:, s] for part in moments.parts["last"])
    signals, noises = 2 * kappa * signals, noise * noises
    coarse = by_step(moments, "average_squares", s, noise)  # an upper bound, to know where to look
    window = np.flatnonzero(coarse <= 3 * coarse.min())
    found = np.full(last + 1, np.inf)
    places = {}
    for j in map(int, window):
        k = j
        for _ in range(2):  # the eigenvalue of the gap given that of the noise, and the other way round
            means = weights @ np.sqrt(signals[:, : j + 1] / kappa[j] + noises[:, k, None])
            i = int(means.argmax())
            k = int((weights @ np.sqrt(signals[:, i, None] / kappa[j] + noises[:, : j + 1])).argmax())
        found[j], places[j] = _peak(means, i), (i, k)
    value, step, j = _smallest(kappa, found)
    i, k = places[j]
    tangent = weights / (2 * np.sqrt(signals[:, i] / kappa[j] + noises[:, k]))
    gains = tangent @ signals[:, : j + 1] / kappa[j], tangent @ noises[:, : j + 1]
    excess = gains[0].max() - gains[0][i] + gains[1].max() - gains[1][k]
    return WorstCase(value**2, step, kappa[i] / kappa[j], kappa[k] / kappa[j], (value + excess) ** 2)


def best_iterate(moments: Energies, s: int, noise: float) -> WorstCase:
    """Bracket the game for min_t E|g_t|^2, above by the last iterate, below by its adversary.

    That adversary may leave a share of the gap at lambda = L, which holds up the first iterates while noise gathers.
    """
    kappa = moments.kappa
    signals, noises = _sides(moments, "last", s)
    signal, variance = (part[:, s] for part in moments.parts["last"])
    shares = np.r_[0.0, np.geomspace(1e-4, 0.5, 24)]
    smallest = np.empty(len(kappa))
    for j in range(len(kappa)):
        i, k = (int(np.argmax(side[: j + 1])) for side in (signals, noises))
        slow, stiff = 2 * kappa[i] / kappa[j] * signal[:, i], 2 * signal[:, j]
        energy = np.outer(slow, 1 - shares) + np.outer(stiff, shares) + noise * variance[:, k, None]
        smallest[j] = energy.min(0).max()
    value, step, j = _smallest(kappa, smallest)
    i, k = (int(np.argmax(side[: j + 1])) for side in (signals, noises))
    return WorstCase(
        value, step, kappa[i] / kappa[j], kappa[k] / kappa[j], linear_worst_case(moments, "last", s, noise).value
    )


def sum_weights(times: np.ndarray) -> np.ndarray:
    """Return w with sum_{t < T} h(t) = w . h(times) for smooth h: exact for the first 24 steps, then Euler-Maclaurin.

    Args:
        times: recorded times, increasing, from 0 to T; repeated ones get weight 0.

    Returns:
        Shape [Q].
    """
    knots, first = np.unique(times, return_index=True)
    weights = np.zeros(len(times))
    head = min(24, len(knots) - 1)
    weights[first[:head]] = 1.0
    if knots[-1] > knots[head]:  # sum_{t=a}^{b-1} h = int_a^b h - (h(b) - h(a)) / 2 + (h'(b) - h'(a)) / 12
        a, b = knots[head], knots[-1]
        spline = CubicSpline(knots, np.eye(len(knots)))
        slope = spline.derivative()
        rest = spline.integrate(a, b) + (slope(b) - slope(a)) / 12
        rest[[head, -1]] += 0.5, -0.5
        weights[first] += rest
    return weights


def _sides(moments: Energies, criterion: str, s: int, at: int = -1) -> tuple[np.ndarray, np.ndarray]:
    """2 kappa A and B of the formula at the top, at the last or another recorded time, each of shape [K]."""
    signal, noise = moments.parts[criterion]
    return 2 * moments.kappa * signal[at, s], noise[at, s]


def _peak(values: np.ndarray, i: int) -> float:
    """The height of the parabola through a maximum of equally spaced values and its neighbours."""
    if i == 0 or i == len(values) - 1:
        return float(values[i])
    low, mid, high = values[i - 1 : i + 2]
    bend = low - 2 * mid + high
    return float(mid - (high - low) ** 2 / (8 * bend)) if bend < 0 else float(mid)


def _running_peak(values: np.ndarray) -> np.ndarray:
    """max of values[: j + 1] for each j, maxima between the points included."""
    heights = np.array(
        [
            _peak(values, i)
            if 0 < i < len(values) - 1 and values[i] >= max(values[i - 1], values[i + 1])
            else values[i]
            for i in range(len(values))
        ]
    )
    before = np.r_[-np.inf, np.maximum.accumulate(heights)[:-1]]
    return np.maximum(before, values)


def _smallest(kappa: np.ndarray, values: np.ndarray) -> tuple[float, float, int]:
    """The least value and the step there, by a parabola in the logarithms; the index of the nearest point."""
    j = int(np.argmin(values))
    if j in (0, len(values) - 1) or not np.isfinite(values[[j - 1, j + 1]]).all():
        return float(values[j]), float(kappa[j]), j
    low, mid, high = np.log(values[j - 1 : j + 2])
    bend = low - 2 * mid + high
    shift = (low - high) / (2 * bend) if bend > 0 else 0.0
    ratio = kappa[j + 1] / kappa[j]
    return float(np.exp(mid - shift**2 * bend / 2)), float(kappa[j] * ratio**shift), j
