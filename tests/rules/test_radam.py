import numpy as np
import pytest

from descent import rules
from descent.games import Game
from descent.quiet import tf
from descent.rules.radam import rectification
from descent.simulate import Simulator

STEPS = 200
START = [-1.2, 1.0, 0.5]
CENTRE = [0.3, -0.2, 0.1]


def losses(params, batch):
    """A bent valley: the gradient is smooth and never stays one number."""
    x, y, z = tf.unstack(params[0] - CENTRE)
    return (x**2 / 2 + 2 * (y - x**2) ** 2 + tf.sin(3 * z) + z**2,)


def gradient(w):
    x, y, z = np.asarray(w) - CENTRE
    bend = 4 * (y - x**2)
    return np.array([x - 2 * x * bend, bend, 3 * np.cos(3 * z) + 2 * z])


def path(rule):
    start = (tf.constant(START, tf.float64),)
    return Simulator(Game(losses), rule, record=lambda params, state, game: params[0]).run(start, STEPS).records


@pytest.mark.parametrize("beta2", [0.999, 0.95])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_equals_pytorch_over_two_hundred_steps(beta2, decay):
    torch = pytest.importorskip("torch")
    w = torch.nn.Parameter(torch.tensor(START, dtype=torch.float64))
    theirs = torch.optim.RAdam([w], 0.02, (0.9, beta2), 1e-8, weight_decay=decay, decoupled_weight_decay=True)
    found = [START]
    for _ in range(STEPS):
        w.grad = torch.from_numpy(gradient(w.detach().numpy()))
        theirs.step()
        found.append(w.detach().numpy().copy())
    assert np.linalg.norm(found[-1] - np.array(START)) > 0.5
    # rounding, amplified by two hundred steps
    np.testing.assert_allclose(path(rules.radam(0.02, 0.9, beta2, weight_decay=decay)), found, atol=1e-10)


@pytest.mark.parametrize("threshold", [5.0, 4.0])
def test_equals_optax_whose_epsilon_is_in_the_corrected_root(threshold):
    optax, jax = pytest.importorskip("optax"), pytest.importorskip("jax")
    with jax.enable_x64(True):
        theirs = optax.radam(0.02, threshold=threshold, eps=1e-3)
        w = jax.numpy.array(START, jax.numpy.float64)
        state, update, found = theirs.init(w), jax.jit(theirs.update), [START]
        for _ in range(STEPS):
            change, state = update(jax.numpy.array(gradient(w)), state)
            w = w + change
            found.append(np.asarray(w))
    ours = path(rules.radam(0.02, epsilon=1e-3, threshold=threshold, epsilon_in="corrected v"))
    np.testing.assert_allclose(ours, found, atol=1e-10)
    other = path(rules.radam(0.02, epsilon=1e-3, threshold=threshold))
    assert np.abs(ours - other).max() > 1e-4  # the place of epsilon matters, and is tested


def test_the_wait_is_four_steps_in_the_paper_and_five_in_codes():
    t = np.arange(1, 2001)
    for threshold, wait in ((4.0, 4), (5.0, 5)):
        r = rectification(t, 0.999, threshold).numpy()
        assert (r == 0).sum() == wait and (np.diff(r) >= 0).all() and r[-1] < 1
        np.testing.assert_array_equal(rectification(t.astype(np.float32), 0.999, threshold), r)


def test_waiting_steps_are_momentums_or_none():
    t = np.arange(1, 6)[:, None]
    momentum, skipped = (path(rules.radam(0.02, first_steps=first)) for first in ("momentum", "skip"))
    np.testing.assert_array_equal(skipped[:6], [START] * 6)
    assert np.abs(skipped[6] - START).min() > 0
    m, expected = np.zeros(3), []
    for w in momentum[:5]:
        m = 0.9 * m + 0.1 * gradient(w)
        expected.append(m)
    np.testing.assert_allclose(np.diff(momentum[:6], axis=0), -0.02 * np.array(expected) / (1 - 0.9**t), rtol=1e-10)
    # then it is Adam at the rate eta r_t, Adam's epsilon being in the uncorrected root as well
    warmed = rules.scheduled(
        lambda r: rules.chain(rules.adam(0.02 * r, epsilon=1e-8)), rules.Schedule(lambda s: rectification(s + 1, 0.999))
    )
    waiting = rules.radam(0.02, first_steps="skip")
    np.testing.assert_allclose(path(waiting), path(warmed), atol=1e-12)


def test_float32_waits_as_long_and_a_gradient_of_zero_is_no_step():
    start = (tf.constant([0.5, 0.0]),)
    bowl = Game(lambda params, batch: (tf.reduce_sum(params[0] ** 2),))
    run = Simulator(bowl, rules.radam(0.1, first_steps="skip"), record=lambda p, s, g: p[0]).run(start, 8).records
    assert (run[:6] == run[0]).all() and run[6, 0] < 0.5 and (run[:, 1] == 0).all()


def test_unknown_options_are_refused():
    with pytest.raises(ValueError, match="first_steps"):
        rules.radam(0.1, first_steps="wait")
