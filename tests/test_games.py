import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from descent import vectors
from descent.games import Game, split
from descent.quiet import tf
from descent.rules import sga

SIZES = (2, 3, 1)
D = sum(SIZES)
BLOCKS = [slice(sum(SIZES[:i]), sum(SIZES[: i + 1])) for i in range(len(SIZES))]


def players(flat):
    """Three players: a dictionary, a pair, a scalar."""
    flat = tf.convert_to_tensor(flat)
    return {"w": flat[0:1], "b": flat[1]}, (flat[2:4], flat[4:5]), flat[5]


def from_coordinates(losses):
    """Make a game of flat coordinates a game of nested players; the batch is handed on."""
    return Game(lambda params, batch: losses(tf.concat([_own(params, i) for i in range(len(SIZES))], 0), batch))


def _own(params, i):
    if i == 0:
        return tf.concat([params[0]["w"], params[0]["b"][None]], 0)
    return tf.concat(params[1], 0) if i == 1 else params[2][None]


def coordinates(v):
    """The inverse of ``players``: dictionaries flatten by sorted keys, so not ``vectors.flatten``."""
    return np.concatenate([_own(v, i).numpy() for i in range(len(SIZES))])


def quadratic_losses(w, batch):
    return tuple(tf.tensordot(w, tf.linalg.matvec(m, w), 1) / 2 for m in tf.unstack(batch, num=len(SIZES)))


def wavy_losses(w, batch):
    return tuple(
        tf.tensordot(w, tf.linalg.matvec(m, w), 1) / 2 + tf.reduce_sum(tf.sin(tf.linalg.matvec(m, w)))
        for m in tf.unstack(batch, num=len(SIZES))
    )


def random_game(seed):
    """A general-sum quadratic game as (game, J, w, v): row block i of J is that of l_i's Hessian."""
    rng = np.random.default_rng(seed)
    m = rng.normal(size=(len(SIZES), D, D))
    m = m + m.transpose(0, 2, 1)
    jacobian = np.concatenate([m[i][b] for i, b in enumerate(BLOCKS)])
    game = from_coordinates(quadratic_losses).at(tf.constant(m))
    return game, jacobian, rng.normal(size=D), rng.normal(size=D)


seeds = st.integers(0, 2**31 - 1)
few = settings(deadline=None, max_examples=6)


@given(seeds)
@few
def test_every_product_is_the_dense_one(seed):
    game, jacobian, w, v = random_game(seed)
    p, pv = players(w), players(v)
    close = {"rtol": 1e-12, "atol": 1e-12}
    np.testing.assert_allclose(coordinates(game.gradient(p)), jacobian @ w, **close)
    np.testing.assert_allclose(coordinates(game.jvp(p, pv)), jacobian @ v, **close)
    np.testing.assert_allclose(coordinates(game.vjp(p, pv)), jacobian.T @ v, **close)
    np.testing.assert_allclose(coordinates(game.rotation(p, pv)), (jacobian.T - jacobian) @ v / 2, **close)
    jv, jtv = game.products(p, pv)
    np.testing.assert_allclose(coordinates(jv), jacobian @ v, **close)
    np.testing.assert_allclose(coordinates(jtv), jacobian.T @ v, **close)
    # v may be the parameters themselves, and is a constant even so
    for product, matrix in [
        (game.jvp, jacobian),
        (game.vjp, jacobian.T),
        (game.rotation, (jacobian.T - jacobian) / 2),
        (lambda p, v: game.products(p, v)[0], jacobian),
    ]:
        np.testing.assert_allclose(coordinates(product(p, p)), matrix @ w, **close)
    for i, j in [(0, 1), (1, 0), (2, 1)]:
        block = jacobian[BLOCKS[i], BLOCKS[j]] @ v[BLOCKS[j]]
        np.testing.assert_allclose(_own({i: game.mixed(p, i, i, j)(pv[j])}, i), block, **close)
        block = jacobian[BLOCKS[j], BLOCKS[i]].T @ v[BLOCKS[j]]
        np.testing.assert_allclose(_own({i: game.mixed(p, j, i, j)(pv[j])}, i), block, **close)


def test_products_are_directional_derivatives():
    game = from_coordinates(wavy_losses).at(random_game(3)[0].batch / 4)
    rng = np.random.default_rng(1)
    w, v, h = rng.normal(size=D), rng.normal(size=D), 1e-5

    def xi(at):
        return coordinates(game.gradient(players(at)))

    # central differences: truncation h^2, rounding 1e-16/h
    jv = (xi(w + h * v) - xi(w - h * v)) / (2 * h)
    np.testing.assert_allclose(coordinates(game.jvp(players(w), players(v))), jv, rtol=1e-7, atol=1e-8)
    columns = [(xi(w + h * e) - xi(w - h * e)) / (2 * h) for e in np.eye(D)]
    np.testing.assert_allclose(
        coordinates(game.vjp(players(w), players(v))), np.array(columns) @ v, rtol=1e-7, atol=1e-8
    )
    half_square = [(xi(w + h * e) @ xi(w + h * e) - xi(w - h * e) @ xi(w - h * e)) / (4 * h) for e in np.eye(D)]
    grad_h = coordinates(game.vjp(players(w), players(xi(w))))
    np.testing.assert_allclose(grad_h, half_square, rtol=1e-6, atol=1e-7)


def test_dense_jacobian_and_its_parts():
    game, _, w, v = random_game(7)
    p = players(w)
    dense = game.jacobian(p)
    np.testing.assert_allclose(
        tf.linalg.matvec(dense, vectors.flatten(players(v))), vectors.flatten(game.jvp(p, players(v))), rtol=1e-12
    )
    s, a = split(dense)
    np.testing.assert_array_equal(s, tf.transpose(s))
    np.testing.assert_array_equal(a, -tf.transpose(a))
    np.testing.assert_allclose(s + a, dense, atol=1e-14)
    np.testing.assert_allclose(
        tf.linalg.matvec(a, vectors.flatten(players(v)), transpose_a=True),
        vectors.flatten(game.rotation(p, players(v))),
        rtol=1e-11,
        atol=1e-12,
    )


def two_player(zero_sum, flag):
    def losses(params, batch):
        x, y = params
        f = tf.tensordot(x["a"], tf.linalg.matvec(batch, y), 1) + tf.reduce_sum(tf.sin(x["a"])) * tf.reduce_sum(y**2)
        return (3 - f if zero_sum else tf.reduce_sum(y) * f), f

    return Game(losses, zero_sum=flag)


def test_zero_sum_promise_changes_the_work_not_the_result():
    rng = np.random.default_rng(0)
    batch = tf.constant(rng.normal(size=(2, 3)))
    params = ({"a": tf.constant(rng.normal(size=2))}, tf.constant(rng.normal(size=3)))
    plain, promised = two_player(True, False).at(batch), two_player(True, True).at(batch)
    xi = plain.gradient(params)
    for method in ("jvp", "vjp", "rotation"):
        a, b = getattr(plain, method)(params, xi), getattr(promised, method)(params, xi)
        np.testing.assert_allclose(vectors.flatten(a), vectors.flatten(b), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(vectors.flatten(xi), vectors.flatten(promised.gradient(params)), rtol=1e-14)
    # where the promise is not true the shortcut must differ, or this test sees nothing
    broken = two_player(False, True).at(batch)
    honest = two_player(False, False).at(batch)
    assert (
        np.abs(vectors.flatten(broken.rotation(params, xi)) - vectors.flatten(honest.rotation(params, xi))).max() > 0.1
    )


def test_player_gradient_and_the_game_alone():
    game, jacobian, w, _ = random_game(5)
    p = players(w)
    for i in range(3):
        gradient = game.player_gradient(p, i)
        np.testing.assert_allclose(_own({i: gradient}, i), (jacobian @ w)[BLOCKS[i]], rtol=1e-12)
        alone = game.alone(p, i)
        np.testing.assert_allclose(_own({i: alone.gradient((p[i],))[0]}, i), (jacobian @ w)[BLOCKS[i]], rtol=1e-12)
        own = jacobian[BLOCKS[i], BLOCKS[i]] @ w[BLOCKS[i]]
        np.testing.assert_allclose(_own({i: alone.jvp((p[i],), (p[i],))[0]}, i), own, rtol=1e-12)


@given(seeds, st.floats(0.1, 2))
@few
def test_d1_sga_keeps_the_component_along_xi(seed, strength):
    game, _, w, _ = random_game(seed)
    p = players(w)
    xi = game.gradient(p)
    adjusted, _ = sga(strength).update(xi, (), p, game)
    np.testing.assert_allclose(vectors.dot(adjusted, xi), vectors.dot(xi, xi), rtol=1e-10)
    assert vectors.norm(vectors.subtract(adjusted, xi)) > 1e-3  # and yet it changes something


@given(seeds)
@few
def test_d2_sga_leaves_potential_games_alone(seed):
    rng = np.random.default_rng(seed)
    potential = rng.normal(size=(D, D))
    potential += potential.T
    # the players' losses differ by what the other players alone decide, so J is the potential's Hessian
    others = rng.normal(size=(len(SIZES), D, D))
    for i, own in enumerate(BLOCKS):
        others[i][own, :] = others[i][:, own] = 0
    game = from_coordinates(quadratic_losses).at(tf.constant(potential + others + others.transpose(0, 2, 1)))
    p = players(rng.normal(size=D))
    xi = game.gradient(p)
    adjusted, _ = sga(1.0).update(xi, (), p, game)
    np.testing.assert_allclose(vectors.flatten(adjusted), vectors.flatten(xi), rtol=1e-10, atol=1e-11)


@given(seeds, st.floats(0.1, 2))
@few
def test_d3_sga_goes_down_the_hamiltonian_of_hamiltonian_games(seed, strength):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(D, D))
    a -= a.T
    for own in BLOCKS:
        a[own, own] = 0
    # l_i = w_i^T A_i: w has J = A, and S = 0
    rows = np.zeros((len(SIZES), D, D))
    for i, own in enumerate(BLOCKS):
        rows[i][own, :] = a[own, :]
    game = from_coordinates(quadratic_losses).at(tf.constant(rows + rows.transpose(0, 2, 1)))
    w = rng.normal(size=D)
    p = players(w)
    xi = game.gradient(p)
    np.testing.assert_allclose(coordinates(xi), a @ w, rtol=1e-11, atol=1e-11)
    grad_h = game.vjp(p, xi)
    adjusted, _ = sga(strength).update(xi, (), p, game)
    square = vectors.dot(grad_h, grad_h).numpy()
    np.testing.assert_allclose(vectors.dot(adjusted, grad_h), strength * square, atol=1e-10 * square)
    assert abs(vectors.dot(xi, grad_h)) < 1e-10 * square  # Theorem 4


def test_what_is_no_game_is_refused():
    w = tf.constant(1.0)
    with pytest.raises(ValueError, match="one entry per player"):
        Game(lambda p, b: (p[0],)).losses((w, w))
    with pytest.raises(ValueError, match="one entry per player"):
        Game(lambda p, b: p[0]).losses((w,))
    with pytest.raises(ValueError, match="two players"):
        Game(lambda p, b: (p[0],), zero_sum=True).gradient((w,))


def test_a_parameter_nobody_uses_has_gradient_zero():
    game = Game(lambda p, b: (p[0]["used"] ** 2, p[1] ** 2))
    params = ({"used": tf.constant(2.0), "unused": tf.constant([1.0, 1.0])}, tf.constant(3.0))
    for v in (
        game.gradient(params),
        game.vjp(params, params),
        game.jvp(params, params),
        *game.products(params, params),
    ):
        tf.nest.assert_same_structure(v, params)
        np.testing.assert_array_equal(v[0]["unused"], [0.0, 0.0])
    np.testing.assert_array_equal(vectors.flatten(game.rotation(params, params)), np.zeros(4))
