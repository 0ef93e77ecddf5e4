"""A gradient step and a step of SGA, both around RMSProp, beside JAX's, PyTorch's and the authors' notebook's.

    python benchmarks/sga.py [--blocks 11] [--seconds 0.2] [--json FILE]
    taskset -c 0 python benchmarks/sga.py --clock cpu        (one core, on a machine that others use as well)

The networks, losses and batch are those of gan.py. All contenders start from the same weights; their first steps are
compared before anything is timed.
"""

from __future__ import annotations

from gan import GRADIENT, SGA, Setting, bare_loop, notebook_sga, simulator, tensorflow_eager
from gan_peers import jax_compiled, torch_compiled, torch_eager
from turns import CPUS, Contender, Row, Turns, against_first, check_alike, has, program, show, take_turns


def contenders(setting: Setting, adjusted: bool, torch: bool, jax: bool) -> dict[str, Contender]:
    """Return those of one setting, by name; the library's first."""
    rule = SGA if adjusted else GRADIENT
    found: dict[str, Contender | None] = {
        "simulator": simulator(setting, rule),
        "simulator, XLA": simulator(setting, rule, jit_compile=True),
        "bare loop": bare_loop(setting, rule),
        "eager TensorFlow": tensorflow_eager(setting, rule),
    }
    if adjusted:
        found["eager TensorFlow, notebook's formula"] = tensorflow_eager(setting, notebook_sga())
    if jax and adjusted:
        found["JAX, our formula"] = jax_compiled(setting, "mixed")
        found["JAX, plain formula"] = jax_compiled(setting, "plain")
    elif jax:
        found["JAX"] = jax_compiled(setting, "none")
    if torch:
        for n in sorted({1, CPUS}):
            found[f"PyTorch eager, {n} thread{'s' * (n > 1)}"] = torch_eager(setting, adjusted, n)
        found["torch.compile"] = torch_compiled(setting, adjusted, CPUS)
    return {name: run for name, run in found.items() if run is not None}


def measure(turns: Turns) -> list[Row]:
    torch, jax = has("torch"), has("jax")
    rows = []
    for size in ((2, 8, 16),) if turns.tiny else ((4, 64, 128), (6, 384, 256)):
        setting = Setting(*size)
        for name, adjusted in (("gradient step", False), ("SGA step", True)):
            of_setting = contenders(setting, adjusted, torch, jax)
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
