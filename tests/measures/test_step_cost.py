import numpy as np
import pytest

from descent import vectors
from descent.experiments.high_dimensional_gmm.spectra import standard_gaussian_gan
from descent.measures.step_cost import memory_needed, peak_bytes, refuse_beyond, step_costs
from descent.quiet import tf
from descent.rules import chain, rmsprop_tf1, sga


def graph_of(function, *shapes):
    specs = [tf.TensorSpec(shape, tf.float32) for shape in shapes]
    return tf.function(function, autograph=False).get_concrete_function(*specs).graph


def test_peak_of_a_chain_is_two_tensors():
    """x -> a -> b -> c -> d: while one is made its input is held, and nothing else."""
    graph = graph_of(lambda x: tf.exp(tf.exp(tf.exp(tf.exp(x)))), [1000])
    assert peak_bytes(graph) == 2 * 4000


def test_a_tensor_needed_later_is_held():
    def function(x):
        first = tf.exp(x)
        return tf.exp(tf.exp(tf.exp(first))) + first

    assert peak_bytes(graph_of(function, [1000])) == 3 * 4000


def test_names_for_the_same_memory_and_unused_work_count_nothing():
    def function(x):
        tf.exp(tf.zeros([10**6]) + x[0])
        return tf.identity(tf.reshape(tf.identity(tf.exp(x)), [10, 100]))

    assert peak_bytes(graph_of(function, [1000])) == 4000


def test_matrix_product_and_outputs():
    def function(x):
        y = tf.matmul(x, x, transpose_a=True)  # [30, 30] from [20, 30]
        return y, tf.reduce_sum(y)

    assert 4 * 901 <= peak_bytes(graph_of(function, [20, 30])) <= 4 * 910


@pytest.mark.parametrize(("dimension", "width"), [(2, 128), (75, 200), (512, 32)])
def test_foretold_memory_covers_a_step_and_is_not_absurd(dimension, width):
    experiment = standard_gaussian_gan(dimension, width)
    params = experiment.params(0)
    game = experiment.game.at(experiment.draw(tf.constant([0, 1]), tf.constant(0)))
    (cost,) = step_costs([(chain(sga(1.0), rmsprop_tf1(1e-4)), game, params)], rounds=2)
    held = cost.peak + 2 * 4 * vectors.size(params)  # and the parameters, and the state
    assert cost.seconds > 0
    assert held <= sum(memory_needed(dimension, width)) <= 6 * held


def test_foretold_parameters_are_counted_exactly():
    params = standard_gaussian_gan(75, 200).params(0)
    assert memory_needed(75, 200).parameters == 8 * 4 * vectors.size(params)
    assert memory_needed(75, 200, lanes=3).parameters == 3 * 8 * 4 * vectors.size(params)
    assert memory_needed(75, 200, samples=1000, records=4).samples >= 4 * 1000 * 75 * 4


def test_too_much_is_refused_with_size_and_limit():
    needed = memory_needed(128, 65536)
    refuse_beyond(2 * sum(needed), needed, "d = 128")
    with pytest.raises(MemoryError) as error:
        refuse_beyond(4e9, needed, "d = 128, width = 65536")
    total = f"{sum(needed) / 1e6:,.0f}"
    assert f"d = 128, width = 65536: needs about {total} MB" in str(error.value)
    assert "limit of 4,000 MB" in str(error.value)
    assert "\n" not in str(error.value)
    assert np.isclose(sum(needed) / 4 / (2 * 65536**2 * 8), 1, rtol=0.1)
