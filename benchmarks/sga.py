"""A gradient step and a step of SGA, both around RMSProp, beside JAX's, PyTorch's and the authors' notebook's.

    python benchmarks/sga.py [--blocks 11] [--seconds 0.2] [--json FILE]
    taskset -c 0 python benchmarks/sga.py --clock cpu        (one core, on a machine that others use as well)

The networks, losses and batch are those of gan.py. All contenders start from the same weights; their first steps are
compared before anything is timed.
"""

from __future__ import annotations

from collections.abc import Callable

from gan import GRADIENT, SGA, Setting, bare_loop, notebook_sga, simulator, tensorflow_eager
from gan_peers import jax_compiled, torch_compiled, torch_eager
from turns import CPUS, Contender, Row, Turns, against_first, check_alike, has, program, show, take_turns

Maker = Callable[[], Contender | None]


def makers(setting: Setting, adjusted: bool, torch: bool, jax: bool) -> dict[str, Maker]:
    """Return what makes each contender of one setting, by name; the library's first."""
    rule = SGA if adjusted else GRADIENT
    found: dict[str, Maker] = {
        "simulator": lambda: simulator(setting, rule),
        "simulator, XLA": lambda: simulator(setting, rule, jit_compile=True),
        "bare loop": lambda: bare_loop(setting, rule),
        "eager TensorFlow": lambda: tensorflow_eager(setting, rule),
    }
    if adjusted:
        found["eager TensorFlow, notebook's formula"] = lambda: tensorflow_eager(setting, notebook_sga())
    if jax and adjusted:
        found["JAX, our formula"] = lambda: jax_compiled(setting, "mixed")
        found["JAX, plain formula"] = lambda: jax_compiled(setting, "plain")
    elif jax:
        found["JAX"] = lambda: jax_compiled(setting, "none")
    if torch:
        for n in sorted({1, CPUS}):
            found[f"PyTorch eager, {n} thread{'s' * (n > 1)}"] = lambda n=n: torch_eager(setting, adjusted, n)
        found["torch.compile"] = lambda: torch_compiled(setting, adjusted, CPUS)
    return found


def measure(turns: Turns) -> list[Row]:
    torch, jax = has("torch"), has("jax")
    rows = []
    for size in ((2, 8, 16),) if turns.tiny else ((4, 64, 128), (6, 384, 256)):
        setting = Setting(*size)
        for name, adjusted in (("gradient step", False), ("SGA step", True)):
            made = {contender: make() for contender, make in makers(setting, adjusted, torch, jax).items()}
            of_setting = {contender: run for contender, run in made.items() if run is not None}
            # how far each has moved, in one step: float32 keeps three digits of that
            check_alike(
                {name: [a - b for a, b in zip(run(1), setting.start, strict=True)] for name, run in of_setting.items()},
                1e-3,
            )
            times = take_turns(of_setting, turns)
            rows += show([{**r, "row": f"{name}: {r['row']}"} for r in against_first(times, setting.name)])
    return rows


if __name__ == "__main__":
    program(__doc__, measure)
