"""Pictures of archived runs: ``results/paper/<chapter>/``, shown where a page has a block ``{published} name``."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Mapping
from html import escape
from pathlib import Path

from PIL import Image

from descent.book.errors import UserError
from descent.book.project import Project
from descent.book.report.report import plain, stale
from descent.book.report.results import ARCHIVE_PROFILE, Evidence
from descent.book.text import read_text
from descent.evidence.files import write_if_changed

BLOCK = re.compile(r"^```\{published\} ([\w-]+)[ \t]*$", re.MULTILINE)
LARGEST = 150_000  # bytes of an SVG; a scatter of many points is smaller as pixels


def pictures(project: Project, profile: str, chapter: str) -> dict[str, Path]:
    """Return the pictures that are kept of a chapter's archived runs, by name."""
    folder = project.root / "results" / profile / chapter
    return {path.stem: path for path in sorted(folder.glob("*.[sp][vn]g"))}


def keep(project: Project, profile: str, chapter: str, drawn: Path) -> dict[str, str]:
    """Copy the figures that the chapter's page asks for beside its archived measurements, and remove others.

    Args:
        project: the checkout.
        profile: of the runs.
        chapter: its name.
        drawn: the run's folder of figures.

    Returns:
        File name -> SHA-256, for the archive.

    Raises:
        UserError: the run has not drawn one of them.
    """
    folder = project.root / "results" / profile / chapter
    kept = {}
    for name in BLOCK.findall(read_text(project.page(chapter))) if profile == ARCHIVE_PROFILE else ():
        if not (drawn / f"{name}.svg").is_file():
            raise UserError(f"chapters/{chapter}.md: {{published}} {name}: the run has drawn no figure of that name")
        content = (drawn / f"{name}.svg").read_bytes()
        if len(content) > LARGEST:
            kept[f"{name}.png"] = _small(drawn / f"{name}.png")
        else:
            kept[f"{name}.svg"] = content
    for path in pictures(project, profile, chapter).values():
        if path.name not in kept:
            path.unlink()
    for name, content in kept.items():
        write_if_changed(folder / name, content)
    return {name: hashlib.sha256(content).hexdigest() for name, content in sorted(kept.items())}


def published_figure(evidence: Evidence, page: str, name: str, entry: Mapping[str, str]) -> str:
    """Return a picture of the archived runs with what it shows and which runs it is of; nothing while none is kept.

    Args:
        evidence: its archive.
        page: the chapter.
        name: of the figure, as the chapter saves it.
        entry: ``alt`` and ``caption``, about the picture that is kept and no other.
    """
    if not name or entry.keys() != {"alt", "caption"}:
        raise UserError(f"chapters/{page}.md: a published block is '```{{published}} name' and has alt and caption")
    archive, picture = evidence.archives.get(page), pictures(evidence.project, ARCHIVE_PROFILE, page).get(name)
    if archive is None or picture is None:
        return ""
    run = archive.replicates[0].environment
    changed = evidence.changed.get(page, ())
    told = f"; {stale(changed)}" if changed else ""
    where = f"Published scale, {run['started'][:10]}, commit {run['commit'][:10]}{told}."
    caption = " ".join(entry["caption"].split())
    return (
        f'<figure class="published" id="published-{name}">'
        f'<img src="../published/{page}/{picture.name}" alt="{escape(" ".join(entry["alt"].split()))}">'
        f'<figcaption>{escape(caption)} <span class="published-run">{escape(plain(where))}</span></figcaption></figure>'
    )


def check_published(project: Project) -> list[str]:
    """Return what is wrong with pictures of archived runs, a line each: missing, or not those that were archived."""
    wrong = []
    for chapter in project.chapters:
        archive = project.archive(ARCHIVE_PROFILE, chapter)
        kept = pictures(project, ARCHIVE_PROFILE, chapter)
        for name in BLOCK.findall(read_text(project.page(chapter))):
            if name not in kept:
                wrong.append(
                    f"chapters/{chapter}.md: {{published}} {name} is not in results/paper/{chapter}; archive it"
                )
        told = archive.figures if archive else {}
        found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in kept.values()}
        if found != told:
            names = ", ".join(sorted({name for name, _ in found.items() ^ told.items()}))
            wrong.append(f"results/paper/{chapter}: {names} are not what was archived; archive the chapter again")
    return wrong


def _small(path: Path) -> bytes:
    with Image.open(path) as image:
        buffer = io.BytesIO()
        image.convert("RGB").quantize(128).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
