"""The learned optimisers of the book: how each is meta-trained, where its weights are kept, where they came from.

``descent meta-train NAME ...`` meta-trains optimisers at the scale of the paper profile and writes
``weights/NAME.json`` beside this file; a killed run goes on from its checkpoint.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import numpy as np

from descent.evidence import cache_directory
from descent.evidence.cache import key
from descent.evidence.provenance import peak_memory_mb, provenance
from descent.learned import (
    LearnedOptimizer,
    k_momentums,
    lstm_optimizer,
    mlp_optimizer,
    multiscale_adam,
    normalized_history,
    rnnprop,
)
from descent.learned.base import Weights
from descent.learned.meta_gradients import Estimator, evolution_strategies, persistent_es, truncated_bptt
from descent.learned.meta_train import MetaProgress, MetaTrainer, MetaTrajectory, polynomial_decay
from descent.learned.tasks import Task, classification, rescaled
from descent.learned.unroll import Unroll
from descent.learned.weights import load_weights, save_weights
from descent.problems.classification import Classification
from descent.problems.images import load
from descent.problems.networks import MLP, mlp
from descent.quiet import tf

ESTIMATORS: Mapping[str, Callable[..., Estimator]] = {
    "bptt": truncated_bptt,
    "es": evolution_strategies,
    "pes": persistent_es,
}
ETA = 0.01  # the learning rate at which the Multiscale Adams are meta-trained


@dataclass(frozen=True)
class Recipe:
    """How an optimiser is meta-trained.

    Args:
        make: makes the optimiser.
        meta_steps: at the scale of the paper profile.
        unroll: inner steps per meta-step.
        meta_rate: learning rate of the meta-optimiser, Adam, at the start; it falls linearly to a fiftieth.
        tasks: inner problems side by side.
        stretches: the fewest and most unrolls of one inner problem, log-uniform; 20 to 200 inner steps in all.
        estimator: "bptt", "es" or "pes".
        exact: differentiate through the inner gradients too.
        units: r of the random units of the parameters, see ``tasks.rescaled``; 0 for none.
    """

    make: Callable[[], LearnedOptimizer]
    meta_steps: int
    unroll: int = 20
    meta_rate: float = 3e-3
    tasks: int = 4
    stretches: tuple[int, int] = (1, 10)
    estimator: Literal["bptt", "es", "pes"] = "bptt"
    exact: bool = False
    units: float = 0.0

    def plain(self) -> dict[str, Any]:
        """Return the recipe as plain data, for provenance and checkpoints."""
        optimizer = self.make()
        fields = {key: value for key, value in vars(self).items() if key != "make"}
        return {"optimizer": optimizer.name, "settings": dict(optimizer.settings), **fields}


# One meta-step a step, as the thesis trained: nothing within a stretch of one step depends on an inner gradient.
GREEDY: dict[str, Any] = {"meta_steps": 12_000, "unroll": 1, "meta_rate": 1e-3, "stretches": (20, 200)}

RECIPES: dict[str, Recipe] = {
    "k-momentums": Recipe(lambda: k_momentums(6, eta_min=1e-3), 1000),
    "rnnprop": Recipe(rnnprop, 600, units=3.0),
    "lstm": Recipe(lstm_optimizer, 800),
    "multiscale-unrolled": Recipe(lambda: multiscale_adam("mlp", ETA), 600, exact=True),
    "k-momentums-greedy": Recipe(lambda: k_momentums(6, eta_min=1e-3), **GREEDY),
    "history-20-greedy": Recipe(lambda: normalized_history(20, eta_min=1e-3), **GREEDY),
    "history-100-greedy": Recipe(lambda: normalized_history(100, eta_min=1e-3), **GREEDY),
    "mlp-pes": Recipe(mlp_optimizer, 3000, meta_rate=1e-2, estimator="pes"),
    "multiscale-average": Recipe(lambda: multiscale_adam("average", ETA), **GREEDY | {"meta_rate": 1e-2}),
    "multiscale-mlp": Recipe(lambda: multiscale_adam("mlp", ETA), **GREEDY),
    "multiscale-slow-clock": Recipe(lambda: multiscale_adam("mlp", ETA, clock=20), 600, exact=True),
    "rnnprop-one-unit": Recipe(rnnprop, 600),
}


@cache
def inner_network() -> MLP:
    """Return the network on which all are meta-trained, 64-20-10 with sigmoids: the published one on smaller images."""
    return mlp([64, 20, 10], "sigmoid")


@cache
def inner_task(batch_size: int = 32) -> Task:
    """Return the task on which all are meta-trained: classifying scikit-learn's digits with ``inner_network``."""
    return classification(Classification(load("digits"), inner_network()), batch_size)


def meta_train(
    recipe: Recipe, seed: int = 0, checkpoint: Path | None = None, progress: MetaProgress | None = None
) -> MetaTrajectory:
    """Meta-train by a recipe; arguments as in ``MetaTrainer.run``."""
    task = rescaled(inner_task(), recipe.units) if recipe.units else inner_task()
    unroll = Unroll(recipe.make(), task, recipe.unroll, stop_gradient=not recipe.exact)
    estimator = ESTIMATORS[recipe.estimator](unroll, recipe.tasks, recipe.stretches)
    schedule = polynomial_decay(recipe.meta_rate, recipe.meta_rate / 50, recipe.meta_steps)
    chunk = max(1, min(recipe.meta_steps // 20, 1000 // recipe.unroll))
    trainer = MetaTrainer(estimator, schedule, chunk=chunk, settings={**recipe.plain(), "code": key(__name__, {})})
    return trainer.run(recipe.meta_steps, seed, checkpoint=checkpoint, progress=progress)


def shipped_path(name: str) -> Path:
    """Return where the weights that come with the library are."""
    return Path(str(files("descent.experiments.learning_to_optimize") / "weights" / f"{name}.json"))


def shipped_weights(name: str) -> Weights:
    """Return the weights that come with the library; errors as in ``load_weights``."""
    return load_weights(shipped_path(name), RECIPES[name].make())


def code_state() -> dict[str, Any]:
    """Return where the code of meta-training is from, and what runs it; to be asked before the work."""
    here = Path(__file__)
    found = provenance(here.parents[4], ["lib/descent/learned", here], ("tensorflow", "numpy"))
    return {key: found[key] for key in ("commit", "dirty", "versions", "machine")}


def told(recipe: Recipe, seed: int, trained: MetaTrajectory, code: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a weights file should say about its making; ``code`` is the ``code_state`` before it."""
    window = max(1, len(trained.losses) // 50)
    return {
        "recipe": recipe.plain(),
        "seed": seed,
        **code,
        "devices": sorted(device.device_type for device in tf.config.list_physical_devices()),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "wall_seconds": round(trained.seconds, 1),
        "peak_memory_mb": peak_memory_mb(),
        "inner_gradients": inner_gradients(recipe),
        "skipped_meta_steps": trained.skipped,
        "meta_loss": [round(float(np.nanmean(part)), 5) for part in np.array_split(trained.losses, 50) if len(part)],
        "meta_loss_end": round(float(np.nanmean(trained.losses[-window:])), 5),
    }


def inner_gradients(recipe: Recipe) -> int:
    """Return how many inner gradients (minibatches of one inner problem) meta-training by the recipe computes."""
    return recipe.meta_steps * recipe.unroll * recipe.tasks * (1 if recipe.estimator == "bptt" else 2)


def main(arguments: list[str]) -> int:
    """Meta-train the named optimisers and write their weights."""
    parser = argparse.ArgumentParser(prog="descent meta-train", description=main.__doc__)
    parser.add_argument(
        "name", nargs="*", metavar="NAME", help=f"of {', '.join(RECIPES)} (default: those not there yet)"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--meta-steps", type=int, help="instead of the recipe's")
    parser.add_argument("--folder", type=Path, help="where to write (default: with the library's)")
    options = parser.parse_args(arguments)
    code = code_state()
    for name in options.name:
        if name not in RECIPES:
            parser.error(f"no recipe {name!r}: choose from {', '.join(RECIPES)}")
    for name in options.name or [name for name in RECIPES if not shipped_path(name).is_file()]:
        path = options.folder / f"{name}.json" if options.folder else shipped_path(name)
        recipe = RECIPES[name]
        if options.meta_steps:
            recipe = replace(recipe, meta_steps=options.meta_steps)
        checkpoint = cache_directory() / f"meta-{name}-{options.seed}.npz"
        trained = meta_train(recipe, options.seed, checkpoint, _printed(name))
        save_weights(path, recipe.make(), trained.weights, told(recipe, options.seed, trained, code))
        checkpoint.unlink()
        print(path, flush=True)
    return 0


def _printed(name: str) -> MetaProgress:
    def report(done: int, steps: int, seconds: float, loss: float) -> None:
        print(f"{name}: meta-step {done:,}/{steps:,}, meta-loss {loss:.3f}, {seconds:,.0f} s", flush=True)

    return report
