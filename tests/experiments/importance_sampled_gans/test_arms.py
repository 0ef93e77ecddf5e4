"""Scores against single gradients, arms against what they are meant to draw, and the oracle against its prior."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from descent.experiments.importance_sampled_gans import measured
from descent.experiments.importance_sampled_gans.arms import ARMS, FLOW, Setup
from descent.experiments.importance_sampled_gans.flow import log_normal
from descent.experiments.importance_sampled_gans.scores import scores
from descent.problems.mixtures import ring
from descent.quiet import tf

SETUP = Setup(ring(8, 2.0, 0.2), (1, 2), width=7, batch=16)


def numbers(setup=SETUP, step=0):
    return setup.numbers(tf.constant([3, 4]), tf.constant(step))


def lane(params, k):
    return tf.nest.map_structure(lambda x: torch.tensor(x[k].numpy(), dtype=torch.float64), params)


def as_network(layers, x):
    for k, (w, b) in enumerate(layers):
        x = torch.relu(x) if k else x
        x = x @ w + b[0]
    return x


def test_scores_are_those_of_torch_sample_by_sample():
    params, z = SETUP.start(ARMS["uniform"]), numbers()["fake"]
    found = scores(SETUP.networks, params, z)
    for k in range(2):
        generator, critic = (lane(p, k) for p in params)
        flat = [x.requires_grad_() for layer in generator for x in layer]
        for i in range(3):
            one = torch.tensor(z[k, i].numpy(), dtype=torch.float64, requires_grad=True)
            logit = as_network(critic, as_network(generator, one))[0]
            by = torch.autograd.grad(torch.nn.functional.softplus(-logit), [one, *flat])
            assert float(found.logit[k, i]) == pytest.approx(logit.item(), abs=1e-5)
            assert float(found.latent[k, i]) == pytest.approx(by[0].norm().item(), rel=1e-4)
            assert float(found.theta[k, i]) == pytest.approx(sum((x**2).sum() for x in by[1:]).sqrt().item(), rel=1e-4)
            jacobian = torch.autograd.functional.jacobian(lambda v, g=generator: as_network(g, v), one.detach())
            assert float(found.jacobian[k, i]) == pytest.approx(jacobian.norm().item(), rel=1e-4)


@pytest.mark.parametrize("name", ["top", "reject"])
def test_half_of_the_latents_is_kept(name):
    params, drawn = SETUP.start(ARMS[name]), numbers()
    z, w = SETUP.latents(ARMS[name], params, drawn)
    all_of, kept = (scores(SETUP.networks, params, x) for x in (drawn["u"], z))
    key, sign = {"top": ("logit", 1), "reject": ("jacobian", -1)}[name]
    values, chosen = (sign * getattr(of, key).numpy() for of in (all_of, kept))
    np.testing.assert_allclose(chosen.min(1), np.sort(values)[:, -16], rtol=1e-5)
    assert (w.numpy() == 1).all()


def shifted(by=0.15):
    """Return the start of an arm with a flow that isn't the identity."""
    params = SETUP.start(ARMS["theta"])
    moved = tf.nest.map_structure(lambda x: x + by * tf.random.stateless_normal(x.shape, [5, 6]), params[FLOW])
    return (*params[:FLOW], moved)


def test_weights_are_prior_over_proposal_and_bounded_in_a_mixture():
    params, drawn = shifted(), numbers()
    z, w = SETUP.latents(ARMS["theta"], params, drawn)
    ratio = tf.exp(log_normal(z) - SETUP.flow.log_density(params[FLOW], z))
    np.testing.assert_allclose(w, ratio, rtol=1e-4)
    _, bounded = SETUP.latents(ARMS["defensive"], params, drawn)
    assert bounded.numpy().max() <= 2 + 1e-5
    assert (SETUP.latents(ARMS["fis_unweighted"], params, drawn)[1].numpy() == 1).all()


def test_players_other_than_the_flow_are_told_the_plain_gradient_where_the_flow_is_the_identity():
    start = SETUP.start(ARMS["theta"])
    plain, _ = SETUP.oracle(ARMS["uniform"]).estimate(start[:2], (), numbers())
    told, _ = SETUP.oracle(ARMS["theta"]).estimate(start, (), numbers())
    for a, b in zip(tf.nest.flatten(plain.xi), tf.nest.flatten(told.xi[:2]), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("name", ARMS)
def test_arms_share_start_numbers_and_count_of_latents(name):
    """What differs between arms is which latents the generator sees, not how many, nor where training begins."""
    plain, start = SETUP.start(ARMS["uniform"]), SETUP.start(ARMS[name])
    for a, b in zip(tf.nest.flatten(plain), tf.nest.flatten(start[:2]), strict=True):
        np.testing.assert_array_equal(a, b)
    drawn = numbers()
    z, w = SETUP.latents(ARMS[name], start, drawn)
    assert z.shape == (2, SETUP.batch, SETUP.latent) and w.shape == (2, SETUP.batch)
    wanted = SETUP.oracle(ARMS["uniform"]).estimate(plain, (), drawn)[0].xi[1]
    told = SETUP.oracle(ARMS[name]).estimate(start, (), drawn)[0].xi[1]
    for a, b in zip(tf.nest.flatten(wanted), tf.nest.flatten(told), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)  # the discriminator's fakes come from p in every arm


def test_lanes_are_apart():
    """One lane alone takes the steps that it takes beside others."""
    both = SETUP.train(ARMS["theta"], 4, 2, 9)[0]
    alone = replace(SETUP, seeds=(2,)).train(ARMS["theta"], 4, 2, 9)[0]
    for a, b in zip(tf.nest.flatten(both), tf.nest.flatten(alone), strict=True):
        np.testing.assert_allclose(a[:, 1], b[:, 0], atol=2e-5)


def test_weighted_gradient_is_unbiased_and_the_unweighted_is_not():
    """160 z-scores of a true null would exceed 4.5 once in a thousand times; these draws are fixed."""
    params = tf.nest.map_structure(lambda x: x.numpy()[None], shifted())
    run = measured.Run(ARMS["theta"], params, np.zeros(1), np.zeros((1, 2, 1, 2)))
    assert np.abs(measured.unbiased(SETUP, run, 1, count=20000, directions=4)).max() < 4.5
    assert np.abs(measured.unbiased(SETUP, run, 1, count=20000, directions=4, weighted=False)).max() > 4.5


def largest_z_score(name, steps=40):
    """Return that of an arm's generator gradient minus the uniform arm's, along four directions in two lanes.

    Both see the same numbers, step by step, so that differences have small standard errors. The flow is a mild one:
    weights with long tails, up to 300 where it is moved by .15, make Student's law wrong for so few steps.
    """
    setup, start = replace(SETUP, batch=2000), shifted(0.05)
    oracles = setup.oracle(ARMS["uniform"]), setup.oracle(ARMS[name])
    rng, flat = np.random.default_rng(0), [x.shape for x in tf.nest.flatten(start[0])]
    directions = [[rng.normal(size=shape) for shape in flat] for _ in range(4)]

    @tf.function(autograph=False)
    def told(step):
        drawn = setup.numbers(tf.stack([3, step]), step)  # as the simulator does: the key has the step in it
        plain, arm = (
            oracle.estimate(params, (), drawn)[0].xi[0]
            for oracle, params in zip(oracles, (start[:2], start), strict=True)
        )
        return [b - a for a, b in zip(tf.nest.flatten(plain), tf.nest.flatten(arm), strict=True)]

    found = []
    for step in range(steps):
        leaves = [x.numpy().astype(float) for x in told(tf.constant(step))]
        along = [sum((x * d).sum((1, 2)) for x, d in zip(leaves, one, strict=True)) for one in directions]
        found.append(np.concatenate(along))
    values = np.stack(found)
    return np.abs(values.mean(0) / values.std(0, ddof=1) * np.sqrt(steps)).max()


@pytest.mark.parametrize("name", ["theta", "defensive"])
def test_the_oracle_that_trains_is_unbiased(name):
    """One of 16 Student's t, 39 degrees of freedom, exceeds 4.5 in one of 1,000 trials; these draws are fixed."""
    assert largest_z_score(name) < 4.5


def test_the_oracle_without_weights_is_biased():
    """A test that saw nothing here would show nothing above."""
    assert largest_z_score("fis_unweighted") > 9


def test_gains_lie_below_the_ceiling_and_the_best_score_attains_it():
    params = tf.nest.map_structure(lambda x: x.numpy()[None], shifted())
    run = measured.Run(ARMS["theta"], params, np.zeros(1), np.zeros((1, 2, 1, 2)))
    found = measured.Gains(SETUP, 41).at(run, 0)
    np.testing.assert_allclose(found["exact.theta"], found["ceiling"], rtol=1e-5)
    np.testing.assert_allclose(found["gain"] * (1 + found["chi2"]), found["ceiling"], rtol=1e-9)
    assert (found["gain"] <= found["ceiling"] * 1.01).all()
    np.testing.assert_allclose(found["rank.theta"], 1)


def test_a_second_run_compiles_nothing():
    simulator = SETUP.simulator(ARMS["defensive"], 2)
    start = SETUP.start(ARMS["defensive"])
    simulator.run(start, 4, 1)
    simulator.run(start, 6, 2)
    assert simulator.traces == 1


def test_steps_until():
    curve = np.array([[0.1, 0.0], [0.8, 0.2], [0.6, 0.3]])
    np.testing.assert_array_equal(measured.steps_until(np.array([0, 10, 20]), curve, 0.7), [10, 20])
