"""What a chapter measured, kept in two files: about methods (repeatable), and about this machine (not)."""

import math
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from descent.evidence.files import dump_json, write_atomically

Value = float | Sequence[float]
KEY = re.compile(r"[a-z0-9_.]+")


def run_directory() -> Path:
    """Return the folder of the current run; a chapter run by hand, in Jupyter say, writes to ``_build/by-hand``."""
    return Path(os.environ.get("DESCENT_RUN_DIR") or _by_hand() / "run")


def cache_directory() -> Path:
    """Return a folder that outlives a killed run, for checkpoints of long experiments; it exists on return."""
    path = Path(os.environ.get("DESCENT_CACHE_DIR") or _by_hand() / "cache")
    path.mkdir(parents=True, exist_ok=True)
    return path


class Measurements:
    """The measurements of one run, on disk after every call.

    Args:
        directory: where ``measurements.json`` and ``timings.json`` go. A new object starts them afresh.
    """

    def __init__(self, directory: Path):
        self.directory = directory
        self.values: dict[str, float | list[float]] = {}
        self.timings: dict[str, float | list[float]] = {}

    @classmethod
    def here(cls) -> "Measurements":
        """Return the measurements of the run that this code is part of, and note the device it runs on.

        From here on simulations tell the pipeline how far they are, in the file that DESCENT_PROGRESS names.
        """
        if os.environ.get("DESCENT_PROGRESS"):
            from descent.simulate import report_progress_to

            report_progress_to(_progress_file)
        measurements = cls(run_directory())
        if "tensorflow" in sys.modules:
            devices = sys.modules["tensorflow"].config.list_physical_devices()
            kinds = sorted(device.device_type for device in devices)
            write_atomically(measurements.directory / "devices.json", dump_json(kinds))
        return measurements

    def __call__(self, key: str, value: Value) -> None:
        """Record a result about a method: a number, or a list with one number per seed.

        Raises:
            ValueError: a value is NaN or infinite: record something finite (a count, a clipped loss) instead. Or the
                key has other characters than a to z, 0 to 9, "_" and ".": ``plain_key`` makes one of any name.
        """
        self.values[key] = _plain(key, value)
        write_atomically(self.directory / "measurements.json", dump_json(self.values))

    def update(self, values: Mapping[str, Value]) -> None:
        """Record several results."""
        for key, value in values.items():
            self(key, value)

    def timing(self, key: str, value: Value) -> None:
        """Record something about this machine (seconds, bytes, ratios of them), which need not repeat."""
        self.timings[key] = _plain(key, value)
        write_atomically(self.directory / "timings.json", dump_json(self.timings))


def _progress_file(done: int, steps: int, seconds: float) -> None:
    from descent.simulate import progress_line

    Path(os.environ["DESCENT_PROGRESS"]).write_text(progress_line(done, steps, seconds))


def plain_key(name: str) -> str:
    """Return a name as the key of a measurement: "implicit b, W2" as "implicit_b_w2"."""
    return re.sub(r"[^a-z0-9.]+", "_", name.replace("√", "sqrt ").lower()).strip("_")


def _plain(key: str, value: Any) -> float | list[float]:
    if not KEY.fullmatch(key):
        raise ValueError(f"measurement {key!r}: only a to z, 0 to 9, '_' and '.' may stand in it: {plain_key(key)!r}")
    many = hasattr(value, "__len__") and not (hasattr(value, "shape") and value.shape == ())
    numbers = [float(x) for x in value] if many else [float(value)]
    if not numbers or not all(math.isfinite(x) for x in numbers):
        raise ValueError(f"measurement {key!r} is {numbers}: record finite numbers only (a count, a clipped loss)")
    return numbers if many else numbers[0]


def _by_hand() -> Path:
    here = Path.cwd()
    root = next((folder for folder in (here, *here.parents) if (folder / "_toc.yml").is_file()), here)
    return root / "_build" / "by-hand"
