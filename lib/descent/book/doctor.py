"""What this machine has, and what each profile would take on it: ``descent doctor``."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from statistics import mean
from typing import Any

from descent.book.errors import UserError
from descent.book.machine import memory_mb, usable_cores
from descent.book.pages.browser import find_browser
from descent.book.project import Project
from descent.book.report.costs import duration, makespan, measured
from descent.book.run.kernel import check_kernel
from descent.evidence.provenance import processor

# One package of each extra tells whether it is installed, and what one goes without.
EXTRAS = {
    "book": ("snakemake", "the pipeline"),
    "torch": ("torch", "the chapter and the adapter for PyTorch; every full build needs it"),
    "jax": ("jax", "oracles of tests, peers of benchmarks"),
    "pdf": ("playwright", "make pdf"),
    "lab": ("jupyterlab", "make lab"),
    "slurm": ("snakemake_executor_plugin_slurm", "runs on a Slurm cluster"),
    "dev": ("pytest", "make test, make check"),
}
SPACE_GB = 3  # what _build may grow to, with room for a kernel's temporary files


@dataclass(frozen=True)
class Finding:
    """One line of the examination; ``trouble`` says that a build can't do without it."""

    name: str
    says: str
    trouble: bool = False


@dataclass(frozen=True)
class Estimate:
    """What a profile would take.

    Args:
        profile: its name.
        runs: how many there are in all.
        seconds: until the last of the measured ones ends, if all run again on this machine's cores.
        peak_mb: most memory that one run was seen to hold.
        where: what the runs were measured on.
        allowed: chapters that were never measured -> minutes that the profile allows one run of each.
    """

    profile: str
    runs: int
    seconds: float
    peak_mb: int
    where: Sequence[str]
    allowed: dict[str, int]

    def __str__(self) -> str:
        parts = []
        if self.where:
            parts.append(
                f"{duration(self.seconds)}, measured on {'; '.join(self.where)}, at most {self.peak_mb} MB a run"
            )
        if self.allowed:
            limits = ", ".join(f"{chapter} (at most {duration(60 * m)} a run)" for chapter, m in self.allowed.items())
            parts.append(f"not measured: {limits}")
        return f"{self.runs} runs: {'; '.join(parts)}"


def examine(project: Project) -> list[Finding]:
    """Return what there is: cores, memory, GPU, disk, kernel, data sets, extras, browser."""
    findings = [
        Finding("cores", f"{usable_cores()} ({processor() or 'processor unknown'})"),
        Finding("memory", f"{memory_mb() / 1024:.1f} GB"),
        _gpu(),
        _disk(project),
        _kernel(),
        Finding("git", shutil.which("git") or "none: runs can't tell their commit, so they can't be archived"),
        *_data(),
    ]
    for extra, (module, purpose) in EXTRAS.items():
        remedy = (
            f"not installed: .venv/bin/python -m pip install --constraint requirements.lock --editable '.[{extra}]'"
        )
        findings.append(Finding(f"extra {extra}", f"{'installed' if find_spec(module) else remedy} ({purpose})"))
    browser = find_browser()
    findings.append(Finding("browser", browser or "none; 'make pdf' wants Chromium or Chrome, or its path in CHROMIUM"))
    return findings


def estimates(project: Project, cores: int) -> list[Estimate]:
    """Return what each profile would take on so many cores, from the times that its runs took, here or archived."""
    return [_estimate(project, name, cores) for name in project.profile_names()]


def _gpu() -> Finding:
    from descent.quiet import tf

    devices = tf.config.list_physical_devices("GPU")
    names = [tf.config.experimental.get_device_details(device).get("device_name", device.name) for device in devices]
    if names:
        return Finding("GPU", f"TensorFlow {tf.__version__} sees {len(names)}: {', '.join(names)}")
    if shutil.which("nvidia-smi"):
        return Finding("GPU", "there is a driver, but TensorFlow sees no GPU: pip install --editable '.[gpu]'")
    return Finding("GPU", "none; chapters run on the CPU")


def _disk(project: Project) -> Finding:
    free = shutil.disk_usage(project.root).free / 2**30
    says = f"{free:.0f} GB free under {project.root}"
    if free < SPACE_GB:
        return Finding("disk", f"{free:.1f} GB free under {project.root}: free {SPACE_GB} GB", trouble=True)
    return Finding("disk", says)


def _kernel() -> Finding:
    try:
        check_kernel()
    except UserError as error:
        return Finding("kernel", str(error), trouble=True)
    return Finding("kernel", "python3, in this environment")


def _data() -> list[Finding]:
    from descent.problems.image_files import DataError
    from descent.problems.images import NAMES, available, keras_cache

    try:
        found = available()
    except DataError as error:
        return [Finding("data", str(error), trouble=True)]
    places = f"DESCENT_DATA ({os.environ.get('DESCENT_DATA') or 'not set'}) or {keras_cache()}"
    missing = [name for name in NAMES if name not in found]
    findings = [Finding("data", f"found {', '.join(found)}")]
    if missing:
        findings.append(Finding("", f"not in {places}: {', '.join(missing)}; downloaded when a run asks for them"))
    return findings


def _estimate(project: Project, name: str, cores: int) -> Estimate:
    profile = project.profile(name)
    jobs: list[tuple[float, int]] = []
    runs: list[dict[str, Any]] = []
    allowed = {}
    for chapter in project.chapters:
        recipe = profile.recipe(chapter)
        known = measured(project, name, chapter)
        if known:
            seconds = mean(run["wall_seconds"] for run in known)
            jobs += [(seconds, recipe.resources["threads"])] * recipe.replicates
            runs += known
        else:
            allowed[chapter] = recipe.resources["runtime"]
    where = sorted({f"{run['processor'] or run['machine']}, {', '.join(run['devices'])}" for run in runs})
    count = sum(profile.recipe(chapter).replicates for chapter in project.chapters)
    peak = max((run["peak_memory_mb"] for run in runs), default=0)
    return Estimate(name, count, makespan(jobs, cores), peak, where, allowed)


def report(project: Project) -> tuple[str, bool]:
    """Return the whole examination as text, and whether a build can be made."""
    findings = examine(project)
    lines = ["This machine"]
    lines += [f"  {'! ' if finding.trouble else '  '}{finding.name:12}{finding.says}" for finding in findings]
    lines += ["", f"The whole book, every run made again, on {usable_cores()} cores (installation apart)"]
    lines += [f"    {estimate.profile:12}{estimate}" for estimate in estimates(project, usable_cores())]
    return "\n".join(lines), not any(finding.trouble for finding in findings)
