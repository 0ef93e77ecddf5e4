"""Meta-gradients against finite differences, and the two evolution strategies against exact expectations.

The statistical tests draw from fixed seeds. Each is a t-test on independent repetitions that fails a correct program
with probability 1e-4 over the choice of seed, and comes with a wrong estimator that it does reject.
"""

import numpy as np
import pytest
from scipy import stats

from descent import vectors
from descent.learned import (
    LearnedOptimizer,
    k_momentums,
    learnable_gradient_descent,
    lstm_optimizer,
    mlp_optimizer,
    multiscale_adam,
    normalized_history,
    rnnprop,
)
from descent.learned.meta_gradients import evolution_strategies, persistent_es, truncated_bptt
from descent.learned.tasks import Task, quadratic
from descent.learned.unroll import Unroll
from descent.quiet import tf
from descent.rules.base import stateless

FALSE_ALARM = 1e-4
SMALL = {
    "learnable_gradient_descent": lambda: learnable_gradient_descent(0.2),
    "normalized_history": lambda: normalized_history(4, hidden=5, eta_min=0.05),
    "k_momentums": lambda: k_momentums(3, hidden=5, eta_min=0.05),
    "multiscale_adam, average": lambda: multiscale_adam("average", learning_rate=0.1),
    "multiscale_adam, mlp": lambda: multiscale_adam("mlp", learning_rate=0.1),
    "lstm_optimizer": lambda: lstm_optimizer(units=3, scale=0.1),
    "rnnprop": lambda: rnnprop(units=3),
    "mlp_optimizer": lambda: mlp_optimizer(hidden=4, step=0.1),
}


def rugged(d=4):
    """A smooth, coupled, noisy, non-quadratic task in float64."""
    a = tf.constant(np.random.default_rng(3).normal(size=(d, d)))

    def start(key, lanes):
        return tf.random.stateless_normal([lanes, d], key, dtype=tf.float64), ()

    def batch(key, lanes):
        return 0.1 * tf.random.stateless_normal([lanes, d], key, dtype=tf.float64)

    def loss(x, context, shift):
        return 0.1 + tf.reduce_sum(tf.math.log(tf.cosh(tf.linalg.matvec(a, x) + shift)))

    return Task(start, batch, loss)


def weights_of(optimizer):
    """The initial weights, shaken a little, so that nothing sits on a symmetry."""
    rng = np.random.default_rng(1)
    return tf.nest.map_structure(lambda w: w + 0.1 * rng.normal(size=w.shape), optimizer.init(0, tf.float64))


@pytest.mark.parametrize("name", SMALL)
def test_second_order_backpropagation_is_the_derivative(name):
    optimizer = SMALL[name]()
    unroll = Unroll(optimizer, rugged(), length=5, stop_gradient=False)
    estimator = truncated_bptt(unroll, tasks=3)
    weights = weights_of(optimizer)
    state, key = estimator.init(weights, tf.constant([1, 2])), tf.constant([3, 4])
    estimate = tf.function(estimator.estimate, autograph=False)
    gradient, _, state = estimate(weights, state, key)  # on, so that the stretch does not begin at a start
    gradient, loss, _ = estimate(weights, state, key)
    rng, h = np.random.default_rng(2), 1e-6
    for _ in range(3):
        v = tf.nest.map_structure(lambda w: tf.constant(rng.normal(size=w.shape)), weights)
        up, down = (float(estimate(vectors.axpy(s * h, v, weights), state, key)[1]) for s in (1, -1))
        assert float(vectors.dot(gradient, v)) == pytest.approx((up - down) / (2 * h), rel=2e-6, abs=1e-8)
    assert np.isfinite(float(loss)) and estimate.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("name", ["k_momentums", "lstm_optimizer"])
def test_first_order_backpropagation_holds_the_inner_gradients_constant(name):
    optimizer, task, length = SMALL[name](), rugged(), 4
    unroll = Unroll(optimizer, task, length, stop_gradient=True)
    estimator = truncated_bptt(unroll, tasks=1)
    weights = weights_of(optimizer)
    state, key = estimator.init(weights, tf.constant([1, 2])), tf.constant([3, 4])
    gradient, loss, _ = tf.function(estimator.estimate, autograph=False)(weights, state, key)

    stretch_key = tf.random.experimental.stateless_fold_in(key, 1)
    batches = [task.batch(tf.random.experimental.stateless_fold_in(stretch_key, s), 1)[0] for s in range(length + 1)]
    frozen: list = []

    @tf.function(autograph=False)
    def meta_loss(weights, gradients):
        rule = optimizer.rule(weights)
        x, rule_state = state.inner.params[0], tf.nest.map_structure(lambda leaf: leaf[0], state.inner.state)
        total, seen = 0.0, []
        for s in range(length):
            game = task.game.at(((), batches[s]))
            xi = gradients[s] if gradients else game.gradient((x,))[0]
            seen.append(xi)
            step, rule_state = rule.update((xi,), rule_state, (x,), game)
            x = x + step[0]
            total += tf.math.log(task.loss(x, (), batches[s + 1]) + 1e-15)
        return total / length, seen

    value, frozen = meta_loss(weights, [])
    assert float(loss) == pytest.approx(float(value), rel=1e-12)
    rng, h = np.random.default_rng(2), 1e-6
    v = tf.nest.map_structure(lambda w: tf.constant(rng.normal(size=w.shape)), weights)
    held = [float(meta_loss(vectors.axpy(s * h, v, weights), frozen)[0]) for s in (1, -1)]
    free = [float(meta_loss(vectors.axpy(s * h, v, weights), [])[0]) for s in (1, -1)]
    slope = float(vectors.dot(gradient, v))
    assert slope == pytest.approx((held[0] - held[1]) / (2 * h), rel=2e-6)
    assert slope != pytest.approx((free[0] - free[1]) / (2 * h), rel=1e-4)


@pytest.mark.parametrize(("at", "measure"), [("all", "plain"), ("final", "plain"), ("all", "log")])
def test_meta_loss_and_gradient_on_a_quadratic_by_hand(at, measure):
    # x_{t+1} = (1 - h e^a) x_t, so every loss and its derivative by a are known.
    h, x0, a, length = 1.5, 2.0, np.log(0.2), 4
    optimizer = learnable_gradient_descent(0.2)
    unroll = Unroll(optimizer, quadratic(tf.constant([h], tf.float64), start=x0), length, measure, at, False)
    estimator = truncated_bptt(unroll, tasks=2)
    weights = tf.constant(a, tf.float64)
    gradient, loss, _ = estimator.estimate(weights, estimator.init(weights, tf.constant([0, 0])), tf.constant([1, 1]))
    t = np.arange(1, length + 1)
    factor = 1 - h * np.exp(a)
    losses = h * x0**2 / 2 * factor ** (2 * t)
    slopes = losses * 2 * t * (-h * np.exp(a)) / factor
    if measure == "log":
        losses, slopes = np.log(losses), slopes / losses
    chosen = slice(None) if at == "all" else slice(-1, None)
    assert float(loss) == pytest.approx(losses[chosen].mean(), rel=1e-12)
    assert float(gradient) == pytest.approx(slopes[chosen].mean(), rel=1e-12)


def free_step():
    """The optimiser whose one step is its weights: the meta-loss after it is the inner loss itself."""
    return LearnedOptimizer(
        "free_step",
        {},
        lambda key, dtype=tf.float64: tf.zeros([2], dtype),
        lambda weights: stateless(lambda xi, params, game: (weights,)),
    )


def repeated(estimator, weights, repetitions):
    """Independent first estimates, one row each, as NumPy arrays."""
    state = estimator.init(weights, tf.constant([5, 5]))
    estimate = tf.function(lambda k: estimator.estimate(weights, state, tf.stack([k, 0]))[0], autograph=False)
    return np.array([estimate(tf.constant(k)).numpy() for k in range(repetitions)])


def test_variance_of_evolution_strategies_is_the_theory():
    # On a quadratic meta-loss an antithetic pair returns eps <eps, grad> / sigma^2 exactly; its mean is grad, and its
    # covariance |grad|^2 I + grad grad^T, of trace (d + 1) |grad|^2. The mean of n pairs has an n-th of it.
    h = np.array([0.5, 3.0])
    unroll = Unroll(free_step(), quadratic(tf.constant(h)), length=1, measure="plain")
    weights, pairs, repetitions = tf.constant([-0.5, 0.7], tf.float64), 4, 600
    grad = h * (1.0 + weights.numpy())
    g = repeated(evolution_strategies(unroll, pairs, (1, 1), sigma=0.3), weights, repetitions)
    t = (g.mean(0) - grad) / (g.std(0, ddof=1) / np.sqrt(repetitions))
    assert 2 * stats.t.sf(abs(t).max(), repetitions - 1) * len(t) > FALSE_ALARM
    spread = ((g - grad) ** 2).sum(1) * pairs / (grad @ grad)
    assert stats.ttest_1samp(spread, 2 + 1).pvalue > FALSE_ALARM
    assert stats.ttest_1samp(spread, 2).pvalue < FALSE_ALARM  # (d |grad|^2 is what forgets the rank-one part)


H, START, RATE, LENGTH, STRETCHES, SIGMA = 1.0, 1.0, 0.15, 2, 3, 0.2


def exact_gradient(stretches_credited):
    """d/da of the mean over K stretches of E[L_k], by Gauss-Hermite quadrature.

    The final loss of stretch k is H/2 START^2 prod_{j <= k} f(a + eps_j) with f(a) = (1 - H e^a)^(2 LENGTH), and the
    eps_j are independent. ``stretches_credited(k)`` of the k factors are differentiated: all by the truth, one by
    truncation.
    """
    nodes, node_weights = np.polynomial.hermite_e.hermegauss(80)
    node_weights = node_weights / node_weights.sum()
    eta = np.exp(np.log(RATE) + SIGMA * nodes)
    mean = node_weights @ (1 - H * eta) ** (2 * LENGTH)
    slope = node_weights @ (2 * LENGTH * (1 - H * eta) ** (2 * LENGTH - 1) * -H * eta)
    k = np.arange(1, STRETCHES + 1)
    return np.mean(H / 2 * START**2 * mean ** (k - 1) * slope * stretches_credited(k))


def estimates_over_inner_training(make, repetitions, trainings=2):
    """Mean estimate over whole inner trainings, restart included: shape [repetitions]."""
    task = quadratic(tf.constant([H], tf.float64), start=START)
    unroll = Unroll(learnable_gradient_descent(RATE), task, LENGTH, "plain", "final")
    estimator = make(unroll, 32, (STRETCHES, STRETCHES), SIGMA)
    weights = tf.constant(np.log(RATE), tf.float64)

    @tf.function(autograph=False)
    def one(seed):
        state, total = estimator.init(weights, tf.stack([seed, -1])), 0.0
        for stretch in range(trainings * STRETCHES):
            gradient, _, state = estimator.estimate(weights, state, tf.stack([seed, stretch]))
            total += gradient
        return total / (trainings * STRETCHES)

    return np.array([one(tf.constant(seed)).numpy() for seed in range(repetitions)])


def test_persistent_es_is_unbiased_and_truncated_es_is_not():
    exact, truncated = exact_gradient(lambda k: k), exact_gradient(lambda k: np.ones_like(k))
    persistent = estimates_over_inner_training(persistent_es, 150)
    assert stats.ttest_1samp(persistent, exact).pvalue > FALSE_ALARM
    assert stats.ttest_1samp(persistent, truncated).pvalue < FALSE_ALARM
    short_sighted = estimates_over_inner_training(evolution_strategies, 150)
    assert stats.ttest_1samp(short_sighted, exact).pvalue < FALSE_ALARM


def test_persistent_es_forgets_its_perturbations_when_an_inner_problem_begins_afresh():
    # Old perturbations would do no harm in the mean, so the test above can't see them: they are only noise.
    unroll = Unroll(learnable_gradient_descent(RATE), quadratic(tf.constant([H], tf.float64)), LENGTH, "plain")
    estimator = persistent_es(unroll, 4, (2, 2), SIGMA)
    weights = tf.constant(np.log(RATE), tf.float64)
    state, sums = estimator.init(weights, tf.constant([0, 1])), []
    for stretch in range(4):
        _, _, state = estimator.estimate(weights, state, tf.constant([1, stretch]))
        sums.append(state.sums.numpy())
    assert (sums[0] != 0).all() and (sums[2] != 0).all()
    np.testing.assert_array_equal([sums[1], sums[3]], np.zeros((2, 4)))


def test_a_lost_inner_problem_begins_afresh_and_does_not_spoil_the_meta_gradient():
    def loss(x, context, poison):
        return tf.reduce_sum(x**2) + poison

    def batch(key, lanes):
        return tf.constant([np.inf] + [0.0] * (lanes - 1), tf.float64)

    task = Task(lambda key, lanes: (tf.ones([lanes, 2], tf.float64), ()), batch, loss)
    unroll = Unroll(learnable_gradient_descent(0.1), task, 2, "plain")
    weights = tf.constant(np.log(0.1), tf.float64)
    for make in (evolution_strategies, persistent_es):
        estimator = make(unroll, 3, (5, 5))
        gradient, _, state = estimator.estimate(
            weights, estimator.init(weights, tf.constant([0, 1])), tf.constant([1, 2])
        )
        lanes = getattr(state, "lanes", state)
        assert np.isfinite(gradient.numpy())
        np.testing.assert_array_equal(lanes.left, [5, 4, 4])
        np.testing.assert_array_equal(lanes.inner.params[0], [1, 1])
        assert (lanes.inner.params[1].numpy() != 1).all()


@pytest.mark.parametrize("make", [truncated_bptt, persistent_es])
def test_xla_makes_the_same_meta_step_on_the_same_minibatches(make):
    optimizer = k_momentums(3, hidden=5, eta_min=0.05)
    weights, key, found = weights_of(optimizer), tf.constant([5, 6]), {}
    for jit_compile in (False, True):
        unroll = Unroll(optimizer, rugged(), length=4, stop_gradient=False, jit_compile=jit_compile)
        estimator = make(unroll, tasks=2, windows=(3, 3))
        step = tf.function(estimator.estimate, autograph=False)
        found[jit_compile] = step(weights, estimator.init(weights, key), key)
    for plain, compiled in zip(*(tf.nest.flatten(found[which]) for which in (False, True)), strict=True):
        np.testing.assert_allclose(compiled, plain, rtol=1e-9, atol=1e-12)
