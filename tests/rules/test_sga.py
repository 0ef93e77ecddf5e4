"""SGA's direction against independent code: a dense Jacobian in JAX, double backward in PyTorch."""

import numpy as np
import pytest

from descent import games, rules, vectors
from descent.games import Game
from descent.quiet import tf

SIZES = (2, 3, 2)
D = sum(SIZES)
EDGES = np.cumsum(SIZES)[:-1]


def losses_in(xp, players, coefficients):
    """Three losses of all coordinates, quadratic plus waves, general-sum; xp is the array library."""
    w = xp.concatenate(players) if xp is not tf else tf.concat(players, 0)
    quadratic, waves = coefficients
    out = []
    for i in range(len(SIZES)):
        product = xp.einsum("j,jk,k->", w, quadratic[i], w)
        inner = xp.einsum("jk,k->j", waves[i], w)
        out.append(product / 2 + (tf.reduce_sum(tf.sin(inner)) if xp is tf else xp.sin(inner).sum()))
    return tuple(out)


def instance(seed, dtype=np.float64):
    rng = np.random.default_rng(seed)
    quadratic, waves = rng.normal(size=(len(SIZES), D, D)), rng.normal(size=(len(SIZES), 4, D))
    return rng.normal(size=D).astype(dtype), (quadratic.astype(dtype), waves.astype(dtype))


GAME = Game(lambda params, batch: losses_in(tf, params, batch))
SGA = {
    name: tf.function(
        lambda params, batch, rule=rules.sga(0.7, name): rule.update(
            GAME.at(batch).gradient(params), (), params, GAME.at(batch)
        )[0],
        autograph=False,
    )
    for name in ("none", "paper", "notebook")
}


def ours(name, w, coefficients):
    params = tuple(tf.constant(part) for part in np.split(w, EDGES))
    return np.concatenate([part.numpy() for part in SGA[name](params, tuple(tf.constant(c) for c in coefficients))])


def oracle(w, coefficients):
    """(xi, J) from JAX, J by forward mode."""
    jax = pytest.importorskip("jax")
    jnp = jax.numpy

    def xi(w):
        def own(i):
            def loss(part):
                parts = jnp.split(w, EDGES)
                parts[i] = part
                return losses_in(jnp, parts, coefficients)[i]

            return jax.grad(loss)(jnp.split(w, EDGES)[i])

        return jnp.concatenate([own(i) for i in range(len(SIZES))])

    with jax.enable_x64(True):
        return np.array(xi(jnp.array(w))), np.array(jax.jacfwd(xi)(jnp.array(w)))


def adjusted(w, coefficients, name, epsilon=0.1):
    xi, jacobian = oracle(w, coefficients)
    turn, grad_h = (jacobian.T - jacobian) @ xi / 2, jacobian.T @ xi
    d = {"paper": D, "notebook": len(SIZES)}.get(name, 1)
    sign = 1.0 if name == "none" else np.sign((xi @ grad_h) * (turn @ grad_h) / d + epsilon)
    return xi + 0.7 * sign * turn


@pytest.mark.parametrize("name", SGA)
@pytest.mark.parametrize("seed", range(6))
def test_direction_is_that_of_the_dense_jacobian(name, seed):
    w, coefficients = instance(seed)
    expected = adjusted(w, coefficients, name)
    error = np.linalg.norm(ours(name, w, coefficients) - expected) / np.linalg.norm(expected)
    assert error < 1e-12


@pytest.mark.parametrize("name", SGA)
def test_direction_in_single_precision(name):
    w, coefficients = instance(1, np.float32)
    expected = adjusted(w.astype(float), [c.astype(float) for c in coefficients], name)
    direction = ours(name, w, coefficients)
    assert direction.dtype == np.float32
    assert np.linalg.norm(direction - expected) / np.linalg.norm(expected) < 1e-6


def test_both_signs_occur_in_these_instances():
    signs = set()
    for seed in range(6):
        w, coefficients = instance(seed)
        signs.add(np.allclose(adjusted(w, coefficients, "paper"), adjusted(w, coefficients, "none")))
    assert signs == {True, False}


def test_direction_is_that_of_double_backward_in_pytorch():
    torch = pytest.importorskip("torch")
    w, coefficients = instance(11)
    c = [torch.tensor(part) for part in coefficients]
    params = [torch.tensor(part, requires_grad=True) for part in np.split(w, EDGES)]
    losses = losses_in(torch, params, c)
    xi = [torch.autograd.grad(loss, part, create_graph=True)[0] for loss, part in zip(losses, params, strict=True)]
    flat = torch.cat(xi)
    vjp = torch.cat(torch.autograd.grad(flat, params, grad_outputs=flat.detach(), retain_graph=True))
    # J v as the derivative, by a dummy u, of J^T u along v
    u = torch.zeros(D, dtype=torch.float64, requires_grad=True)
    jtu = torch.cat(torch.autograd.grad(flat, params, grad_outputs=u, create_graph=True))
    (jvp,) = torch.autograd.grad(jtu, u, grad_outputs=flat.detach())
    expected = (flat + 0.7 * (vjp - jvp) / 2).detach().numpy()
    np.testing.assert_allclose(ours("none", w, coefficients), expected, rtol=1e-11)


def saddle_of(unit):
    """Letcher et al. 2019, example 9: a weak repellor, -unit/2 |w|^2 plus a rotation."""

    def losses(params, batch):
        x, y = params
        return -unit / 2 * x**2 - x * y, -unit / 2 * y**2 + x * y

    return Game(losses)


@pytest.mark.parametrize(("name", "d"), [("paper", 2), ("notebook", 2)])
def test_sign_turns_where_the_formula_says(name, d):
    # xi = (-e x - y, -e y + x): <xi, grad H> <A^T xi, grad H> = -e |xi|^4, so the sign turns at |xi|^4 = d eps / e
    e, epsilon = 0.1, 0.1
    edge = (d * epsilon / e) ** 0.25 / np.sqrt(1 + e**2)
    np.testing.assert_allclose(edge, 1.1833, atol=5e-5)
    game, rule = saddle_of(e), rules.sga(1.0, name, epsilon)
    for radius, sign in [(0.999 * edge, 1.0), (1.001 * edge, -1.0)]:
        params = (tf.constant(radius, tf.float64), tf.constant(0.0, tf.float64))
        xi = game.gradient(params)
        direction, _ = rule.update(xi, (), params, game)
        turn = vectors.scale(sign, game.rotation(params, xi))
        np.testing.assert_allclose(direction, vectors.add(xi, turn), rtol=1e-12)


def test_the_two_alignments_divide_by_different_numbers():
    # one tensor of 8 coordinates for each player: d is 16 in the paper and 2 in the notebook
    def losses(params, batch):
        x, y = params
        coupling = tf.reduce_sum(x * y)
        return -0.05 * tf.reduce_sum(x**2) - coupling, -0.05 * tf.reduce_sum(y**2) + coupling

    game = Game(losses)
    edge = {name: (d * 0.1 / 0.1) ** 0.25 / np.sqrt(1.01) for name, d in [("paper", 16), ("notebook", 2)]}
    for name in edge:
        for factor, sign in [(0.999, 1.0), (1.001, -1.0)]:
            x = tf.constant(np.full(8, factor * edge[name] / np.sqrt(8)))
            params = (x, tf.zeros_like(x))
            xi = game.gradient(params)
            direction, _ = rules.sga(1.0, name).update(xi, (), params, game)
            turn = vectors.scale(sign, game.rotation(params, xi))
            np.testing.assert_allclose(vectors.flatten(direction), vectors.flatten(vectors.add(xi, turn)), rtol=1e-12)


def test_one_player_has_nothing_to_adjust():
    game = Game(lambda p, b: (tf.reduce_sum(tf.sin(p[0])),))
    params = (tf.constant([0.3, 2.0], tf.float64),)
    xi = game.gradient(params)
    for name in SGA:
        np.testing.assert_allclose(rules.sga(1.0, name).update(xi, (), params, game)[0][0], xi[0], rtol=1e-14)


def test_unknown_alignment_is_refused():
    with pytest.raises(ValueError, match="notebook"):
        rules.sga(1.0, "sign")


def test_games_split_agrees_with_the_rule():
    w, coefficients = instance(2)
    params = tuple(tf.constant(part) for part in np.split(w, EDGES))
    game = GAME.at(tuple(tf.constant(c) for c in coefficients))
    _, antisymmetric = games.split(game.jacobian(params))
    xi = vectors.flatten(game.gradient(params))
    expected = xi + 0.7 * tf.linalg.matvec(antisymmetric, xi, transpose_a=True)
    np.testing.assert_allclose(ours("none", w, coefficients), expected, rtol=1e-11)
