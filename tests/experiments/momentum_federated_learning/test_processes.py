"""Four ranks make the lanes' weights and the page's bytes; one that dies leaves a round, and a run goes on from one."""

import shutil
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

from descent.experiments.momentum_federated_learning.processes import (
    Federation,
    averaged,
    keep,
    main,
    read_kept,
    run_processes,
)
from descent.experiments.momentum_federated_learning.runs import VECTORS, bytes_sent
from descent.experiments.ranks import RankError, who_died

SMALL = Federation(images=40, rounds=5)
mpi = pytest.mark.skipif(
    shutil.which("mpirun") is None or find_spec("mpi4py") is None, reason="no MPI: install openmpi-bin and mpi4py"
)


@mpi
def test_four_ranks_go_on_from_a_round_to_the_weights_of_lanes(tmp_path):
    kept = tmp_path / "rounds.npz"
    keep(kept, SMALL, 2, replace(SMALL, rounds=2).lanes())
    sent = run_processes(SMALL, kept)
    done, both = read_kept(kept, SMALL)
    assert done == 5
    np.testing.assert_allclose(both, SMALL.lanes(), atol=1e-12)
    assert sent in (None, bytes_sent(VECTORS["mfl"], 64, 3, rounds=3))  # None: an Open MPI without its monitoring


@mpi
def test_a_rank_that_dies_ends_the_run_in_one_line_and_leaves_the_last_round(tmp_path):
    kept, two = tmp_path / "rounds.npz", replace(SMALL, clients=2)  # two ranks, for each imports TensorFlow
    with pytest.raises(RankError) as error:
        run_processes(two, kept, die=(1, 3))
    line = f"rank 1 died of signal 9; round 2 is kept in {kept}: the same command goes on from there"
    assert str(error.value) == line
    done, both = read_kept(kept, two)
    assert done == 2
    np.testing.assert_allclose(both, replace(two, rounds=2).lanes(), atol=1e-12)


class Wire:
    """A communicator of one rank, with a post box for each pair."""

    def __init__(self, rank, size, posts):
        self.rank, self.size, self.posts = rank, size, posts

    def Send(self, array, dest):
        self.posts[self.rank, dest] = array.copy()

    def Iprobe(self, source):
        return (source, self.rank) in self.posts

    def Recv(self, array, source):
        array[:] = self.posts[source, self.rank]


def test_the_server_averages_by_size():
    p, posts, own = np.array([0.2, 0.3, 0.5]), {}, np.random.default_rng(0).normal(size=(3, 2, 4))
    for rank in (1, 2):
        posts[rank, 0] = own[rank]
    mean = averaged(Wire(0, 3, posts), own[0], p)
    np.testing.assert_allclose(mean, np.tensordot(p, own, 1))
    np.testing.assert_array_equal(averaged(Wire(2, 3, posts), own[2], p), mean)


def test_what_is_kept_is_of_one_federation(tmp_path):
    path, both = tmp_path / "r.npz", np.ones((2, 64))
    assert read_kept(path, SMALL) == (0, None)
    keep(path, SMALL, 4, both)
    assert read_kept(path, SMALL)[0] == 4
    assert read_kept(path, Federation(images=40, rounds=9))[0] == 4  # more rounds of the same
    assert read_kept(path, Federation(images=40, rounds=3)) == (0, None)
    assert read_kept(path, Federation(images=40, eta=0.1)) == (0, None)


@pytest.mark.parametrize(
    "log, line",
    [
        ("rank 1: no file x\nnoise", "rank 1 ended the run: no file x"),
        (
            "mpirun noticed that process rank 3 with PID 0 on node a exited on signal 11 (S).",
            "rank 3 died of signal 11",
        ),
        ("-----\n  slots\nare missing \n-----\n", "the ranks ended: slots are missing"),
    ],
)
def test_who_died(log, line):
    assert who_died(log) == line


def test_without_an_mpi_it_says_what_to_install(tmp_path, capsys):
    assert main(["--launcher", "no-such-launcher", "--kept", str(tmp_path / "r.npz")]) == 1
    assert "openmpi-bin" in capsys.readouterr().err
