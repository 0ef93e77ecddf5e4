"""Judge claims by measurements, with known error rates. Nothing here knows a chapter; no chapter writes a verdict.

A claim is the conjunction of its checks, each of which *holds*, *fails* or is *open* (``decisions``).

``tests/evidence/test_error_rates.py`` simulates both, and the page "How verdicts are made" draws them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from descent.evidence import power
from descent.evidence.claims import PROFILES, Check, Claim
from descent.evidence.decisions import states
from descent.evidence.intervals import clopper_pearson, intervals

Outcome = Literal["reproduced", "partly", "not reproduced", "undecided", "not run"]
OUTCOMES: tuple[Outcome, ...] = ("reproduced", "partly", "not reproduced", "undecided", "not run")
State = Literal["holds", "fails", "open", "missing"]
STATES: tuple[State, ...] = ("holds", "fails", "open", "missing")


@dataclass(frozen=True)
class CheckResult:
    """One check, judged.

    Args:
        measurement: what was measured.
        label: the same in words.
        expected: the bounds as a reader would write them.
        measured: the mean over seeds; for a check of most runs, the share of runs that satisfy it.
        interval: of that; the smallest and largest value of an exact claim; None where nothing is known of the spread.
        seeds: how many.
        state: "holds", "fails", "open" or "missing".
        detectable: the smallest departure from a bound that so many seeds would notice, four times in five.
        more_seeds: about how many more would tell, for an open check; None where no number is known.
        why: what keeps it open, if so.
        reason: for its bounds.
    """

    measurement: str
    label: str
    expected: str
    measured: float | None
    interval: list[float] | None
    seeds: int
    state: State
    detectable: float | None
    more_seeds: int | None
    why: str
    reason: str


@dataclass(frozen=True)
class Verdict:
    """A claim, judged; ``label`` to ``detectable`` are of the check that made the verdict.

    Args:
        id: of the claim.
        chapter: that measured it.
        kind: "finding", "theorem" or "control".
        source: who said it and where.
        statement: what was claimed.
        label: what the deciding check compares.
        expected: its bounds.
        measured: its mean.
        interval: of the mean.
        seeds: how many.
        detectable: the smallest departure that they would notice.
        verdict: how it ended.
        profile: what the measurements were made with.
        why: in words, where it is not reproduced.
        exact: whether one run decides it.
        checks: all of them, judged.
    """

    id: str
    chapter: str
    kind: str
    source: str
    statement: str
    label: str
    expected: str
    measured: float | None
    interval: list[float] | None
    seeds: int
    detectable: float | None
    verdict: Outcome
    profile: str
    why: str
    exact: bool
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
        One verdict per claim, in order: *reproduced* (every check holds), *not reproduced* (one fails and none holds),
        *partly* (one fails, another holds), *not run* (none fails, and a measurement is missing), *undecided* (none
        fails, and one is open).
    """
    return [_judge_one(claim, measurements.get(claim.chapter, {}), profile) for claim in claims]


def merge(replicates: Iterable[Mapping[str, float | Sequence[float]]]) -> dict[str, list[float]]:
    """Join the measurements of a chapter's replicates: key -> values over all their seeds."""
    merged: dict[str, list[float]] = {}
    for replicate in replicates:
        for key, value in replicate.items():
            merged.setdefault(key, []).extend(value if isinstance(value, Sequence) else [value])
    return merged


def _judge_one(claim: Claim, measured: Mapping[str, Sequence[float]], profile: str) -> Verdict:
    small = PROFILES.index(profile) < PROFILES.index(claim.decided_by)
    obstacle = f"the {profile} profile is too small to decide it; {claim.decided_by} can" if small else ""
    results = [_check(check, measured.get(check.measurement, ()), claim, obstacle) for check in claim.checks]
    outcome, deciding, why = _outcome(results)
    return Verdict(
        id=claim.id,
        chapter=claim.chapter,
        kind=claim.kind,
        source=f"{claim.cite}, {claim.place}",
        statement=claim.statement,
        label=deciding.label,
        expected=deciding.expected,
        measured=deciding.measured,
        interval=deciding.interval,
        seeds=deciding.seeds,
        detectable=deciding.detectable,
        verdict=outcome,
        profile=profile,
        why=why,
        exact=claim.exact,
        checks=[asdict(result) for result in results],
    )


def _check(check: Check, values: Sequence[float], claim: Claim, obstacle: str) -> CheckResult:
    mean, bounds, visible = _seen(check, values, claim.exact)
    state: State = "open"
    more: int | None = None
    if not values:
        state, why = "missing", "not measured"
    elif obstacle:
        why = obstacle
    elif claim.exact:
        state, why = ("holds" if all(check.contains(value) for value in values) else "fails"), ""
    elif len(values) < max(claim.min_seeds, 2):
        more = max(claim.min_seeds, 2) - len(values)
        why = f"{len(values)} of the {max(claim.min_seeds, 2)} seeds that it takes at least"
    else:
        judged = int(states(np.asarray([values], dtype=float), check, len(claim.checks))[0])
        state, why = {1: "holds", -1: "fails", 0: "open"}[judged], ""  # type: ignore[assignment]
        if state == "open":
            more, why = _more(check, values)
    return CheckResult(
        check.measurement, check.label, check.expectation, mean, bounds, len(values), state, visible, more, why,
        check.reason,
    )  # fmt: skip


def _seen(check: Check, values: Sequence[float], exact: bool) -> tuple[float | None, list[float] | None, float | None]:
    """Return what is shown of a sample: mean (or share), interval, smallest departure noticed."""
    if not values:
        return None, None, None
    if exact:  # of several values the one that lies deepest outside, or nearest to a bound
        low, high = check.region
        return min(values, key=lambda value: min(value - low, high - value)), [min(values), max(values)], None
    if check.over == "most":
        successes = sum(map(check.contains, values))
        ends = clopper_pearson(successes, len(values))
        return successes / len(values), [float(end) for end in ends], power.detectable_share(len(values))
    bottom, top = intervals(np.asarray([values], dtype=float))
    known = bool(np.isfinite(bottom[0]))
    mean = float(np.mean(values)) if len(set(values)) > 1 else float(values[0])
    visible = power.detectable(float(np.std(values, ddof=1)), len(values)) if known else None
    return mean, [float(bottom[0]), float(top[0])] if known else None, visible


def _more(check: Check, values: Sequence[float]) -> tuple[int | None, str]:
    """Return about how many more seeds would tell, were mean and spread to stay, and that in words."""
    seeds = len(values)
    if check.over == "most":
        needed = power.seeds_needed_for_most(sum(map(check.contains, values)), seeds)
    elif len(set(values)) == 1:
        return None, f"{seeds} equal values, which say nothing of their spread"
    else:
        mean = float(np.mean(values))
        departure = min(abs(mean - bound) for bound in check.region)
        needed = power.seeds_needed(departure, float(np.std(values, ddof=1))) if departure else None
    if needed is None:
        return None, f"more than {power.MOST_SEEDS - seeds} more seeds would be needed to tell"
    more = max(needed - seeds, 1)
    return more, f"about {more} more seed{'s' * (more > 1)} would tell"


def _outcome(results: Sequence[CheckResult]) -> tuple[Outcome, CheckResult, str]:
    """Return how the conjunction ends, the check that made it end so, and why."""
    by: dict[str, list[CheckResult]] = {state: [r for r in results if r.state == state] for state in STATES}
    several = len(results) > 1
    if failing := by["fails"]:
        others = [f"{len(by[state])} {word}" for state, word in (("holds", "held"), ("open", "open")) if by[state]]
        others += [f"{len(by['missing'])} not measured"] if by["missing"] else []
        said = ", ".join([f"fails in {len(failing)} of {len(results)}", *others]) if several else "outside its bounds"
        names = f": {'; '.join(result.label for result in failing)}" if several else ""
        return ("partly" if by["holds"] else "not reproduced"), failing[0], said + names
    if missing := by["missing"]:
        return "not run", missing[0], f"not measured: {'; '.join(result.label for result in missing)}"
    if still_open := by["open"]:
        # what decides when it can be decided: the check that takes the most seeds
        last = max(still_open, key=lambda r: power.MOST_SEEDS if r.more_seeds is None else r.more_seeds)
        counted = f"{len(still_open)} of {len(results)} open; {last.label}: " if several and last.seeds > 1 else ""
        return "undecided", last, counted + last.why
    return "reproduced", results[0], ""
