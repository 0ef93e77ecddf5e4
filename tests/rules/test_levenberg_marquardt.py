import numpy as np
import pytest

from descent.games import Game
from descent.quiet import tf
from descent.rules.implicit import implicit
from descent.rules.levenberg_marquardt import levenberg_marquardt, trust
from descent.simulate import Simulator

ROOT = Game(lambda params, batch: (tf.reduce_sum(tf.sqrt(1 + params[0] ** 2)),))
START = (tf.constant([3.0, 40.0], tf.float64),)


def run(game, eta, steps=60, start=START):
    rule = levenberg_marquardt(eta)
    return Simulator(game, rule, record=lambda p, s, g: (g.losses(p)[0], s.ratio, s.learning_rate)).run(start, steps)


def test_it_converges_from_any_first_step_size_where_the_plain_step_bounces():
    for eta in (1e-3, 1.0, 1e4):
        end = run(ROOT, eta)
        assert np.abs(end.params[0]).max() < 1e-6
        assert (np.diff(end.records[0]) <= 1e-15).all()
    plain = Simulator(ROOT, implicit(1e4)).run(START, 3)
    assert np.abs(plain.params[0]).max() > 1e3


def test_first_step_is_the_implicit_one_and_its_ratio_is_as_computed_by_hand():
    t, eta = 0.5, 0.7
    start = (tf.constant(t, tf.float64),)
    f, g, h = np.sqrt(1 + t**2), t / np.sqrt(1 + t**2), (1 + t**2) ** -1.5
    delta = -eta * g / (1 + eta * h)
    end = run(ROOT, eta, 1, start)
    assert float(end.params[0]) - t == pytest.approx(delta, rel=1e-12)
    predicted = -(g * delta + h * delta**2 / 2)
    assert end.records[1][-1] == pytest.approx((f - np.sqrt(1 + (t + delta) ** 2)) / predicted, rel=1e-10)


def test_step_size_grows_on_quadratics_where_the_model_is_exact():
    end = run(Game(lambda params, batch: (tf.reduce_sum(params[0] ** 2),)), 0.01, 5)
    np.testing.assert_allclose(end.records[1][1:], 1.0, rtol=1e-8)
    np.testing.assert_allclose(end.records[2], 0.01 * 2.0 ** np.arange(6))


def test_a_rejected_step_stays_put_and_shrinks_the_step_size():
    # From t = 3 with eta = 100 the implicit step lands beyond -70, where the loss is higher.
    end = run(ROOT, 100.0, 1, (tf.constant(3.0, tf.float64),))
    assert float(end.params[0]) == 3.0
    assert end.state.rejected == 1
    assert end.state.learning_rate == 25.0


def test_a_loss_that_is_not_a_number_is_a_rejection():
    game = Game(lambda params, batch: (params[0] - tf.math.log(params[0]),))
    end = Simulator(game, levenberg_marquardt(1e3)).run((tf.constant(5.0, tf.float64),), 60)
    assert end.state.rejected > 0
    assert float(end.params[0]) == pytest.approx(1.0, abs=1e-6)


def test_games_of_more_players_are_refused():
    with pytest.raises(ValueError, match="one player"):
        levenberg_marquardt(0.1).init((tf.constant(1.0), tf.constant(2.0)))


@pytest.mark.parametrize(
    ("actual", "predicted", "ratio", "factor", "taken"),
    [
        (0.76, 1.0, 0.76, 2.0, True),
        (0.74, 1.0, 0.74, 1.0, True),
        (0.4, 1.0, 0.4, 1.0, True),  # below one half and above a quarter: the radius stays
        (0.26, 1.0, 0.26, 1.0, True),
        (0.24, 1.0, 0.24, 0.25, True),
        (0.0, 1.0, 0.0, 0.25, False),
        (-1.0, 1.0, -1.0, 0.25, False),
        (1.0, -1.0, -1.0, 0.25, False),  # a predicted rise
        (np.nan, 1.0, -1.0, 0.25, False),
        (0.0, 0.0, 1.0, 2.0, True),  # at the minimum
    ],
)
def test_the_radius_grows_above_three_quarters_and_shrinks_below_one(actual, predicted, ratio, factor, taken):
    found = trust(tf.constant(actual, tf.float64), tf.constant(predicted, tf.float64), 2.0, 4.0)
    assert [float(x) for x in found[:2]] == pytest.approx([ratio, factor]) and bool(found[2]) == taken
