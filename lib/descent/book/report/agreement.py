"""Whether this build's measurements are those of archived runs of the same profile, on whatever device these were made.

The same program with the same seeds gives the same bits on one machine. Another device sums in another order, so each
measurement is compared in the first of these ways that it passes:

1. *bit for bit*;
2. *by number*: a relative difference of at most ``RELATIVE``, of numbers taken to be no smaller than ``SMALL``. float32
   carries seven digits; three may go to sums of some thousand terms in another order. ``SMALL`` keeps the dust of
   rounding (1e-15 here, 3e-15 there) from counting;
3. *by its seeds*: long training amplifies rounding until trajectories have nothing in common, at worst as if they had
   other seeds. So means over at least three seeds may differ as those of other seeds would: Welch's t test, with
   ``ALARMS`` false alarms. What has fewer seeds is one more draw beside the archived runs of the profile
   ``NAME-seeds``, which differs in its seeds only: Student's t test;
4. *by verdict*: every check of a claim that looks at it ends alike.

What passes none of them differs, and so does what was measured in one place only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy.stats import ttest_ind

from descent.book.report.report import code, plain, table
from descent.book.report.results import Evidence
from descent.evidence import Verdict, judge
from descent.evidence.archives import Replicate
from descent.evidence.verdicts import merge

RELATIVE = 1e-4
SMALL = 1e-3
ALARMS = 0.01
FEWEST_SEEDS = 3
WAYS = ("bit for bit", "by number", "by its seeds", "by verdict")
DIFFERS = "differs"
MORE_SEEDS = "{}-seeds"

Values = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Agreement:
    """How one chapter's measurements compare with the archived ones.

    Args:
        chapter: its name.
        archived: the device and the commit of the archived runs.
        ways: name of a measurement -> one of ``WAYS``, or ``DIFFERS``.
        worst: the measurement with the largest difference, and that difference, relative.
        verdicts: claims that end otherwise than by the archived runs.
        obstacle: why nothing can be compared, if so.
    """

    chapter: str
    archived: str
    ways: dict[str, str] = field(default_factory=dict)
    worst: tuple[str, float] = ("", 0.0)
    verdicts: list[str] = field(default_factory=list)
    obstacle: str = ""

    @property
    def differing(self) -> list[str]:
        """Return the measurements that differ."""
        return [name for name, way in self.ways.items() if way == DIFFERS]


def difference(here: Sequence[float], there: Sequence[float]) -> float:
    """Return the largest relative difference of two measurements' values; infinite if they are not equally many."""
    if len(here) != len(there):
        return float("inf")
    a, b = np.asarray(here), np.asarray(there)
    return float(np.max(np.abs(a - b) / np.maximum(np.abs(b), SMALL)))


def compare(
    here: Values, there: Values, alike: Mapping[str, bool], seeds: Values = MappingProxyType({})
) -> dict[str, str]:
    """Compare two sets of measurements of one chapter.

    Args:
        here: key -> values over all seeds, as ``merge`` gives them.
        there: the archived ones.
        alike: key that claims look at -> whether all their checks of it end alike.
        seeds: what more seeds measured, for keys of fewer than ``FEWEST_SEEDS`` values.

    Returns:
        Key -> way in which it agrees, or ``DIFFERS``.
    """
    keys = [*there, *(key for key in here if key not in there)]
    return {key: _way(here.get(key, ()), there.get(key, ()), alike.get(key, False), seeds.get(key, ())) for key in keys}


def checked_alike(ours: Sequence[Verdict], theirs: Sequence[Verdict]) -> dict[str, bool]:
    """Return for each measurement that checks of the same claims look at, whether all of them end alike."""
    alike: dict[str, bool] = {}
    for our, their in zip(ours, theirs, strict=True):
        for one, other in zip(our.checks, their.checks, strict=True):
            key = one["measurement"]
            alike[key] = alike.get(key, True) and one["state"] == other["state"]
    return alike


def agreements(evidence: Evidence) -> list[Agreement]:
    """Return how each chapter compares that has run and has archived runs of the same profile, in the book's order."""
    found = []
    for chapter in evidence.project.chapters:
        archive = evidence.project.archive(evidence.profile.name, chapter)
        if archive and evidence.runs(chapter):
            found.append(_agreement(evidence, chapter, archive.replicates))
    return found


def agreement_table(evidence: Evidence) -> str:
    """Return the comparison as Markdown, one line per chapter."""
    found = agreements(evidence)
    if not found:
        return (
            f"*Nothing to compare with: no chapter that has run here has archived runs of the profile "
            f"{evidence.profile.name}.*"
        )
    rows = [(f"[{a.chapter}](../chapters/{a.chapter})", _outcome(a), _worst(a), a.archived) for a in found]
    return table(("Chapter", "This build and the archived runs", "Largest difference", "Archived on"), rows)


def _way(here: Sequence[float], there: Sequence[float], alike: bool, seeds: Sequence[float]) -> str:
    if not here or not there:
        return DIFFERS
    if list(here) == list(there):
        return WAYS[0]
    if difference(here, there) <= RELATIVE:
        return WAYS[1]
    few = min(len(here), len(there)) < FEWEST_SEEDS
    if _as_of_one_law(here, seeds if few else there, pooled=few):
        return WAYS[2]
    return WAYS[3] if alike else DIFFERS


def _as_of_one_law(few: Sequence[float], many: Sequence[float], pooled: bool) -> bool:
    """Test equal means. ``pooled``: of few draws, perhaps one, whose variance is taken to be that of the many."""
    if len(many) < FEWEST_SEEDS or len(set(many)) == 1 or (not pooled and len(set(few)) == 1):
        return False
    return bool(ttest_ind(few, many, equal_var=pooled).pvalue >= ALARMS)


def _agreement(evidence: Evidence, chapter: str, archived: Sequence[Replicate]) -> Agreement:
    environments = [run.environment for run in archived]
    where = "; ".join(sorted({_where(environment) for environment in environments}))
    asked = [run["parameters"] for run in evidence.replicates(chapter, "environment.json")]
    if asked != [environment["parameters"] for environment in environments]:
        return Agreement(chapter, where, obstacle="the archived runs had other parameters, or were more or fewer")
    here = merge(evidence.replicates(chapter, "measurements.json"))
    there = merge([run.measurements for run in archived])
    ours = [verdict for verdict in evidence.verdicts if verdict.chapter == chapter]
    claims = [claim for claim in evidence.claims if claim.chapter == chapter]
    theirs = ours if here == there else judge(claims, {chapter: there}, evidence.profile.counts_as)
    seeds = merge([run.measurements for run in _more_seeds(evidence, chapter, environments[0]["parameters"])])
    ways = compare(here, there, checked_alike(ours, theirs), seeds)
    verdicts = [our.id for our, their in zip(ours, theirs, strict=True) if our.verdict != their.verdict]
    sizes = {key: difference(here[key], there[key]) for key in here if key in there}
    worst = max(sizes, key=lambda key: sizes[key], default="")
    return Agreement(chapter, where, ways, (worst, sizes.get(worst, 0.0)), verdicts)


def _more_seeds(evidence: Evidence, chapter: str, parameters: Mapping[str, Any]) -> list[Replicate]:
    """Return the archived runs of the profile's twin with more seeds, if their parameters are otherwise the same."""
    archive = evidence.project.archive(MORE_SEEDS.format(evidence.profile.name), chapter)
    wanted = {**parameters, "seed": None}
    runs = archive.replicates if archive else []
    return [run for run in runs if {**run.environment["parameters"], "seed": None} == wanted]


def _where(run: dict[str, Any]) -> str:
    return f"{plain(', '.join(run['devices']))}: {plain(run['processor'] or run['machine'])}, {code(run['commit'])}"


def _outcome(agreement: Agreement) -> str:
    if agreement.obstacle:
        return f"not comparable: {agreement.obstacle}"
    counted = Counter(agreement.ways.values())
    parts = [f"{counted[way]} {way}" for way in WAYS if counted[way]]
    total = len(agreement.ways)
    if agreement.differing:
        names = ", ".join(f"`{name}`" for name in agreement.differing)
        said = f"**differs** in {len(agreement.differing)} of {total}: {names}; agrees: {', '.join(parts) or 'none'}"
    else:
        said = f"agrees in all {total}: {', '.join(parts)}" if total else "measures nothing"
    if agreement.verdicts:
        said += f"; **other verdicts**: {', '.join(agreement.verdicts)}"
    return said


def _worst(agreement: Agreement) -> str:
    name, size = agreement.worst
    return f"{size:.2g}, `{name}`" if size else "–" if agreement.obstacle else "none"
