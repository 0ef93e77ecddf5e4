"""Four ranks make the simulator's weights and the formula's bytes; one that dies leaves a round."""

import shutil
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

from descent.experiments.independent_subnets import wire
from descent.experiments.independent_subnets.processes import Training, keep, read_kept, run_processes
from descent.experiments.ranks import RankError

SMALL = Training(rounds=4)
mpi = pytest.mark.skipif(
    shutil.which("mpirun") is None or find_spec("mpi4py") is None, reason="no MPI: install openmpi-bin and mpi4py"
)


@mpi
def test_four_ranks_go_on_from_a_round_to_the_simulator_s_weights(tmp_path):
    kept = tmp_path / "rounds.npz"
    keep(kept, SMALL, 2, replace(SMALL, rounds=2).lanes())
    sent = run_processes(SMALL, kept)
    done, weights = read_kept(kept, SMALL)
    assert done == 4
    for own, expected in zip(weights, SMALL.lanes(), strict=True):
        np.testing.assert_allclose(own, expected, atol=1e-6)
    # rank 0's own piece does not travel: n - 1 pieces out and back, in each of two rounds
    assert sent in (None, 4 * 2 * 2 * 3 * wire.piece(SMALL.sizes, 4))


@mpi
def test_a_rank_that_dies_ends_the_run_in_one_line_and_leaves_the_last_round(tmp_path):
    kept, two = tmp_path / "rounds.npz", replace(SMALL, workers=2)
    with pytest.raises(RankError) as error:
        run_processes(two, kept, die=(1, 3))
    assert (
        str(error.value) == f"rank 1 died of signal 9; round 2 is kept in {kept}: the same command goes on from there"
    )
    done, weights = read_kept(kept, two)
    assert done == 2
    for own, expected in zip(weights, replace(two, rounds=2).lanes(), strict=True):
        np.testing.assert_allclose(own, expected, atol=1e-6)


def test_what_is_kept_is_of_one_training(tmp_path):
    path, weights = tmp_path / "r.npz", [np.ones((2, 3)), np.ones((3, 2)), np.ones((2, 1))]
    assert read_kept(path, SMALL) == (0, None)
    keep(path, SMALL, 3, weights)
    assert read_kept(path, SMALL)[0] == 3 and read_kept(path, replace(SMALL, rounds=9))[0] == 3
    assert read_kept(path, replace(SMALL, rounds=2)) == (0, None)
    assert read_kept(path, replace(SMALL, rate=0.1)) == (0, None)
