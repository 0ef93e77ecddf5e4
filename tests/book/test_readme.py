"""The README tells the truth: its code runs and prints what it says, its commands and files exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from descent.book.run.parameters import parameters_of, read_chapter

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_the_example_runs_and_prints_what_is_shown(tmp_path):
    code, shown = re.search(r"```python\n(.*?)```\s+```text\n(.*?)```", README, re.DOTALL).groups()
    assert len([line for line in code.splitlines() if line and "import" not in line]) <= 10
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True
    )
    # the last digits of a distance of 1e-12 are rounding
    assert re.sub(r"(?<=SGA: after 100 steps )\S+", "tiny", done.stdout) == re.sub(
        r"(?<=SGA: after 100 steps )\S+", "tiny", shown
    )
    assert float(re.search(r"SGA: after 100 steps (\S+)", done.stdout)[1]) < 1e-10


def test_the_commands_exist():
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"(?:`|^)make ([a-z]+)", README, re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for line in re.findall(r"^\.venv/bin/descent (.+?)(?: {2,}#.*)?$", README, re.MULTILINE):
        command, chapter, *rest = line.split()
        known = parameters_of(read_chapter(ROOT / chapter))
        assert command in ("run", "params") and all(rest[i + 1] in known for i, word in enumerate(rest) if word == "-p")


def test_the_files_exist():
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert len(links) >= 5 and all((ROOT / link).exists() for link in links)


@pytest.mark.parametrize("field", ["cff-version", "message", "title", "authors", "version", "license"])
def test_the_citation_is_complete(field):
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation[field]
    assert f'version = "{citation["version"]}"' in (ROOT / "pyproject.toml").read_text()
