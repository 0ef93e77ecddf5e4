"""The library by itself needs TensorFlow, NumPy and SciPy: everything else of the pipeline may be missing."""

import subprocess
import sys
from pathlib import Path

LIBRARY = Path(__file__).parents[1] / "lib" / "descent"
# What needs an extra: the pipeline, chapters' figures and experiments, other frameworks, judging.
EXTRAS = ("book", "experiments", "adapters", "figures")
MEASURING = ("cache", "code", "files", "measurements", "provenance", "__init__")

# Packages that TensorFlow, NumPy and SciPy bring themselves are asked for by name below; the rest is not there.
BLOCKED = """
import importlib.abc, sys

class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in NAMES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

NAMES = {
    "matplotlib", "sklearn", "cycler", "PIL", "torch", "jax", "optax", "pandas",
    "jupytext", "papermill", "nbformat", "nbclient", "ipykernel", "IPython", "jupyter_book", "jupyter_client",
    "traitlets",
    "snakemake", "yaml", "pydantic", "jinja2", "latex2mathml", "pybtex", "bs4", "sphinx", "playwright", "pypdf",
}
sys.meta_path.insert(0, Missing())
"""


def run(code):
    done = subprocess.run([sys.executable, "-c", BLOCKED + code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def core_modules():
    for path in sorted(LIBRARY.rglob("*.py")):
        parts = path.relative_to(LIBRARY).with_suffix("").parts
        if parts[0] not in EXTRAS and (parts[0] != "evidence" or parts[1] in MEASURING):
            yield ".".join(("descent", *parts)).removesuffix(".__init__")


def test_every_core_module_is_imported_without_the_pipeline_and_works(tmp_path):
    modules = list(core_modules())
    assert {"descent.simulate", "descent.rules.sga", "descent.problems.images", "descent.evidence.cache"} <= set(
        modules
    )
    code = f"""
import importlib
for name in {modules!r}:
    importlib.import_module(name)
import os
os.environ["DESCENT_CACHE_DIR"] = {str(tmp_path)!r}
import numpy as np
from descent.evidence import Measurements
from descent.evidence.cache import key
from descent.games import Game
from descent.rules import gradient_descent
from descent.simulate import Simulator

game = Game(lambda w, batch: (w[0] ** 2,))
print(float(Simulator(game, gradient_descent(0.25)).run((np.float64(1.0),), steps=3).params[0]))
print(len(key("descent.games", {{"rule": gradient_descent(0.25)}})))
try:
    from descent.problems.images import load
    load("digits")
except Exception as error:
    print(error)
from descent.book.cli import main
print(main(["claims"]))
"""
    reached, digits, data, status = run(code).splitlines()
    assert float(reached) == 0.125 and int(digits) == 16
    assert "pip install" in data and "[chapters]" in data
    assert status == "2"
