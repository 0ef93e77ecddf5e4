"""The rounds of MFL as real processes: one client a rank of MPI, rank 0 the server beside its own client.

    python -m descent.experiments.momentum_federated_learning.processes --rounds 20 --check

starts as many ranks as there are clients, keeps the last finished round in a file, and goes on from there when the same
command is given again. Each rank reads its own client's data and nobody else's; what travels is weights and momentum.
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
from descent.experiments.momentum_federated_learning.data import deal
from descent.experiments.ranks import RankError, be_rank, received, run_ranks
from descent.problems.clients import Clients, clients_game
from descent.quiet import tf
from descent.rules import federated, momentum
from descent.simulate import Simulator, Trajectory

KEPT = Path("_build/federated/rounds.npz")
MODULE = "descent.experiments.momentum_federated_learning.processes"


@dataclass(frozen=True)
class Federation:
    """What is run: logistic regression on images dealt by label, all clients of shares 1, 2, 3, ...

    Args:
        clients: how many.
        dataset, images, seed: as in ``data.deal``.
        decay, eta, gamma, tau: penalty, step size, momentum, steps in a round.
        rounds: how many.
    """

    clients: int = 4
    dataset: str = "digits"
    images: int = 400
    seed: int = 0
    decay: float = 0.02
    eta: float = 0.05
    gamma: float = 0.9
    tau: int = 4
    rounds: int = 20

    def held(self) -> Clients:
        """Return the deal."""
        return deal(self.dataset, self.images, "label", self.seed, range(1, self.clients + 1))

    def lanes(self) -> np.ndarray:
        """Return weights and momentum after all rounds as the simulator's lanes make them, float64 [2, d]."""
        held = self.held()
        rule = federated(momentum(self.eta, self.gamma), self.tau, weights=held.weights)
        run = Simulator(clients_game(held, "logistic", self.decay), rule)
        there = run.run(held.start(), self.rounds * self.tau)
        return np.stack([there.params[0][0].numpy(), there.state.clients[0][0].numpy()])


def client(federation: Federation, kept: Path, die: Sequence[int] = ()) -> None:
    """Be one rank: make local steps, send what they lead to, take what the server makes of it.

    Args:
        federation: what is run; the same in each rank.
        kept: the file of the last finished round, which rank 0 writes and all ranks read at the start.
        die: (rank, round): that rank ends itself in that round, as a machine does that fails.
    """
    from mpi4py import MPI

    comm = MPI.COMM_WORLD
    if comm.size != federation.clients:
        raise ValueError(f"{federation.clients} clients want as many ranks, and there are {comm.size}")
    held, rank = federation.held(), comm.rank
    p = np.array(held.weights)
    own = Clients(*(leaf[rank : rank + 1, : held.sizes[rank]] for leaf in held))
    run = Simulator(
        clients_game(own, "logistic", federation.decay),
        momentum(federation.eta, federation.gamma),
        every=federation.tau,
    )
    done, both = read_kept(kept, federation)
    here = run.run(own.start(), 0)
    here = here if both is None else _placed(here, both)
    for number in range(done + 1, federation.rounds + 1):
        here = run.resume(here, federation.tau)
        if tuple(die) == (rank, number):
            os.kill(os.getpid(), signal.SIGKILL)
        both = np.stack([here.params[0].numpy()[0], here.state[0].numpy()[0]])
        both = averaged(comm, both, p)
        here = _placed(here, both)
        if rank == 0:
            keep(kept, federation, number, both)


def averaged(comm: Any, own: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return sum_i p_i own_i: each rank sends its array to rank 0, which sends the average back.

    Args:
        comm: mpi4py's communicator.
        own: this rank's, float64.
        p: weights of all ranks.
    """
    if comm.rank:
        comm.Send(own, dest=0)
        return received(comm, own, 0)
    mean = p[0] * own
    for source in range(1, comm.size):
        mean += p[source] * received(comm, own, source)
    for dest in range(1, comm.size):
        comm.Send(mean, dest=dest)
    return mean


def _placed(here: Trajectory, both: np.ndarray) -> Trajectory:
    """Return the trajectory with weights and momentum of one client, [2, d], in place of its own."""
    w, u = (tf.constant(part[None]) for part in both)
    return replace(here, params=(w,), state=(u,))


def keep(path: Path, federation: Federation, done: int, both: np.ndarray) -> None:
    """Write a finished round, whole or not at all."""
    packed = BytesIO()
    np.savez(packed, settings=_settings(federation), done=done, both=both)
    write_atomically(path, packed.getvalue())


def read_kept(path: Path, federation: Federation) -> tuple[int, np.ndarray | None]:
    """Return the last finished round of this federation, and weights and momentum after it, [2, d]; or (0, None)."""
    if not path.is_file():
        return 0, None
    with np.load(path) as file:
        if str(file["settings"]) != _settings(federation) or int(file["done"]) > federation.rounds:
            return 0, None
        return int(file["done"]), file["both"]


def _settings(federation: Federation) -> str:
    """Return all but the number of rounds, of which more may be asked for later."""
    return json.dumps(asdict(replace(federation, rounds=0)), sort_keys=True)


def run_processes(
    federation: Federation, kept: Path, launcher: str = "mpirun", die: Sequence[int] = (), counted: bool = True
) -> int | None:
    """Run all ranks to the last round.

    Args:
        federation: what is run.
        kept: where the last finished round is kept, and from where a run goes on.
        launcher: the command that starts ranks: "mpirun", or a cluster's own, such as "srun --mpi=pmix".
        die: as in ``client``.
        counted: let Open MPI count bytes, where it can.

    Returns:
        The bytes that ranks handed to each other, counted by Open MPI's own monitoring of messages; None where the
        launcher is another, or has no such component.

    Raises:
        RankError: a rank ended before its time, or there is no MPI. One line.
    """

    def what_is_kept() -> str:
        finished, _ = read_kept(kept, federation)
        return f"round {finished} is kept in {kept}" if finished else "no round was finished"

    call = [MODULE, "--client", str(kept.absolute()), json.dumps(asdict(federation)), *map(str, die)]
    return run_ranks(federation.clients, call, what_is_kept, launcher, counted)


def main(arguments: Sequence[str] | None = None, say: Callable[[str], Any] = print) -> int:
    """Start the ranks, or be one of them; return the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["--client"]:
        return _be_client(*words[1:])
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description="Rounds of MFL as processes.")
    parser.add_argument("--clients", type=int, default=4, help="one rank each")
    parser.add_argument("--rounds", type=int, default=20, help="in all, those that are kept included")
    parser.add_argument("--kept", type=Path, default=KEPT, help="file of the last finished round")
    parser.add_argument("--launcher", default="mpirun", help="command that starts ranks")
    parser.add_argument("--check", action="store_true", help="hold the weights to those of the simulator's lanes")
    options = parser.parse_args(words)
    federation = Federation(clients=options.clients, rounds=options.rounds)
    before, _ = read_kept(options.kept, federation)
    try:
        sent = run_processes(federation, options.kept, options.launcher)
    except RankError as error:
        print(error, file=sys.stderr)
        return 1
    _, both = read_kept(options.kept, federation)
    assert both is not None
    said = "" if sent is None else f", {sent:,} bytes between ranks"
    say(f"{federation.clients} clients, rounds {before + 1} to {federation.rounds}{said}: {options.kept}")
    if options.check:
        away = float(np.abs(both - federation.lanes()).max())
        say(f"largest difference from the lanes: {away:.0e}")
        return int(away > 1e-12)
    return 0


def _be_client(kept: str, settings: str, *die: str) -> int:
    return be_rank(lambda: client(Federation(**json.loads(settings)), Path(kept), [int(word) for word in die]))


if __name__ == "__main__":
    sys.exit(main())
