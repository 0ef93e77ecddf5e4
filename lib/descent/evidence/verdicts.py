"""Judge claims by measurements. Nothing here knows a chapter; nothing in a chapter writes a verdict."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from scipy.stats import bootstrap

from descent.evidence.claims import PROFILES, Check, Claim

Outcome = Literal["reproduced", "partly", "not reproduced", "undecided", "not run"]
OUTCOMES: tuple[Outcome, ...] = ("reproduced", "partly", "not reproduced", "undecided", "not run")

CONFIDENCE = 0.95
# BCa's acceleration is a jackknife estimate, which a handful of seeds can't give.
FEWEST_FOR_BCA = 8


@dataclass(frozen=True)
class CheckResult:
    """One check, judged: ``holds`` is None where the interval straddles a bound or nothing was measured."""

    measurement: str
    expected: str
    measured: float | None
    interval: list[float] | None
    seeds: int
    holds: bool | None
    reason: str


@dataclass(frozen=True)
class Verdict:
    """A claim, judged; ``expected``, ``measured``, ``interval`` and ``seeds`` are those of its first check."""

    id: str
    chapter: str
    source: str
    statement: str
    expected: str
    measured: float | None
    interval: list[float] | None
    seeds: int
    verdict: Outcome
    profile: str
    why: str
    checks: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        """Return the verdict as plain data, for JSON."""
        return asdict(self)


def judge(
    claims: Iterable[Claim], measurements: Mapping[str, Mapping[str, Sequence[float]]], profile: str
) -> list[Verdict]:
    """Judge claims.

    Args:
        claims: what was claimed.
        measurements: chapter -> key -> values, one per seed (``merge`` makes them of replicates).
        profile: what the measurements were made with: "smoke", "quick" or "paper".

    Returns:
        One verdict per claim, in order: *reproduced* (every check holds), *partly* (some do), *not reproduced* (none
        does), *undecided* (an interval straddles its bound, the profile is too small, or seeds are too few), *not run*
        (a measurement is missing).
    """
    return [_judge_one(claim, measurements.get(claim.chapter, {}), profile) for claim in claims]


def merge(replicates: Iterable[Mapping[str, float | Sequence[float]]]) -> dict[str, list[float]]:
    """Join the measurements of a chapter's replicates: key -> values over all their seeds."""
    merged: dict[str, list[float]] = {}
    for replicate in replicates:
        for key, value in replicate.items():
            merged.setdefault(key, []).extend(value if isinstance(value, Sequence) else [value])
    return merged


def interval(values: Sequence[float]) -> list[float]:
    """Return a 95% bootstrap interval of the mean over seeds; of one value, or of equal ones, the value itself.

    Source: Efron 1987 (BCa) through ``scipy.stats.bootstrap``; the plain percentile interval below eight seeds. With
    three seeds it is narrower than its nominal coverage: read it as the spread that was seen.
    """
    if len(set(values)) == 1:
        return [values[0], values[0]]
    method = "BCa" if len(values) >= FEWEST_FOR_BCA else "percentile"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # degenerate resamples; the result is checked just below
        result = bootstrap(
            (np.asarray(values),), np.mean, confidence_level=CONFIDENCE, method=method, rng=np.random.default_rng(0)
        ).confidence_interval
    low, high = float(result.low), float(result.high)
    return [low, high] if np.isfinite([low, high]).all() else [min(values), max(values)]


def _judge_one(claim: Claim, measured: Mapping[str, Sequence[float]], profile: str) -> Verdict:
    results = [_check(check, measured.get(check.measurement, ())) for check in claim.checks]
    outcome, why = _outcome(claim, results, profile)
    first = results[0]
    return Verdict(
        id=claim.id,
        chapter=claim.chapter,
        source=f"{claim.cite}, {claim.place}",
        statement=claim.statement,
        expected=first.expected,
        measured=first.measured,
        interval=first.interval,
        seeds=first.seeds,
        verdict=outcome,
        profile=profile,
        why=why,
        checks=[asdict(result) for result in results],
    )


def _check(check: Check, values: Sequence[float]) -> CheckResult:
    if not values:
        return CheckResult(check.measurement, check.expectation, None, None, 0, None, check.reason)
    bounds = interval(values)
    ends = [check.contains(end) for end in bounds]
    low, high = check.region
    if all(ends):
        holds: bool | None = True
    elif not any(ends) and not (bounds[0] < low and bounds[1] > high):
        holds = False
    else:
        holds = None
    mean = values[0] if bounds[0] == bounds[1] else float(np.mean(values))
    return CheckResult(check.measurement, check.expectation, mean, bounds, len(values), holds, check.reason)


def _outcome(claim: Claim, results: Sequence[CheckResult], profile: str) -> tuple[Outcome, str]:
    missing = [result.measurement for result in results if result.measured is None]
    if missing:
        return "not run", f"no measurement {', '.join(missing)}"
    if PROFILES.index(profile) < PROFILES.index(claim.decided_by):
        return "undecided", f"the {profile} profile is too small to decide it; {claim.decided_by} can"
    seeds = min(result.seeds for result in results)
    if seeds < claim.min_seeds:
        return "undecided", f"{seeds} of the {claim.min_seeds} seeds it takes"
    straddling = [result.measurement for result in results if result.holds is None]
    if straddling:
        return "undecided", f"the interval of {', '.join(straddling)} straddles its bound"
    held = sum(bool(result.holds) for result in results)
    if held == len(results):
        return "reproduced", ""
    failed = ", ".join(result.measurement for result in results if not result.holds)
    return ("partly" if held else "not reproduced"), f"outside its bound: {failed}"
