"""The memory that a gradient step and a step of SGA take, by each contender of sga.py alone.

    python benchmarks/memory.py [--json FILE]

Each contender makes its steps in a process of its own: what is shown is the growth of the peak of its resident memory,
from when all is imported and the networks and the batch are there. A program's peak is what no later release lowers,
so what compiling took is in it.
"""

from __future__ import annotations

import ast
import math
import subprocess
import sys

from gan import Setting
from sga import makers
from turns import Row, Turns, has, peak_megabytes, program, show

SIZE, TINY = (6, 384, 256), (2, 8, 16)
STEPS = 5


def alone(size: tuple[int, int, int], adjusted: bool, name: str) -> None:
    """Make one contender's steps; end with a line that says by how many megabytes the peak grew, or nan."""
    make = makers(Setting(*size), adjusted, has("torch"), has("jax"))[name]
    before = peak_megabytes()
    run = make()
    if run is not None:
        run(STEPS)
    print(peak_megabytes() - before if run is not None else math.nan)


def measure(turns: Turns) -> list[Row]:
    size = TINY if turns.tiny else SIZE
    torch, jax = has("torch"), has("jax")
    rows = []
    for step, adjusted in (("gradient step", False), ("SGA step", True)):
        names = makers(Setting(*size), adjusted, torch, jax)
        for name in ("simulator", "eager TensorFlow") if turns.tiny else names:
            command = [sys.executable, __file__, "--alone", repr((size, adjusted, name))]
            said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            grown = float(said.split()[-1])
            if not math.isnan(grown):
                rows += show([{"row": f"{step}: {name}", "setting": Setting(*size).name, "megabytes": grown}])
    return rows


if __name__ == "__main__":
    if "--alone" in sys.argv:
        alone(*ast.literal_eval(sys.argv[-1]))
    else:
        program(__doc__, measure)
