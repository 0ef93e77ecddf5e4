import dataclasses

import numpy as np
import pytest

from descent.experiments.implicit_gd import training as module
from descent.experiments.implicit_gd.training import Training
from descent.problems import images
from descent.quiet import tf
from descent.rules import gradient_descent, implicit
from descent.solvers.curvature import hessian


@pytest.fixture
def training(tmp_path):
    return Training(images.load("digits"), hidden=8, batch=50, watched=100, every=2, folder=tmp_path)


def test_runs_record_the_loss_and_the_products_and_are_kept(training, monkeypatch):
    rule = lambda eta: implicit(eta, training.gauss_newton, max_iterations=3)  # noqa: E731
    run = training.runs("implicit", rule, [0.1, 3.0], 6, [1, 2])
    assert run["loss"].shape == run["products"].shape == (2, 2, 4)
    start = training.problem.start(2)
    x, y = training.images.x[:100], training.images.y[:100]
    logits = training.problem.network(start[0], x).numpy()
    want = -np.mean(tf.nn.log_softmax(logits).numpy()[np.arange(100), y])
    np.testing.assert_allclose(run["loss"][:, 1, 0], want, rtol=1e-5)
    assert (np.diff(run["products"]) >= 2).all() and (np.diff(run["products"]) <= 6).all()

    def forbidden(*arguments):
        raise AssertionError("compiled again")

    monkeypatch.setattr(module, "RateSweep", forbidden)
    again = dataclasses.replace(training).runs("implicit", rule, [0.1, 3.0], 6, [1, 2])
    np.testing.assert_array_equal(again["loss"], run["loss"])
    with pytest.raises(AssertionError, match="again"):
        dataclasses.replace(training).runs("implicit", rule, [0.1, 3.0], 6, [1, 3])
    more = training.runs("implicit", rule, [3.0], 6, [2])  # compiled before
    np.testing.assert_array_equal(more["loss"][0], run["loss"][1, 1:])
    with pytest.raises(AssertionError, match="again"):  # another rule of that name
        training.runs("implicit", lambda eta: implicit(eta, training.gauss_newton, max_iterations=4), [0.1], 6, [1, 2])
    other = dataclasses.replace(training, images=dataclasses.replace(training.images, x=training.images.x * 16))
    with pytest.raises(AssertionError, match="again"):
        other.runs("implicit", rule, [0.1, 3.0], 6, [1, 2])


def test_work_counts_steps_and_products_and_losses_are_read_at_equal_work(training):
    run = {"loss": np.array([[[8.0, 4.0, 2.0], [8.0, np.inf, np.inf]]]), "products": np.array([[[0, 4, 8], [0, 4, 4]]])}
    np.testing.assert_array_equal(training.work(run, 0.5), [[[0, 4, 8], [0, 4, 6]]])
    np.testing.assert_allclose(training.after_work(run, 6, 0.5), [[np.sqrt(8), 1e6]])
    np.testing.assert_allclose(training.after_work(run, 3), [[np.sqrt(8), 1e6]])
    np.testing.assert_allclose(training.after_steps(run, 2), [[4, 1e6]])


def test_a_product_with_the_whole_hessian_costs_what_the_matrices_say(training):
    # n images, d inputs, h hidden units, c classes. The gradient takes two matrix products of n d h multiplications and
    # three of n h c; a sweep back through it takes two of n d h and six of n h c.
    d, h, c = 64, 8, 10
    whole = training.product_cost(hessian)
    assert whole == pytest.approx((2 * d * h + 6 * h * c) / (2 * d * h + 3 * h * c), rel=1e-12)
    biases = training.product_cost(hessian, ([(False, True), (False, True)],))
    assert biases < 0.6 * whole
    assert training.product_cost(training.gauss_newton) == pytest.approx(whole, rel=0.2)


def test_seeds_pair_methods(training):
    sgd = training.runs("sgd", gradient_descent, [0.5], 2, [7])
    small = training.runs("implicit", lambda eta: implicit(1e-6 * eta), [0.5], 2, [7])
    assert sgd["loss"][0, 0, 0] == small["loss"][0, 0, 0]
