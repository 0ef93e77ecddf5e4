"""What the files of a certificate say, checked as they are read: claims, measurements, verdicts."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import yaml

from descent.evidence.certificates.opened import ABOUT, METADATA, SEALS, CertificateError, Files, digest, unsealed
from descent.evidence.claims import KINDS, PROFILES, Check, Claim, Source

VERDICTS = "verdicts.json"
FORMAT = 1
COMPARISONS = ("close", "at-most", "at-least", "between", "above", "below")

Measured = Mapping[str, float | list[float]]


@dataclass(frozen=True)
class Run:
    """One run: what it measured, and what it says of where and how."""

    measurements: Measured
    environment: dict[str, Any]

    @property
    def device(self) -> str:
        """Return what it ran on."""
        kinds = self.environment.get("devices")
        name = self.environment.get("processor") or self.environment.get("machine") or "unknown"
        return f"{', '.join(map(str, kinds)) if isinstance(kinds, list) else 'device'}: {name}"


@dataclass(frozen=True)
class Certificate:
    """A certificate's content.

    Args:
        profile: of the runs.
        counts_as: the built-in profile whose claims it is large enough to decide.
        claims: chapter by chapter, in the book's order.
        runs: chapter -> its runs.
        verdicts: claim -> the verdict as it was written down.
    """

    profile: str
    counts_as: str
    claims: list[Claim]
    runs: dict[str, list[Run]]
    verdicts: dict[str, dict[str, Any]]

    @property
    def devices(self) -> list[str]:
        """Return what the runs were made on, each once."""
        return sorted({run.device for runs in self.runs.values() for run in runs})


def read_certificate(files: Files) -> Certificate:
    """Return what a certificate's files say.

    Raises:
        CertificateError: one is missing, or says what no certificate does; the message names it.
    """
    about = _mapping(read_json(files, ABOUT), ABOUT)
    if about.get("format") != FORMAT:
        raise CertificateError(f"{ABOUT} is of format {about.get('format')!r}; this judge reads {FORMAT}")
    if about.get("counts_as") not in PROFILES or not isinstance(about.get("profile"), str):
        raise CertificateError(f"{ABOUT} wants 'profile', a name, and 'counts_as', one of {', '.join(PROFILES)}")
    chapters = about.get("chapters")
    if not isinstance(chapters, list) or not chapters or not all(isinstance(name, str) for name in chapters):
        raise CertificateError(f"{ABOUT} wants 'chapters', a list of names")
    claims = [claim for chapter in chapters for claim in _claims(files, chapter)]
    ids = [claim.id for claim in claims]
    if len(set(ids)) < len(ids):
        raise CertificateError("claims: an id stands twice")
    runs = {chapter: _runs(files, chapter, about["profile"]) for chapter in chapters}
    return Certificate(about["profile"], about["counts_as"], claims, runs, _verdicts(files))


def read_json(files: Files, name: str) -> Any:
    """Return what a JSON file of a certificate says.

    Raises:
        CertificateError: it is missing or no JSON.
    """
    try:
        return json.loads(_content(files, name), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        if isinstance(error, CertificateError):
            raise
        raise CertificateError(f"{name} is no JSON: {error}") from error


def undescribed(files: Files) -> list[str]:
    """Return a line for each sealed file of which the crate's metadata says nothing, or something else than it is.

    Raises:
        CertificateError: the metadata is missing or no JSON-LD of a crate.
    """
    graph = _mapping(read_json(files, METADATA), METADATA).get("@graph")
    if not isinstance(graph, list) or not all(isinstance(entity, dict) for entity in graph):
        raise CertificateError(f"{METADATA} wants '@graph', a list of entities")
    hashes = {entity.get("@id"): entity.get("sha256") for entity in graph}
    sizes = {entity.get("@id"): entity.get("contentSize") for entity in graph}
    found = []
    for name in sorted(set(files) - {METADATA, *unsealed(files)}):
        if name not in hashes:
            found.append(f"{METADATA} does not describe {name}")
        elif name != SEALS and (hashes[name], sizes[name]) != (digest(files[name]), str(len(files[name]))):
            found.append(f"{METADATA} describes another {name}: its hash or its size differs")
    return found


def _content(files: Files, name: str) -> bytes:
    if name not in files:
        raise CertificateError(f"{name} is missing")
    return files[name]


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"it holds {word}, which is no number")


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise CertificateError(f"{where} holds {str(value)[:40]!r}; it wants named entries")
    return value


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise CertificateError(f"{where} is {str(value)[:40]!r}; it wants a finite number")
    return float(value)


def _claims(files: Files, chapter: str) -> list[Claim]:
    name = f"claims/{chapter}.yml"
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        content = _content(files, name).decode()
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(content, loader)):
            raise CertificateError(f"{name} holds an alias, which can make a short text endless")
        entries = yaml.load(content, loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, CertificateError):
            raise
        raise CertificateError(f"{name} is no YAML: {' '.join(str(error).split())[:120]}") from error
    if not isinstance(entries, list):
        raise CertificateError(f"{name} is no list of claims")
    claims = []
    for place, entry in enumerate(entries):
        where = f"{name}: claim {place + 1}"
        try:
            claims.append(_claim(_mapping(_plain(entry), where), chapter, where))
        except (KeyError, TypeError) as error:
            raise CertificateError(f"{where} is none: {type(error).__name__} {error}") from error
    return claims


def _claim(entry: dict[str, Any], chapter: str, where: str) -> Claim:
    if entry["kind"] not in KINDS or entry.get("decided_by", PROFILES[1]) not in PROFILES:
        raise CertificateError(f"{where}: its kind or 'decided_by' is none that there is")
    if type(entry.get("min_seeds", 1)) is not int or type(entry.get("exact", False)) is not bool:
        raise CertificateError(f"{where}: 'min_seeds' wants a whole number, 'exact' true or false")
    if not all(isinstance(entry[key], str) for key in ("id", "statement")) or not entry["checks"]:
        raise CertificateError(f"{where}: it wants an id, a statement and checks")
    source = Source.model_construct(cite=str(entry["source"]["cite"]), place=str(entry["source"]["place"]))
    checks = tuple(_check(_mapping(check, where), where) for check in entry["checks"])
    return Claim.model_construct(**{**entry, "source": source, "checks": checks, "chapter": chapter})


def _check(entry: dict[str, Any], where: str) -> Check:
    expected = entry["expected"]
    if entry["comparison"] not in COMPARISONS or entry.get("over", "mean") not in ("mean", "most"):
        raise CertificateError(f"{where}: a check's 'comparison' or 'over' is none that there is")
    if isinstance(expected, list) != (entry["comparison"] == "between") or not isinstance(entry["measurement"], str):
        raise CertificateError(f"{where}: a check wants a measurement and a number; 'between' a pair")
    bounds = tuple(_number(bound, where) for bound in (expected if isinstance(expected, list) else [expected]))
    if len(bounds) > 2:
        raise CertificateError(f"{where}: 'between' wants a pair")
    allowed = {key: _number(entry.get(key, 0.0), where) for key in ("tolerance", "relative")}
    texts = {key: str(entry[key]) for key in ("label", "reason")}
    number = bounds if len(bounds) == 2 else bounds[0]
    return Check.model_construct(**{**entry, **allowed, **texts, "expected": number})


def _plain(value: Any) -> Any:
    """Return YAML with its texts on one line each, as the judge reads them."""
    if isinstance(value, str):
        return " ".join(value.split())
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def _runs(files: Files, chapter: str, profile: str) -> list[Run]:
    name = f"measurements/{chapter}.json"
    data = _mapping(read_json(files, name), name)
    if (data.get("chapter"), data.get("profile")) != (chapter, profile):
        raise CertificateError(f"{name} is of {data.get('chapter')!r} in {data.get('profile')!r}, not of this one")
    replicates = data.get("replicates")
    if not isinstance(replicates, list) or not replicates:
        raise CertificateError(f"{name} wants 'replicates', a list of runs")
    return [_run(_mapping(replicate, name), f"{name}: replicates.{k}") for k, replicate in enumerate(replicates)]


def _run(replicate: dict[str, Any], where: str) -> Run:
    measured: dict[str, float | list[float]] = {}
    for key, value in _mapping(replicate.get("measurements"), f"{where}.measurements").items():
        at = f"{where}.measurements.{key}"
        if value == []:
            raise CertificateError(f"{at} is empty")
        measured[key] = [_number(one, at) for one in value] if isinstance(value, list) else _number(value, at)
    return Run(measured, _mapping(replicate.get("environment"), f"{where}.environment"))


def _verdicts(files: Files) -> dict[str, dict[str, Any]]:
    entries = read_json(files, VERDICTS)
    if not isinstance(entries, list) or not all(isinstance(e, dict) and isinstance(e.get("id"), str) for e in entries):
        raise CertificateError(f"{VERDICTS} is no list of verdicts")
    found = {entry["id"]: entry for entry in entries}
    if len(found) < len(entries):
        raise CertificateError(f"{VERDICTS} holds two verdicts on one claim")
    return found
