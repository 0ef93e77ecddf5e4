"""How a certificate describes itself: to machines as RO-Crate 1.1 and Process Run Crate, to codecheckers, to readers.

Sources: RO-Crate Metadata Specification 1.1; Process Run Crate 0.5, whose runs are ``CreateAction``s that an
instrument made; CODECHECK configuration file 1.0, of which this is the authors' part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import yaml

from descent.evidence.certificates.opened import ABOUT, METADATA, SEALS, Files, digest
from descent.evidence.certificates.records import VERDICTS
from descent.evidence.certificates.verify import FOLDER, HONESTLY
from descent.evidence.verdicts import OUTCOMES, Verdict

CRATE = "https://w3id.org/ro/crate/1.1"
PROCESS = "https://w3id.org/ro/wfrun/process/0.5"
CONTEXT = [f"{CRATE}/context", "https://w3id.org/ro/terms/workflow-run/context"]  # the second knows sha256
CODECHECK = "https://codecheck.org.uk/spec/config/1.0/"
LICENCES = "https://spdx.org/licenses/"
FORMATS = {
    ".json": "application/json", ".yml": "application/yaml", ".py": "text/x-python", ".md": "text/markdown",
    ".txt": "text/plain",
}  # fmt: skip
SAID = {
    ABOUT: "Which chapters and profile this certificate is of",
    VERDICTS: "The verdict on every claim, with each check",
    SEALS: "SHA-256 of every file, in the format of sha256sum; the last line is the hash of the lines above it",
    "codecheck.yml": "What a codechecker needs to know",
    "README.md": "How to judge this certificate again",
    "__main__.py": "Judges this certificate again",
}


@dataclass(frozen=True)
class Book:
    """What is certified of: the book, by its CITATION.cff and _config.yml."""

    title: str
    abstract: str
    version: str
    licence: str
    authors: Sequence[str]
    address: str


@dataclass(frozen=True)
class Contents:
    """A certificate's evidence.

    Args:
        book: that makes the claims.
        profile: of the runs.
        day: of publication.
        runs: chapter -> its runs, with measurements, timings, environment.
        sources: chapter -> where they come from, in words.
        verdicts: on all claims.
    """

    book: Book
    profile: str
    day: str
    runs: Mapping[str, list[dict[str, Any]]]
    sources: Mapping[str, str]
    verdicts: Sequence[Verdict]

    @property
    def name(self) -> str:
        """Return what it is called."""
        chapters = ", ".join(self.runs) if len(self.runs) < 4 else f"{len(self.runs)} chapters"
        return f"Certificate of “{self.book.title}”: {chapters}, profile {self.profile}"

    @property
    def outcomes(self) -> str:
        """Return how many claims ended how."""
        counted = Counter(verdict.verdict for verdict in self.verdicts)
        return ", ".join(f"{counted[outcome]} {outcome}" for outcome in OUTCOMES if counted[outcome])


def metadata(contents: Contents, files: Files) -> dict[str, Any]:
    """Return ``ro-crate-metadata.json``: every file, every run with its device and versions, and the judging.

    Args:
        contents: what the files were written from.
        files: all of them but this one and the seals, which hold this one's.
    """
    book = contents.book
    licence = f"{LICENCES}{book.licence}"
    people = [{"@id": f"#author-{k}", "@type": "Organization", "name": name} for k, name in enumerate(book.authors)]
    parts = [_file(name, files.get(name)) for name in sorted({*files, SEALS})]
    software, actions = _runs(contents)
    judge = {
        "@id": "#judge",
        "@type": "SoftwareApplication",
        "name": "descent verify",
        "description": f"The judge of “{book.title}”, a copy of which is {FOLDER}/",
        "softwareVersion": book.version,
        "softwareRequirements": "Python 3.11 or later, NumPy, SciPy, PyYAML",
        **({"url": book.address} if book.address else {}),
    }
    judging = {
        "@id": "#judging",
        "@type": "CreateAction",
        "name": "Judging of the claims by the measurements",
        "description": "python __main__.py, or descent verify",
        "endTime": contents.day,
        "instrument": {"@id": "#judge"},
        "object": [{"@id": f"{folder}/{chapter}.{kind}"} for chapter in contents.runs for folder, kind in
                   (("claims", "yml"), ("measurements", "json"))],
        "result": {"@id": VERDICTS},
    }  # fmt: skip
    root = {
        "@id": "./",
        "@type": "Dataset",
        "conformsTo": {"@id": PROCESS},
        "name": contents.name,
        "description": f"Measurements, claims and verdicts ({contents.outcomes}), sealed, for others to judge again. "
        f"{book.abstract}",
        "datePublished": contents.day,
        "license": {"@id": licence},
        "author": _ids(people) if len(people) > 1 else _ids(people)[0],
        "publisher": _ids(people[:1])[0],
        "hasPart": _ids(parts),
        "mentions": _ids([*actions, judging]),
    }
    graph = [
        {"@id": METADATA, "@type": "CreativeWork", "about": {"@id": "./"}, "conformsTo": {"@id": CRATE}},
        root,
        {"@id": PROCESS, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"},
        {"@id": licence, "@type": "CreativeWork", "name": book.licence, "description": f"The {book.licence} licence"},
        *people,
        judge,
        *software,
        *actions,
        judging,
        *parts,
    ]
    return {"@context": CONTEXT, "@graph": graph}


def codecheck(contents: Contents) -> str:
    """Return ``codecheck.yml``: the authors' part; who checks adds codechecker, report and the rest."""
    book = contents.book
    manifest = [
        {"file": f"measurements/{chapter}.json", "comment": f"what chapter {chapter} measured, run by run"}
        for chapter in contents.runs
    ]
    manifest.append({"file": VERDICTS, "comment": "the verdict on each of its claims"})
    said: dict[str, Any] = {
        "version": CODECHECK,
        "manifest": manifest,
        "paper": {
            "title": book.title,
            "authors": [{"name": name} for name in book.authors],
            "reference": book.address or f"{book.title}, version {book.version}",
        },
        "source": "each file of measurements/ names the commit, the parameters and the device of its runs",
    }
    if book.address:
        said["repository"] = book.address
    note = (
        "# Nobody has checked this yet: codechecker, report, check_time and certificate are for who does.\n"
        "# How to make each file again stands in README.md; timings and environments will differ.\n"
    )
    return f"%YAML 1.1\n---\n{note}{yaml.safe_dump(said, sort_keys=False, allow_unicode=True, width=100)}"


def readme(contents: Contents, name: str) -> str:
    """Return ``README.md`` of a certificate that is called so."""
    chapters = "\n".join(f"- {chapter}: {contents.sources[chapter]}" for chapter in contents.runs)
    return f"""# {contents.name}

{len(contents.verdicts)} claims: {contents.outcomes}.

{chapters}

## Judge it again

```bash
descent verify {name}    # with the book's library; it loads no TensorFlow
python {name}            # with the judge in this certificate; needs Python 3.11, NumPy, SciPy and PyYAML
```

The first uses your judge, and is the one to trust of a stranger's certificate. Either takes seconds, and says which
file is not what was sealed and which verdict does not follow from the measurements. `sha256sum -c {SEALS}`
checks the seals alone, in the unpacked folder.

{HONESTLY} in a checkout of the commit that `environment` in `measurements/` names,
`make book PROFILE={contents.profile} CHAPTER=...`, then `descent certify`. Another device sums in another order, so
that numbers may differ where verdicts should not.

## What is here

- `measurements/`: what each run measured, with commit, versions, device, parameters and hashes of what it depends on.
- `claims/`: what was claimed, check by check, as it was judged.
- `{VERDICTS}`: the verdicts.
- `{METADATA}` (RO-Crate), `codecheck.yml` (CODECHECK), `{SEALS}`, `{FOLDER}/`: for machines.
"""


def _file(name: str, content: bytes | None) -> dict[str, Any]:
    """Describe a file; ``content`` is None for the seals, which are written last."""
    folder, _, base = name.rpartition("/")
    ending = base[base.rfind(".") :]
    chapter = base.removesuffix(ending)
    said = {
        "measurements": f"What chapter {chapter} measured, run by run, with the environment of each run",
        "claims": f"What chapter {chapter} claims, as it was judged",
    }.get(folder) or SAID.get(name, "A part of the judge, as the book's library has it")
    described: dict[str, Any] = {
        "@id": name,
        "@type": "File",
        "name": base,
        "description": said,
        "encodingFormat": FORMATS[ending],
    }
    return described if content is None else {**described, "contentSize": str(len(content)), "sha256": digest(content)}


def _runs(contents: Contents) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the book's software, by commit, and the runs that it made."""
    software, actions = {}, []
    for chapter, runs in contents.runs.items():
        for place, run in enumerate(runs):
            said = run["environment"]
            commit = said.get("commit", "unknown")
            software[commit] = {
                "@id": f"#descent-{commit}",
                "@type": "SoftwareApplication",
                "name": "descent",
                "description": f"The library and pipeline of “{contents.book.title}”, commit {commit}",
                "softwareVersion": f"{contents.book.version}+{commit[:12]}",
                **({"url": contents.book.address} if contents.book.address else {}),
            }
            actions.append(
                {
                    "@id": f"#run-{chapter}-{place}",
                    "@type": "CreateAction",
                    "name": f"Run {place} of chapter {chapter}, profile {contents.profile}",
                    "description": _description(said),
                    "instrument": {"@id": f"#descent-{commit}"},
                    "result": {"@id": f"measurements/{chapter}.json"},
                    **_times(said),
                }
            )
    return list(software.values()), actions


def _description(said: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in (said.get("versions") or {}).items())
    parameters = ", ".join(f"{name}={value}" for name, value in (said.get("parameters") or {}).items())
    device = f"{', '.join(said.get('devices') or ['unknown device'])}, {said.get('processor') or said.get('machine')}"
    return f"On {device}, {said.get('cores')} cores. Parameters: {parameters or 'the defaults'}. Versions: {versions}."


def _times(said: Mapping[str, Any]) -> dict[str, str]:
    if not said.get("started"):
        return {}
    start = datetime.fromisoformat(said["started"])
    end = start + timedelta(seconds=said.get("wall_seconds", 0.0))
    return {"startTime": start.isoformat(timespec="seconds"), "endTime": end.isoformat(timespec="seconds")}


def _ids(entities: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    return [{"@id": entity["@id"]} for entity in entities]
