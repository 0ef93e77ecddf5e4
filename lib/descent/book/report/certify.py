"""Certificates: what runs measured, the claims as they were judged and the verdicts, sealed: ``descent certify``."""

from __future__ import annotations

import argparse
import io
import json
import sys
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from descent.book.errors import UserError
from descent.book.project import Project
from descent.book.report.archive import measured
from descent.book.report.crate import Book, Contents, codecheck, metadata, readme
from descent.book.report.report import stale
from descent.book.report.results import Evidence
from descent.book.run.integrity import damage
from descent.book.run.run import Run, runs
from descent.book.run.why import changed, changed_since
from descent.book.text import read_text, read_yaml
from descent.evidence.certificates.opened import ABOUT, METADATA, SEALS, Files, number, sealed
from descent.evidence.certificates.records import FORMAT, VERDICTS, read_certificate
from descent.evidence.certificates.verify import FOLDER, JUDGE, judged
from descent.evidence.code import LIBRARY
from descent.evidence.files import dump_json, write_atomically

MAIN = '''"""Judge this certificate again: python {here}

It needs Python 3.11, NumPy, SciPy and PyYAML, and writes nothing. This runs the judge that came with the certificate.
Of a stranger's certificate, run your own: descent verify {here}
"""

import sys

if sys.version_info < (3, 11):
    sys.exit("judging again needs Python 3.11 or later")
sys.dont_write_bytecode = True
here = sys.path[0]
sys.path.insert(0, here + "/{folder}")

try:
    from descent.evidence.certificates.verify import main
except ModuleNotFoundError as error:
    sys.exit(f"{{error}}: judging again needs NumPy, SciPy and PyYAML: pip install numpy scipy pyyaml")
sys.exit(main([here]))
'''


def command(options: argparse.Namespace) -> int:
    """Run ``descent certify``."""
    project = Project.find()
    evidence = Evidence(project, project.profile(options.profile))
    to = options.to or project.build / "certificates" / f"{options.profile}.zip"
    day = datetime.now(UTC).date().isoformat()
    name, contents = certify(evidence, options.chapter, to, options.archived, day)
    print(f"{to}: {len(contents.verdicts)} claims of {len(contents.runs)} chapters: {contents.outcomes}")
    print(f"certificate {name}")
    for chapter, source in contents.sources.items():
        print(f"  {chapter}: {source}", file=sys.stderr)
    print(f"to judge it again: descent verify {to}", file=sys.stderr)
    return 0


def certify(evidence: Evidence, chapters: Sequence[str], to: Path, archived: bool, day: str) -> tuple[str, Contents]:
    """Write the certificate of chapters: a research object (RO-Crate), as a folder, or zipped if ``to`` ends in .zip.

    Args:
        evidence: of the profile.
        chapters: which; those that have finished runs here, or archived ones, if none is named.
        to: where to.
        archived: take the archived runs even of chapters that have finished runs here.
        day: of publication, year-month-day.

    Returns:
        The certificate's number and what it is made of.

    Raises:
        UserError: a chapter claims nothing, or has neither finished nor archived runs; or ``to`` can't be written.
    """
    zipped = to.suffix == ".zip"
    if to.exists() and (to.is_dir() if zipped else not to.is_dir() or any(to.iterdir())):
        raise UserError(f"can't write {to}, which is there: name an empty folder, or a file that ends in .zip")
    files, contents = _contents(evidence, chapters, archived, day)
    files |= {f"{FOLDER}/descent/{name}": (LIBRARY / name).read_bytes() for name in JUDGE}
    files["__main__.py"] = MAIN.format(here=to.name, folder=FOLDER).encode()
    files["codecheck.yml"] = codecheck(contents).encode()
    files["README.md"] = readme(contents, to.name).encode()
    files[METADATA] = dump_json(metadata(contents, files)).encode()
    files[SEALS] = sealed(files)
    if zipped:
        write_atomically(to, _zip(files))
    else:
        for name, content in files.items():
            write_atomically(to / name, content)
    return number(files), contents


def _contents(evidence: Evidence, chapters: Sequence[str], archived: bool, day: str) -> tuple[Files, Contents]:
    """Return the files that hold evidence, and what the rest is written from."""
    project, profile = evidence.project, evidence.profile
    files: Files = {}
    measurements: dict[str, list[dict[str, Any]]] = {}
    sources: dict[str, str] = {}
    for chapter in project.known(chapters):
        claims = project.root / "chapters" / "claims" / f"{chapter}.yml"
        found = _measured(evidence, chapter, archived)
        if not claims.is_file() or found is None:
            if chapters and not claims.is_file():
                raise UserError(f"{chapter} claims nothing, so there is nothing to certify")
            if chapters:
                raise UserError(
                    f"{chapter}: neither finished nor archived runs in the {profile.name} profile; run 'make book "
                    f"PROFILE={profile.name} CHAPTER={chapter}' first"
                )
            continue
        sources[chapter], content = found
        files[f"measurements/{chapter}.json"] = content
        files[f"claims/{chapter}.yml"] = claims.read_bytes()
        measurements[chapter] = json.loads(content)["replicates"]
    if not measurements:
        raise UserError(
            f"no chapter has finished or archived runs in the {profile.name} profile: run 'make book' first"
        )
    about = {"chapters": list(measurements), "counts_as": profile.counts_as, "format": FORMAT, "profile": profile.name}
    files[ABOUT] = dump_json({**about, "evidence": sources}).encode()
    files[VERDICTS] = b"[]"
    verdicts = judged(read_certificate(files))
    files[VERDICTS] = dump_json([verdict.as_dict() for verdict in verdicts]).encode()
    return files, Contents(_book(project), profile.name, day, measurements, sources, verdicts)


def _measured(evidence: Evidence, chapter: str, archived: bool) -> tuple[str, bytes] | None:
    """Return where a chapter's measurements come from and the file that holds them, None if there are none."""
    finished = [] if archived else evidence.runs(chapter)
    wanted = list(runs(evidence.project, evidence.profile.name, chapter))
    if finished and len(finished) >= len(wanted):
        for folder in finished:
            if name := damage(folder):
                raise UserError(f"{folder}: {name} is damaged: run make book, which makes the run again")
        kept = {"chapter": chapter, "profile": evidence.profile.name, "replicates": [measured(run) for run in finished]}
        return _since("runs of this build", [changed(run) or [] for run in wanted]), dump_json(kept).encode()
    archive = evidence.project.archive(evidence.profile.name, chapter)
    if archive is None:
        return None
    path = evidence.project.root / "results" / evidence.profile.name / f"{chapter}.json"
    names = []
    for place, run in enumerate(archive.replicates):
        now = Run(evidence.project, evidence.profile.name, chapter, run.environment.get("replicate", place))
        names.append(changed_since(now, run.environment, archived=True))
    return _since("archived runs", names), path.read_bytes()


def _since(source: str, names: Sequence[Sequence[str]]) -> str:
    """Say what has changed since runs were made, which were judged today."""
    every = list(dict.fromkeys(name for several in names for name in several))
    return f"{source}; {stale(every)}" if every else source


def _book(project: Project) -> Book:
    path = project.root / "CITATION.cff"
    said = read_yaml(read_text(path), path)
    try:
        authors = [
            author.get("name") or f"{author['given-names']} {author['family-names']}" for author in said["authors"]
        ]
        address = (project.settings.get("repository") or {}).get("url") or ""
        return Book(said["title"], said["abstract"], str(said["version"]), said["license"], authors, address)
    except (AttributeError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: it wants title, abstract, version, license and authors with names: {error}"
        ) from error


def _zip(files: Files) -> bytes:
    """Return files as a zip of which the same files give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files, key=lambda name: (name != METADATA, name)):
            entry = zipfile.ZipInfo(name)  # of 1980, the first day of zips
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, files[name])
    return buffer.getvalue()
