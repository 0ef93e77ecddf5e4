"""What surrounds a run: nothing of its reader's own settings, and the same words on every machine."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from descent.book.errors import UserError

# Variables that begin so are settings of a reader's shell, language, Python, Matplotlib, Jupyter, Keras and Snakemake.
SETTINGS = (
    *("BASH_ENV", "CLICOLOR", "FORCE_COLOR", "GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "IPYTHON", "JUPYTER"),
    *("KERAS_BACKEND", "LANG", "LC_", "MATPLOTLIB", "MPL", "NO_COLOR", "PAPERMILL", "PYBTEX", "PYTHON", "SNAKEMAKE"),
    *("SPHINX", "XDG_"),
)
LIBRARY = Path(__file__).parents[3]
STATED = {
    "LC_ALL": "C.UTF-8",
    "PYTHONUTF8": "1",
    "PYTHONHASHSEED": "0",  # sets are written in one order
    "PYTHONPATH": str(LIBRARY),  # whose code the fingerprints are of
    "JUPYTER_PREFER_ENV_PATH": "1",  # else a user's own "python3" kernel would shadow ours
}


def clean(environment: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables without a reader's settings, and with those that every run is made under."""
    kept = {name: value for name, value in environment.items() if not name.startswith(SETTINGS)}
    return {"USER": "reader"} | kept | STATED  # containers have users without a name, which Snakemake asks for


def check_folder(folder: Path) -> None:
    """Raise UserError if the kernel's working folder holds settings: Matplotlib and IPython read them there first.

    Args:
        folder: where chapters lie, and their kernels work.
    """
    for path in sorted(folder.glob("*")):
        if path.name == "matplotlibrc" or (path.name.startswith("ipython") and path.stem.endswith("_config")):
            raise UserError(f"{path} would change what every chapter here prints and draws: move it away")


def furnish(home: Path) -> dict[str, str]:
    """Make a home folder without settings, for kernels, and return the variables that lead there.

    Data sets that Keras has downloaded, or will, lie where they would without it.
    """
    home.mkdir(parents=True, exist_ok=True)
    keras = Path(os.environ.get("KERAS_HOME") or Path(os.environ.get("HOME") or home) / ".keras")
    with suppress(OSError):  # it can't be written: data sets are downloaded to this home
        if keras != home / ".keras":
            (keras / "datasets").mkdir(parents=True, exist_ok=True)
            (home / ".keras").mkdir(exist_ok=True)
            link(home / ".keras" / "datasets", keras / "datasets")
    return {"HOME": str(home), "KERAS_HOME": str(home / ".keras")}


def link(path: Path, target: Path) -> None:
    """Let a symbolic link lead to a folder, unless it already does."""
    with suppress(FileExistsError):  # a folder in its place, or somebody was faster
        if path.is_symlink() and path.readlink() != target:
            path.unlink()
        if not path.is_symlink():
            path.symlink_to(target, target_is_directory=True)


@contextmanager
def surrounded(variables: Mapping[str, str]) -> Iterator[None]:
    """Have these environment variables, and no others, inside the block."""
    kept = dict(os.environ)
    os.environ.clear()
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)
