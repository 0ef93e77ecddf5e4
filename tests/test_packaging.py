"""The faces of one environment: pyproject.toml, requirements.lock, environment.yml, Makefile."""

import re
import tomllib
from pathlib import Path

import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = [Requirement(line) for line in (ROOT / "requirements.lock").read_text().splitlines()]


def requirements():
    groups = PROJECT["optional-dependencies"].values()
    everything = [
        Requirement(text) for text in [*PROJECT["dependencies"], *(text for group in groups for text in group)]
    ]
    return [requirement for requirement in everything if requirement.name != PROJECT["name"]]  # one extra names others


def pins(python):
    environment = {**default_environment(), "python_version": python, "python_full_version": f"{python}.9"}
    chosen = [pin for pin in LOCK if pin.marker is None or pin.marker.evaluate(environment)]
    return {canonicalize_name(pin.name): pin for pin in chosen}


def test_lock_pins_exactly_and_names_no_host():
    assert all(re.fullmatch(r"==[^*]+", str(pin.specifier)) and pin.url is None for pin in LOCK)
    text = (ROOT / "requirements.lock").read_text()
    assert "://" not in text and "--" not in text


def test_every_requirement_of_the_project_is_pinned_within_its_range():
    wanted = requirements()
    for python in ("3.11", "3.12", "3.13"):
        locked = pins(python)
        for requirement in wanted:
            pin = locked[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(str(pin.specifier)[2:], prereleases=True), (python, requirement)


def test_conda_and_make_draw_on_the_same_lock_and_the_same_pythons():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (pip,) = [entry["pip"] for entry in conda if isinstance(entry, dict)]
    assert "--constraint requirements.lock" in pip and any(line.startswith("--editable .") for line in pip)
    assert f"python {PROJECT['requires-python']}" in conda
    assert PROJECT["requires-python"] == ">=3.11,<3.14"
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(r"^LOCK +\?= requirements\.lock$", makefile, re.M) and "--constraint $(LOCK)" in makefile
    assert "(3, 11) <= sys.version_info[:2] <= (3, 13)" in makefile


def test_contributing_gives_a_reason_for_every_dependency():
    text = (ROOT / "CONTRIBUTING.md").read_text().lower()
    for requirement in requirements():
        assert f"`{canonicalize_name(requirement.name)}`" in text, requirement


def test_what_lies_beside_modules_is_in_the_package():
    library = ROOT / "lib" / "descent"
    found = {p for p in library.rglob("*") if p.is_file() and p.suffix not in (".py", ".pyc")}
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["descent"]
    assert len(found) >= 12 and found == {path for pattern in patterns for path in library.glob(pattern)}
