"""What the benchmark programs share: contenders that take turns, ratios with their spread, options and rows.

A *contender* makes n repetitions of the work and returns what came out as arrays. Contenders take turns in short
blocks, so whatever else the machine does hits them alike; a ratio is the median over blocks of the ratio within a
block, with the range of its middle half. A *row* is a dictionary with "row" and "setting", and whichever of
"milliseconds", "ratio" with "low" and "high", "counted", "megabytes", "exponent" with "error" was measured.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from descent.quiet import tf

Contender = Callable[[int], Any]
Row = dict[str, Any]
CPUS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


class Turns(NamedTuple):
    """How contenders take turns: how often, for how long, by which clock; ``tiny``: only to see that it runs."""

    blocks: int
    seconds: float
    clock: Callable[[], float] = time.perf_counter
    tiny: bool = False


def take_turns(contenders: Mapping[str, Contender], turns: Turns) -> dict[str, np.ndarray]:
    """Return seconds per repetition, one entry per block, for each contender. What is compiled is compiled before.

    Every other block goes backwards, so that none always comes after the same one.
    """
    counts = {name: _repetitions(run, turns) for name, run in contenders.items()}
    spent: dict[str, list[float]] = {name: [] for name in contenders}
    for block in range(turns.blocks):
        for name, run in list(contenders.items())[:: -1 if block % 2 else 1]:
            spent[name].append(_seconds(run, counts[name], turns) / counts[name])
    return {name: np.array(times) for name, times in spent.items()}


def _repetitions(run: Contender, turns: Turns) -> int:
    """Return how many fill a turn: doubled until half of one is full, for a call costs more than its repetitions."""
    run(1)
    count, spent = 1, _seconds(run, 1, turns)
    if turns.tiny:
        return count
    while spent < turns.seconds / 2:
        count *= 2
        spent = _seconds(run, count, turns)
    return max(1, round(count * turns.seconds / spent))


def _seconds(run: Contender, count: int, turns: Turns) -> float:
    began = turns.clock()
    run(count)
    return turns.clock() - began


def ratio(a: np.ndarray, b: np.ndarray) -> dict[str, float]:
    """Return the median of a / b over blocks, and the range of its middle half."""
    low, middle, high = (float(x) for x in np.percentile(a / np.maximum(b, 1e-12), [25, 50, 75]))
    return {"ratio": middle, "low": low, "high": high}


def against_first(
    times: Mapping[str, np.ndarray], setting: str, counted: Mapping[str, float] | None = None
) -> list[Row]:
    """Return a row of the first contender's milliseconds, then one per other with its ratio to the first."""
    first, *others = times
    rows: list[Row] = [{"row": first, "setting": setting, "milliseconds": 1e3 * float(np.median(times[first]))}]
    for name in others:
        row = {"row": f"{name} / {first}", "setting": setting, "milliseconds": 1e3 * float(np.median(times[name]))}
        rows.append(row | ratio(times[name], times[first]))
        if counted and name in counted:
            rows[-1]["counted"] = float(counted[name])
    return rows


def check_alike(results: Mapping[str, Any], tolerance: float = 1e-3) -> None:
    """Raise AssertionError unless all results, nested arrays, are the first one's to a fraction of its length."""
    flat = {
        name: np.concatenate([np.asarray(x, np.float64).ravel() for x in tf.nest.flatten(result)])
        for name, result in results.items()
    }
    first, *others = flat
    for name in others:
        gap = np.linalg.norm(flat[name] - flat[first]) / np.linalg.norm(flat[first])
        assert gap < tolerance, f"{name} is {gap:.1e} away from {first}"


def exponent(sizes: list[float], times: list[np.ndarray]) -> dict[str, float]:
    """Fit time ~ size^exponent by least squares on the logarithms of the median times.

    Returns:
        The slope and its standard error from the scatter about the line, which wants three sizes at least.
    """
    x, y = np.log(sizes), np.log([np.median(t) for t in times])
    centred = x - x.mean()
    slope = float(centred @ y / (centred @ centred))
    residual = y - y.mean() - slope * centred
    return {"exponent": slope, "error": float(np.sqrt(residual @ residual / (len(x) - 2) / (centred @ centred)))}


def repeated(function: Callable[[Any], Any], start: Any, jit_compile: bool = False) -> Contender:
    """Make a contender of a function of nested tensors, its value structured like its argument, in a compiled loop.

    Each round starts a hair from ``start`` in the last one's direction, so that none can be left out.
    """

    @tf.function(autograph=False, jit_compile=jit_compile)
    def loop(start, n):
        def body(k, _, value):
            at = tf.nest.map_structure(lambda w, v: w + tf.cast(1e-9, w.dtype) * v, start, value)
            return k + 1, at, function(at)

        zero = tf.nest.map_structure(tf.zeros_like, start)
        return tf.while_loop(lambda k, *_: k < n, body, (tf.constant(0), start, zero))[2]

    return lambda n: [leaf.numpy() for leaf in tf.nest.flatten(loop(start, tf.constant(n)))]


def has(module: str) -> bool:
    """Return whether a peer is installed; say so where it is not."""
    try:
        __import__(module)
    except ImportError:
        print(f"{module} is not installed: its rows are left out (pip install descent[{module}])", flush=True)
        return False
    return True


def show(rows: list[Row]) -> list[Row]:
    """Print rows as they come, and return them."""
    for row in rows:
        parts = [f"{row['milliseconds']:10.3f} ms" if "milliseconds" in row else " " * 13]
        parts += [f"{row['ratio']:7.2f} ({row['low']:.2f} to {row['high']:.2f})"] if "ratio" in row else []
        parts += [f"counted {row['counted']:.2f}"] if "counted" in row else []
        parts += [f"exponent {row['exponent']:.2f} +- {row['error']:.2f}"] if "exponent" in row else []
        parts += [f"{row['megabytes']:.0f} MB"] if "megabytes" in row else []
        print(f"{row['setting']:24} {row['row']:44} {'  '.join(parts)}", flush=True)
    return rows


def peak_megabytes() -> float:
    """Return the peak of this process's resident memory."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # kilobytes, but bytes on macOS
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def memory() -> Row:
    """Return the row of this process's peak memory."""
    return {"row": "peak memory of the program", "setting": "", "megabytes": peak_megabytes()}


def program(description: str, measure: Callable[[Turns], list[Row]]) -> None:
    """Run a benchmark program: read its options, measure, add its memory, write the rows."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--blocks", type=int, default=11, help="turns that each contender takes")
    parser.add_argument("--seconds", type=float, default=0.2, help="length of a turn")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu: the process's own time, over all threads")
    parser.add_argument("--tiny", action="store_true", help="one short turn, small sizes: to see that it runs")
    options = parser.parse_args()
    blocks, seconds = (1, 0.01) if options.tiny else (options.blocks, options.seconds)
    turns = Turns(blocks, seconds, CLOCKS[options.clock], options.tiny)
    print(f"{CPUS} processors, {options.clock} clock, load {os.getloadavg()[0]:.1f}", flush=True)
    rows = [*measure(turns), *show([memory()])]
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
