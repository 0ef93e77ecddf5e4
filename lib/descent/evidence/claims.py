"""Published claims, as data: who said it, where, what measurement would bear it out, and how closely.

One YAML file per chapter, ``chapters/claims/<chapter>.yml``, a list of claims; ``schemas/claims.json`` says of what
shape. The file says all that a verdict depends on before anything has run; a chapter measures and never judges.
"""

import math
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import AfterValidator, Field, ValidationError, model_validator

from descent.evidence.validation import Finite, Key, Model, one_line

PROFILES = ("smoke", "quick", "paper")
KINDS = ("finding", "theorem", "control")
Text = Annotated[str, Field(min_length=1), AfterValidator(lambda text: " ".join(text.split()))]


class ClaimError(ValueError):
    """A claims file says something that can't be judged; the message names the file, the claim and the fix."""


class Source(Model):
    """Who said it: a key of the bibliography, and the place in the work."""

    cite: Text
    place: Text


class Check(Model):
    """One comparison of one measurement.

    Args:
        measurement: key in the chapter's measurements.
        label: what is compared, in a few words.
        comparison: "close", "at-most", "at-least", "between", "above" or "below" (the last two are strict).
        expected: the number; for "between" a pair, the lower one first.
        tolerance: absolute allowance on each bound.
        relative: the same as a share of the expected number's size, added to it.
        reason: why that allowance (or that bound).
        over: what must lie within the bounds: the "mean" over seeds, or the value of each seed, in "most" of all seeds.
    """

    measurement: Key
    label: Annotated[Text, Field(max_length=100)]
    comparison: Literal["close", "at-most", "at-least", "between", "above", "below"]
    expected: Finite | tuple[Finite, Finite]
    tolerance: Annotated[Finite, Field(ge=0)] = 0.0
    relative: Annotated[Finite, Field(ge=0)] = 0.0
    reason: Text
    over: Literal["mean", "most"] = "mean"

    @model_validator(mode="after")
    def _bounds_make_sense(self) -> Self:
        if isinstance(self.expected, tuple) != (self.comparison == "between"):
            raise ValueError("'between' expects a pair [low, high], every other comparison one number")
        if isinstance(self.expected, tuple):
            if self.expected[0] >= self.expected[1]:
                raise ValueError("the lower bound comes first")
            if self.relative:
                raise ValueError("'relative' is a share of one expected number; use 'tolerance' with 'between'")
        return self

    @property
    def allowance(self) -> float:
        """Return the absolute allowance on each bound."""
        return self.tolerance + (0.0 if isinstance(self.expected, tuple) else self.relative * abs(self.expected))

    @property
    def region(self) -> tuple[float, float]:
        """Return the interval of values that satisfy the check."""
        low, high = self.expected if isinstance(self.expected, tuple) else (self.expected, self.expected)
        if self.comparison in ("at-least", "above"):
            high = math.inf
        if self.comparison in ("at-most", "below"):
            low = -math.inf
        return low - self.allowance, high + self.allowance

    @property
    def strict(self) -> bool:
        """Say whether the bound itself lies outside."""
        return self.comparison in ("above", "below")

    def contains(self, value: float) -> bool:
        """Say whether one value satisfies the check."""
        low, high = self.region
        return low < value < high if self.strict else low <= value <= high

    @property
    def expectation(self) -> str:
        """Return the check as a reader would write it: "≥ 16", "1.386 ± 0.05", "≥ 16 in most runs"."""
        where = " in most runs" if self.over == "most" else ""
        allowance = f" ± {self.allowance:.2g}" if self.allowance else ""
        if isinstance(self.expected, tuple):
            return f"{self.expected[0]:g} to {self.expected[1]:g}{allowance}{where}"
        sign = {"close": "", "at-most": "≤ ", "at-least": "≥ ", "above": "> ", "below": "< "}[self.comparison]
        return f"{sign}{self.expected:.5g}{allowance}{where}"


class ClaimEntry(Model):
    """A statement and the checks that decide it, all of which must hold; an entry of a claims file.

    Args:
        id: unique name.
        kind: "finding" (published, empirical), "theorem" (published, checked here) or "control" (this book's own
            question, derivation or control).
        source: who said it and where.
        statement: what is claimed, in one sentence.
        checks: the first is the headline.
        decided_by: the smallest profile that can decide it.
        min_seeds: the fewest seeds that can.
        exact: one run decides it, because it has no spread over seeds: an identity, a bound on all draws.
        because: why it has none; said exactly where ``exact`` is.
    """

    id: Annotated[str, Field(pattern=r"^[a-z0-9.-]+$")]
    kind: Literal["finding", "theorem", "control"]
    source: Source
    statement: Text
    checks: Annotated[tuple[Check, ...], Field(min_length=1)]
    decided_by: Literal["smoke", "quick", "paper"] = "quick"
    min_seeds: Annotated[int, Field(ge=1, strict=True)] = 1
    exact: Annotated[bool, Field(strict=True)] = False
    because: Text | None = None

    @model_validator(mode="after")
    def _exact_has_a_reason(self) -> Self:
        if self.exact != (self.because is not None):
            raise ValueError("'exact: true' and 'because', why one run decides it, go together")
        if self.exact and any(check.over == "most" for check in self.checks):
            raise ValueError("an exact claim holds in all runs; 'over: most' has no place in it")
        return self

    @property
    def cite(self) -> str:
        """Return the key of the source in the bibliography."""
        return self.source.cite

    @property
    def place(self) -> str:
        """Return the place in the source."""
        return self.source.place


class Claim(ClaimEntry):
    """A claim with the chapter that measures it, which its file is named after."""

    chapter: str


def load_claims(folder: Path) -> list[Claim]:
    """Read every claims file of a folder.

    Args:
        folder: holds ``<chapter>.yml`` files.

    Returns:
        The claims, chapter by chapter, in the files' order.

    Raises:
        ClaimError: a file can't be read, a key is missing, unknown or of the wrong kind, or an id stands twice.
    """
    claims: list[Claim] = []
    for path in sorted(folder.glob("*.yml")):
        try:
            entries = yaml.safe_load(path.read_text()) or []
        except yaml.YAMLError as error:
            raise ClaimError(f"{path}: not valid YAML: {str(error).splitlines()[0]}") from error
        if not isinstance(entries, list):
            raise ClaimError(f"{path}: a claims file is a list of claims, each beginning with '- id: ...'")
        for number, entry in enumerate(entries):
            claim = _claim(entry, path, number)
            if any(claim.id == other.id for other in claims):
                raise ClaimError(f"{path}: claim {claim.id!r} stands twice; ids must be unique")
            claims.append(claim)
    return claims


def _claim(entry: Any, path: Path, number: int) -> Claim:
    name = entry.get("id", f"number {number + 1}") if isinstance(entry, dict) else f"number {number + 1}"
    try:
        checked = ClaimEntry.model_validate(entry)
    except ValidationError as error:
        raise ClaimError(f"{path}: claim {name!r}: {one_line(error, ClaimEntry)}") from error
    return Claim.model_construct(**dict(checked), chapter=path.stem)
