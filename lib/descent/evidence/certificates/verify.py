"""Judge certificates again: are they what was sealed, and do the verdicts follow from the measurements?

This is the judge that the book's own verdicts come from (``descent.evidence.verdicts``); there is no other.
"""

from __future__ import annotations

import argparse
import os
import pkgutil
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from descent.evidence.certificates.opened import (
    CertificateError,
    Files,
    broken,
    certificates,
    number,
    read_files,
    unsealed,
)
from descent.evidence.certificates.records import VERDICTS, Certificate, read_certificate, undescribed
from descent.evidence.verdicts import OUTCOMES, Verdict, judge, merge

# The judge, as files of this package: what a certificate carries of it, and what its verdicts depend on.
JUDGE = (
    "__init__.py",
    *(
        f"evidence/{name}.py"
        for name in (
            *("__init__", "claims", "decisions", "files", "intervals", "measurements", "power", "validation"),
            *("verdicts", "certificates/__init__", "certificates/devices", "certificates/opened"),
            *("certificates/records", "certificates/stand_in", "certificates/verify"),
        )
    ),
)
FOLDER = "judge"  # of a certificate
MOST = 12  # lines of one kind
DIGITS = 1e-6  # relative; other versions of NumPy and SciPy may round otherwise
IN_WORDS = ("why", "more_seeds", "detectable")  # may differ by the judge's version
HONESTLY = (
    "What no file can show is that these measurements were made as they say: whoever changes them can seal them anew. "
    "Only a run shows it:"
)


@dataclass(frozen=True)
class Verified:
    """A certificate, judged again.

    Args:
        path: where it lies.
        number: the hash of its seals.
        files: how many are sealed.
        certificate: what it says; None where it can't be read.
        verdicts: by its measurements and claims.
        problems: why it does not hold, a line each; none if it does.
        notes: what is to be known of it besides, a line each.
    """

    path: Path
    number: str = ""
    files: int = 0
    certificate: Certificate | None = None
    verdicts: list[Verdict] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Say whether all is as it was sealed, and every verdict follows."""
        return not self.problems


def verify(path: Path, book: Path | None = None) -> Verified:
    """Judge a certificate again.

    Args:
        path: a folder or a zip.
        book: the folder of a checkout's claims, to say which of the certificate's are others.
    """
    try:
        files = read_files(path)
    except CertificateError as error:
        return Verified(path, problems=[str(error)])
    problems, notes = broken(files), []
    try:
        if not problems:  # else the metadata differ by what was changed
            problems += undescribed(files)
        certificate = read_certificate(files)
        verdicts = judged(certificate)
    except CertificateError as error:
        problems += [str(error)] if not any(str(error).startswith(line.split()[0]) for line in problems) else []
        return Verified(path, number(files), len(files), problems=problems)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        problems.append(f"its claims or measurements can't be judged: {type(error).__name__}: {error}")
        return Verified(path, number(files), len(files), problems=problems)
    same = _same_judge(files)
    problems += unfounded(certificate, verdicts, () if same else IN_WORDS)
    notes += [f"{name} is not sealed, and so no part of it" for name in unsealed(files)[:MOST]]
    if not same:
        notes.append("it was judged by another version of the judge; the verdicts compared are those of yours")
    notes += _about_the_code(certificate)
    notes += _about_the_claims(files, certificate, book) if book else []
    return Verified(path, number(files), len(files), certificate, verdicts, problems, notes)


def judged(certificate: Certificate) -> list[Verdict]:
    """Return the verdicts that a certificate's measurements give, one per claim."""
    measured = {chapter: merge([run.measurements for run in runs]) for chapter, runs in certificate.runs.items()}
    verdicts = judge(certificate.claims, measured, certificate.counts_as)
    return [Verdict(**{**verdict.as_dict(), "profile": certificate.profile}) for verdict in verdicts]


def unfounded(certificate: Certificate, verdicts: Sequence[Verdict], ignored: Sequence[str] = ()) -> list[str]:
    """Return a line for each verdict written down that does not follow from the measurements.

    Args:
        certificate: with the verdicts as they were written down.
        verdicts: as they follow.
        ignored: entries that may differ.
    """
    found = []
    for verdict in verdicts:
        said, true = certificate.verdicts.get(verdict.id), verdict.as_dict()
        if said is None:
            found.append(f"{VERDICTS} has no verdict on {verdict.id}, which is {verdict.verdict}")
        elif said.get("verdict") != verdict.verdict:
            why = f" ({verdict.why})" if verdict.why else ""
            found.append(
                f"{VERDICTS} says {said.get('verdict')!r} of {verdict.id}; by the measurements it is "
                f"{verdict.verdict!r}{why}"
            )
        elif where := _difference(said, true, ignored):
            found.append(f"{VERDICTS} says of {verdict.id}: {where}")
    claimed = {verdict.id for verdict in verdicts}
    found += [
        f"{VERDICTS} has a verdict on {name}, which is no claim of it" for name in certificate.verdicts.keys() - claimed
    ]
    return found


def text(verified: Verified) -> str:
    """Return what is found of one certificate, as lines for a terminal."""
    lines = []
    certificate = verified.certificate
    if certificate:
        claims = (
            f"{len(certificate.claims)} claims of {len(certificate.runs)} chapter{'s' * (len(certificate.runs) > 1)}"
        )
        lines.append(f"{verified.path}: {claims}, profile {certificate.profile}, on {'; '.join(certificate.devices)}")
        lines.append(f"  certificate {verified.number}")
    if verified.problems:
        lines += [f"{verified.path}: {line}" for line in _shortened(verified.problems)]
        lines.append(f"{verified.path} DOES NOT HOLD")
        return "\n".join(lines)
    counted = Counter(verdict.verdict for verdict in verified.verdicts)
    outcomes = ", ".join(f"{counted[outcome]} {outcome}" for outcome in OUTCOMES if counted[outcome])
    lines.append(f"  seals: all {verified.files} files are what was sealed")
    lines.append(f"  verdicts: all {len(verified.verdicts)} follow from the measurements: {outcomes}")
    lines += [f"  note: {line}" for line in _shortened(verified.notes)]
    lines.append(f"  {HONESTLY}")
    lines += [f"    {line}" for line in reruns(certificate)] if certificate else []
    return "\n".join(lines)


def reruns(certificate: Certificate) -> Iterator[str]:
    """Yield the commands that make a certificate's runs again, one per commit."""
    chapters: dict[str, dict[str, None]] = {}
    for chapter, runs in certificate.runs.items():
        for run in runs:
            chapters.setdefault(str(run.environment.get("commit", "unknown")), {})[chapter] = None
    for commit, names in chapters.items():
        yield f'git checkout {commit} && make book PROFILE={certificate.profile} CHAPTER="{" ".join(names)}"'


def run(paths: Sequence[Path], page: Path | None = None) -> int:
    """Judge certificates again and print what is found; of several, as a table of claims by devices.

    Args:
        paths: certificates, or folders of them.
        page: where to write the table as HTML.

    Returns:
        0 if all hold, else 1.
    """
    from descent.evidence.certificates.devices import Devices

    book = _checkout(Path.cwd())
    found: list[Verified] = []
    for path in paths:
        try:
            found += [verify(one, book) for one in certificates(path)]
        except CertificateError as error:
            found.append(Verified(path, problems=[str(error)]))
    table = Devices(found)
    if len(found) == 1:
        print(text(found[0]))
    else:
        for verified in found:
            if not verified.holds:
                print(text(verified))
        print(table.text())
    if page:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(table.html(), encoding="utf-8")
        print(page)
    return 0 if all(verified.holds for verified in found) else 1


def main(arguments: Sequence[str]) -> int:
    """Run ``python -m descent.evidence.certificates.verify FILE...``; a certificate that is run calls it on itself."""
    parser = argparse.ArgumentParser(prog="verify", description="Judge certificates again.")
    parser.add_argument("file", nargs="+", type=Path, help="certificates (.zip or folder), or folders of them")
    parser.add_argument("--html", type=Path, metavar="PAGE", help="write the table of claims by devices there")
    options = parser.parse_args(arguments)
    try:
        return run(options.file, options.html)
    except BrokenPipeError:  # whoever reads has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _checkout(here: Path) -> Path | None:
    """Return the folder of claims of the checkout around a folder, if it lies in one."""
    roots = (folder for folder in (here, *here.parents) if (folder / "_toc.yml").is_file())
    return next((root / "chapters" / "claims" for root in roots), None)


def _shortened(lines: Sequence[str]) -> list[str]:
    more = len(lines) - MOST
    return [*lines[:MOST], *([f"and {more} more like it"] if more > 0 else [])]


def _same_judge(files: Files) -> bool:
    """Say whether a certificate's judge is this one, byte for byte."""
    return all(files.get(f"{FOLDER}/descent/{name}") == pkgutil.get_data("descent", name) for name in JUDGE)


def _difference(said: Any, true: Any, ignored: Sequence[str], path: str = "") -> str:
    """Return where two verdicts differ first, in words; "" where they are the same but for rounding."""
    if isinstance(said, Mapping) and isinstance(true, Mapping):
        pairs = [(f"{path}.{key}" if path else str(key), said.get(key), true.get(key)) for key in {**true, **said}]
        pairs = [pair for pair in pairs if pair[0].rpartition(".")[2] not in ignored]
    elif isinstance(said, list) and isinstance(true, list | tuple) and len(said) == len(true):
        pairs = [(f"{path}.{k}", a, b) for k, (a, b) in enumerate(zip(said, true, strict=True))]
    elif (said == true and isinstance(said, bool) == isinstance(true, bool)) or _equal_but_for_rounding(said, true):
        return ""
    else:
        return f"{path} is {said!r}, by the measurements {true!r}"
    return next((where for name, a, b in pairs if (where := _difference(a, b, ignored, name))), "")


def _equal_but_for_rounding(said: Any, true: Any) -> bool:
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (said, true))
    return numbers and abs(said - true) <= DIGITS * max(abs(said), abs(true))


def _about_the_code(certificate: Certificate) -> list[str]:
    """Say which runs nobody could repeat."""
    loose = [
        chapter
        for chapter, runs in certificate.runs.items()
        if any(run.environment.get("dirty") or run.environment.get("commit") in (None, "unknown") for run in runs)
    ]
    return [f"made from changes that no commit holds, so nobody could repeat it: {', '.join(loose)}"] if loose else []


def _about_the_claims(files: Files, certificate: Certificate, book: Path) -> list[str]:
    """Say which claims are not those of a checkout."""
    notes = []
    for chapter in certificate.runs:
        path = book / f"{chapter}.yml"
        if not path.is_file():
            notes.append(f"claims/{chapter}.yml: this checkout has no such claims")
        elif path.read_bytes() != files[f"claims/{chapter}.yml"]:
            notes.append(
                f"claims/{chapter}.yml is not that of this checkout: compare it with that of the commit named below"
            )
    return notes


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
