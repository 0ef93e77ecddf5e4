"""Published claims, as data: who said it, where, what measurement would bear it out, and how closely.

One YAML file per chapter, ``chapters/claims/<chapter>.yml``, a list of claims. The file says all that a verdict depends
on before anything has run; a chapter measures and never judges.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PROFILES = ("smoke", "quick", "paper")
COMPARISONS = ("close", "at-most", "at-least", "between", "above", "below")


class ClaimError(ValueError):
    """A claims file says something that can't be judged; the message names the file, the claim and the fix."""


@dataclass(frozen=True)
class Check:
    """One comparison of one measurement.

    Args:
        measurement: key in the chapter's measurements.
        comparison: "close", "at-most", "at-least", "between", "above" or "below".
        expected: the number; for "between" a pair.
        tolerance: absolute allowance on each bound.
        reason: why that allowance (or that bound).
    """

    measurement: str
    comparison: str
    expected: float | tuple[float, float]
    tolerance: float
    reason: str

    @property
    def region(self) -> tuple[float, float]:
        """Return the interval of values that satisfy the check."""
        low, high = self.expected if isinstance(self.expected, tuple) else (self.expected, self.expected)
        if self.comparison in ("at-least", "above"):
            high = math.inf
        if self.comparison in ("at-most", "below"):
            low = -math.inf
        return low - self.tolerance, high + self.tolerance

    def contains(self, value: float) -> bool:
        """Say whether one value satisfies the check ("above" and "below" are strict)."""
        low, high = self.region
        if self.comparison == "above":
            return value > low
        if self.comparison == "below":
            return value < high
        return low <= value <= high

    @property
    def expectation(self) -> str:
        """Return the check as a reader would write it: "≥ 16", "1.386 ± 0.05"."""
        if isinstance(self.expected, tuple):
            return f"{self.expected[0]:g} to {self.expected[1]:g}"
        sign = {"close": "", "at-most": "≤ ", "at-least": "≥ ", "above": "> ", "below": "< "}[self.comparison]
        allowance = f" ± {self.tolerance:.2g}" if self.tolerance else ""
        return f"{sign}{self.expected:.5g}{allowance}"


@dataclass(frozen=True)
class Claim:
    """A published statement and the checks that decide it.

    Args:
        id: unique name.
        chapter: the chapter that measures it.
        cite: key in ``references.bib``.
        place: where in the source.
        statement: what is claimed, in one sentence.
        checks: all must hold for "reproduced"; the first is the headline.
        decided_by: the smallest profile that can decide it.
        min_seeds: the fewest seeds that can.
    """

    id: str
    chapter: str
    cite: str
    place: str
    statement: str
    checks: tuple[Check, ...]
    decided_by: str = "quick"
    min_seeds: int = 1


def load_claims(folder: Path) -> list[Claim]:
    """Read every claims file of a folder.

    Args:
        folder: holds ``<chapter>.yml`` files.

    Returns:
        The claims, chapter by chapter, in the files' order.

    Raises:
        ClaimError: a file can't be read, a field is missing, unknown or of the wrong kind, or an id stands twice.
    """
    claims: list[Claim] = []
    for path in sorted(folder.glob("*.yml")):
        try:
            entries = yaml.safe_load(path.read_text()) or []
        except yaml.YAMLError as error:
            raise ClaimError(f"{path}: not valid YAML: {str(error).splitlines()[0]}") from error
        if not isinstance(entries, list):
            raise ClaimError(f"{path}: a claims file is a list of claims, each beginning with '- id: ...'")
        for entry in entries:
            claim = _claim(entry, path)
            if any(claim.id == other.id for other in claims):
                raise ClaimError(f"{path}: claim {claim.id!r} stands twice; ids must be unique")
            claims.append(claim)
    return claims


def _claim(entry: Mapping[str, Any], path: Path) -> Claim:
    where = f"{path}: claim {entry.get('id', '?')!r}" if isinstance(entry, Mapping) else str(path)
    _fields(entry, {"id", "source", "statement", "checks"}, {"decided_by", "min_seeds"}, where)
    _fields(entry["source"], {"cite", "place"}, set(), f"{where}, source")
    decided_by = entry.get("decided_by", "quick")
    if decided_by not in PROFILES:
        raise ClaimError(f"{where}: decided_by is {decided_by!r}; it must be one of {', '.join(PROFILES)}")
    checks = entry["checks"]
    if not isinstance(checks, list) or not checks:
        raise ClaimError(f"{where}: checks must be a list with at least one check")
    return Claim(
        id=entry["id"],
        chapter=path.stem,
        cite=entry["source"]["cite"],
        place=entry["source"]["place"],
        statement=" ".join(entry["statement"].split()),
        checks=tuple(_check(check, where) for check in checks),
        decided_by=decided_by,
        min_seeds=int(entry.get("min_seeds", 1)),
    )


def _check(check: Mapping[str, Any], where: str) -> Check:
    _fields(check, {"measurement", "comparison", "expected", "reason"}, {"tolerance", "relative"}, f"{where}, checks")
    comparison, expected = check["comparison"], check["expected"]
    if comparison not in COMPARISONS:
        raise ClaimError(f"{where}: comparison is {comparison!r}; it must be one of {', '.join(COMPARISONS)}")
    pair = isinstance(expected, list) and len(expected) == 2
    if pair != (comparison == "between") or not all(_is_number(x) for x in (expected if pair else [expected])):
        raise ClaimError(f"{where}: expected must be a number, or [low, high] for the comparison 'between'")
    tolerance = float(check.get("tolerance", 0.0))
    if "relative" in check:
        if pair:
            raise ClaimError(f"{where}: 'relative' needs a single expected number; use 'tolerance' with 'between'")
        tolerance += float(check["relative"]) * abs(float(expected))
    return Check(
        measurement=check["measurement"],
        comparison=comparison,
        expected=(float(expected[0]), float(expected[1])) if pair else float(expected),
        tolerance=tolerance,
        reason=" ".join(str(check["reason"]).split()),
    )


def _is_number(x: Any) -> bool:
    return isinstance(x, int | float) and not isinstance(x, bool)


def _fields(entry: Any, required: set[str], optional: set[str], where: str) -> None:
    if not isinstance(entry, Mapping):
        raise ClaimError(f"{where}: expected a mapping with the fields {', '.join(sorted(required))}")
    if missing := required - entry.keys():
        raise ClaimError(f"{where}: missing {', '.join(sorted(missing))}")
    if unknown := entry.keys() - required - optional:
        known = ", ".join(sorted(required | optional))
        raise ClaimError(f"{where}: unknown field {', '.join(sorted(unknown))}; known are {known}")
