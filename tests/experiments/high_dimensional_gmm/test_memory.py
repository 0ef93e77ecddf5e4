import numpy as np
import pytest

from descent import vectors
from descent.experiments.high_dimensional_gmm.memory import memory_needed, refuse_beyond
from descent.experiments.high_dimensional_gmm.spectra import standard_gaussian_gan
from descent.measures.seconds import step_costs
from descent.quiet import tf
from descent.rules import chain, rmsprop_tf1, sga


def needed_for(dimension, width, **more):
    return memory_needed(standard_gaussian_gan(dimension, width).gan, **more)


@pytest.mark.parametrize(("dimension", "width"), [(2, 128), (75, 200), (512, 32)])
def test_foretold_memory_covers_a_step_and_is_not_absurd(dimension, width):
    experiment = standard_gaussian_gan(dimension, width)
    params = experiment.params(0)
    game = experiment.game.at(experiment.draw(tf.constant([0, 1]), tf.constant(0)))
    (cost,) = step_costs([(chain(sga(1.0), rmsprop_tf1(1e-4)), game, params)], rounds=2)
    held = cost.peak + 2 * 4 * vectors.size(params)  # and the parameters, and the state
    assert cost.seconds > 0
    assert held <= sum(needed_for(dimension, width)) <= 6 * held


def test_foretold_parameters_are_counted_exactly():
    params = standard_gaussian_gan(75, 200).params(0)
    assert needed_for(75, 200).parameters == 8 * 4 * vectors.size(params)
    assert needed_for(75, 200, lanes=3).parameters == 3 * 8 * 4 * vectors.size(params)
    assert needed_for(75, 200, samples=1000, records=4).samples >= 4 * 1000 * 75 * 4


def test_too_much_is_refused_with_size_and_limit():
    needed = needed_for(128, 65536)
    refuse_beyond(2 * sum(needed), needed, "d = 128")
    with pytest.raises(MemoryError) as error:
        refuse_beyond(4e9, needed, "d = 128, width = 65536")
    total = f"{sum(needed) / 1e6:,.0f}"
    assert f"d = 128, width = 65536: needs about {total} MB" in str(error.value)
    assert "limit of 4,000 MB" in str(error.value)
    assert "\n" not in str(error.value)
    assert np.isclose(sum(needed) / 4 / (2 * 65536**2 * 8), 1, rtol=0.1)
