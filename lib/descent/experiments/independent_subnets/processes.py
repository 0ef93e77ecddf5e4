"""Workers as real processes: one piece a rank of MPI, rank 0 the server beside its own worker.

    python -m descent.experiments.independent_subnets.processes --rounds 10 --check

starts four ranks, keeps the last finished round in a file, and goes on from there when the same command is given again.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from descent.evidence.files import write_atomically
from descent.experiments.independent_subnets.subnets import (
    Net,
    outputs,
    pieces,
    pieces_game,
    put_back,
    repartitioned,
    rounds,
    sampler,
    start,
)
from descent.experiments.ranks import RankError, be_rank, received, run_ranks
from descent.games import Game
from descent.problems.classification import cross_entropy
from descent.problems.images import load
from descent.quiet import tf
from descent.randomness import BATCHES, fold_seed
from descent.rules import gradient_descent
from descent.simulate import Simulator

KEPT = Path("_build/subnets/rounds.npz")
MODULE = "descent.experiments.independent_subnets.processes"


@dataclass(frozen=True)
class Training:
    """What is run: a network on digits in pieces, activations times n.

    Args:
        workers: n, one rank each.
        hidden: width of the hidden layers, two of them.
        every: J.
        each: images of a worker's step.
        rate: of the local steps.
        seed: of everything.
        rounds: how many.
    """

    workers: int = 4
    hidden: int = 32
    every: int = 5
    each: int = 16
    rate: float = 0.05
    seed: int = 0
    rounds: int = 10

    @property
    def sizes(self) -> tuple[int, ...]:
        """Return widths from input to output."""
        return (64, self.hidden, self.hidden, 10)

    def draw(self) -> Callable[[tf.Tensor, tf.Tensor], Any]:
        """Return the sampler of all workers."""
        images = load("digits")
        return sampler(tf.constant(images.x), tf.constant(images.y), self.workers, self.each, self.sizes[1:-1])

    def lanes(self) -> list[np.ndarray]:
        """Return the weights after all rounds as the simulator makes them."""
        rule = rounds(gradient_descent(self.rate), self.every, repartitioned)
        run = Simulator(pieces_game(self.workers, "times n"), rule, batch=self.draw(), every=self.every)
        there = run.run((start(self.sizes, self.seed),), self.rounds * self.every, seed=self.seed)
        return [w.numpy() for w in there.params[0].weights]


def worker(training: Training, kept: Path, die: Sequence[int] = ()) -> None:
    """Be one rank: take a piece, make J local steps, send it back.

    Args:
        training: what is run; the same in each rank.
        kept: the file of the last finished round, which rank 0 writes and all ranks read at the start.
        die: (rank, round): that rank ends itself in that round.
    """
    from mpi4py import MPI

    comm, n = MPI.COMM_WORLD, training.workers
    if comm.size != n:
        raise ValueError(f"{n} workers want as many ranks, and there are {comm.size}")
    rank, draw = comm.rank, training.draw()

    def losses(params: tuple[Any], batch: Any) -> tuple[tf.Tensor]:
        found = outputs([w[None] for w in params[0]], batch.x[rank][None], n, "times n")
        return (tf.reduce_mean(cross_entropy(found[0], batch.y[rank])),)

    run = Simulator(Game(losses), gradient_descent(training.rate), batch=draw, every=training.every)
    done, weights = read_kept(kept, training)
    net = start(training.sizes, training.seed)
    net = net if weights is None else Net([tf.constant(w) for w in weights], net.ids)
    like = [w[0].numpy() for w in pieces(net.weights, n)]
    here = replace(run.run(([tf.constant(w) for w in like],), 0, seed=training.seed), steps=done * training.every)
    for number in range(done + 1, training.rounds + 1):
        held = pieces(net.weights, n)
        own = _dealt(comm, [w.numpy() for w in held] if rank == 0 else None, like)
        # the number of a step gives its images, so a run goes on with those that come next
        here = run.resume(replace(here, params=([tf.constant(w) for w in own],)), training.every)
        if tuple(die) == (rank, number):
            os.kill(os.getpid(), signal.SIGKILL)
        back = _gathered(comm, [w.numpy() for w in here.params[0]], n)
        if back is not None:
            net = Net(put_back(net.weights, [tf.constant(w) for w in back]), net.ids)
            last = fold_seed(training.seed, BATCHES, number * training.every - 1)
            (net,) = repartitioned((net,), draw(last, None))
            keep(kept, training, number, [w.numpy() for w in net.weights])


def _flat(arrays: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.ravel(a) for a in arrays])


def _shaped(flat: np.ndarray, like: Sequence[np.ndarray]) -> list[np.ndarray]:
    ends = np.cumsum([a.size for a in like])
    return [part.reshape(a.shape) for part, a in zip(np.split(flat, ends[:-1]), like, strict=True)]


def _dealt(comm: Any, held: list[np.ndarray] | None, like: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Send each rank its piece; return one's own."""
    if held is None:
        return _shaped(received(comm, _flat(like), 0), like)
    for dest in range(1, comm.size):
        comm.Send(_flat([w[dest] for w in held]), dest=dest)
    return [w[0] for w in held]


def _gathered(comm: Any, own: list[np.ndarray], n: int) -> list[np.ndarray] | None:
    """Send one's piece to rank 0, which returns all of them, [n, rows, columns] of each layer."""
    if comm.rank:
        comm.Send(_flat(own), dest=0)
        return None
    found = [own, *(_shaped(received(comm, _flat(own), source), own) for source in range(1, n))]
    return [np.stack(layers) for layers in zip(*found, strict=True)]


def keep(path: Path, training: Training, done: int, weights: Sequence[np.ndarray]) -> None:
    """Write a finished round, whole or not at all."""
    packed = BytesIO()
    arrays: dict[str, Any] = {f"w{k}": w for k, w in enumerate(weights)}
    np.savez(packed, settings=_settings(training), done=done, **arrays)
    write_atomically(path, packed.getvalue())


def read_kept(path: Path, training: Training) -> tuple[int, list[np.ndarray] | None]:
    """Return the last finished round of this training, and the weights after it; or (0, None)."""
    if not path.is_file():
        return 0, None
    with np.load(path) as file:
        if str(file["settings"]) != _settings(training) or int(file["done"]) > training.rounds:
            return 0, None
        return int(file["done"]), [file[f"w{k}"] for k in range(len(training.sizes) - 1)]


def _settings(training: Training) -> str:
    return json.dumps(asdict(replace(training, rounds=0)), sort_keys=True)


def run_processes(training: Training, kept: Path, die: Sequence[int] = (), counted: bool = True) -> int | None:
    """Run all ranks to the last round.

    Args:
        training: what is run.
        kept: where the last finished round is kept, and from where a run goes on.
        die: as in ``worker``.
        counted: let Open MPI count bytes, where it can.

    Returns:
        The bytes that ranks handed to each other, or None where nothing counts them.

    Raises:
        RankError: a rank ended before its time, or there is no MPI. One line.
    """

    def what_is_kept() -> str:
        finished, _ = read_kept(kept, training)
        return f"round {finished} is kept in {kept}" if finished else "no round was finished"

    call = [MODULE, "--worker", str(kept.absolute()), json.dumps(asdict(training)), *map(str, die)]
    return run_ranks(training.workers, call, what_is_kept, counted=counted)


def main(arguments: Sequence[str] | None = None, say: Callable[[str], Any] = print) -> int:
    """Start the ranks, or be one of them; return the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["--worker"]:
        return _be_worker(*words[1:])
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description="Independent subnets as processes.")
    parser.add_argument("--workers", type=int, default=4, help="one rank each; it divides the width, 32")
    parser.add_argument("--rounds", type=int, default=10, help="in all, those that are kept included")
    parser.add_argument("--kept", type=Path, default=KEPT, help="file of the last finished round")
    parser.add_argument("--check", action="store_true", help="hold the weights to those of the simulator")
    options = parser.parse_args(words)
    training = Training(workers=options.workers, rounds=options.rounds)
    try:
        sent = run_processes(training, options.kept)
    except RankError as error:
        print(error, file=sys.stderr)
        return 1
    _, weights = read_kept(options.kept, training)
    assert weights is not None
    said = "" if sent is None else f", {sent:,} bytes between ranks"
    say(f"{training.workers} workers, {training.rounds} rounds{said}: {options.kept}")
    if options.check:
        away = max(float(np.abs(a - b).max()) for a, b in zip(weights, training.lanes(), strict=True))
        say(f"largest difference from the simulator: {away:.0e}")
        return int(away > 1e-6)
    return 0


def _be_worker(kept: str, settings: str, *die: str) -> int:
    return be_rank(lambda: worker(Training(**json.loads(settings)), Path(kept), [int(word) for word in die]))


if __name__ == "__main__":
    sys.exit(main())
