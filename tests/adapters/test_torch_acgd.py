"""ACGD for PyTorch makes the steps of the published package and of the library, and says what is wrong."""

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from descent import vectors  # noqa: E402
from descent.adapters.torch_acgd import ACGD  # noqa: E402
from descent.games import Game  # noqa: E402
from descent.quiet import tf  # noqa: E402
from descent.rules import acgd, step  # noqa: E402

PUBLISHED = json.loads((Path(__file__).parents[1] / "rules" / "acgd_published.json").read_text())


@pytest.fixture
def published():
    """Parameters of both players, and the loss that the first goes down."""
    w, a, v, b = (torch.tensor(PUBLISHED[key], dtype=torch.float64, requires_grad=True) for key in "WaVb")
    data = torch.tensor(PUBLISHED["data"], dtype=torch.float64)

    def loss():
        h = torch.tanh(data @ w + a)
        o = h @ v + b
        return -((torch.tanh(o) * o).mean() - 0.3 * (h * h).mean())

    return [w, a], [v, b], loss


def flat(parameters):
    return np.concatenate([p.detach().numpy().ravel() for p in parameters])


def test_its_steps_are_the_published_packages(published):
    first, second, loss = published
    optimizer = ACGD([{"params": first}, {"params": second}], lr=0.05)
    for wanted in PUBLISHED["after_each_step"]:
        optimizer.step(loss)
        np.testing.assert_allclose(flat([*first, *second]), wanted, rtol=0, atol=1e-10)
    assert optimizer.capped == 0


def test_general_sum_steps_are_the_librarys():
    draw = np.random.default_rng(0)
    a, b, x, y = (draw.normal(size=size) for size in ((3, 4), (4, 3), 3, 4))
    game = Game(
        lambda params, batch: (
            tf.reduce_sum(params[0] * tf.linalg.matvec(a, params[1])) + tf.reduce_sum(params[0] ** 4),
            tf.reduce_sum(params[1] * tf.linalg.matvec(b, params[0])) + tf.reduce_sum(tf.sin(params[1])),
        )
    )
    params, rule = (tf.constant(x), tf.constant(y)), acgd(0.1, tolerance=1e-12, absolute=0.0)
    state = rule.init(params)
    ours = [torch.tensor(w, requires_grad=True) for w in (x, y)]
    matrices = torch.tensor(a), torch.tensor(b)

    def losses():
        return (
            ours[0] @ matrices[0] @ ours[1] + (ours[0] ** 4).sum(),
            ours[1] @ matrices[1] @ ours[0] + ours[1].sin().sum(),
        )

    optimizer = ACGD([{"params": [w]} for w in ours], lr=0.1, tolerance=1e-12, absolute=0.0)
    for _ in range(4):
        params, state = step(rule, game, params, state)
        optimizer.step(losses)
    np.testing.assert_allclose(flat(ours), vectors.flatten(params), rtol=1e-7)


def test_a_saved_state_goes_on_where_it_stopped(published):
    first, second, loss = published
    groups = [{"params": first}, {"params": second}]
    optimizer = ACGD(groups, lr=0.05)
    for _ in range(2):
        optimizer.step(loss)
    again = ACGD([{"params": first}, {"params": second}], lr=0.05)
    again.load_state_dict(optimizer.state_dict())
    for wanted in PUBLISHED["after_each_step"][2:]:
        again.step(loss)
        np.testing.assert_allclose(flat([*first, *second]), wanted, rtol=0, atol=1e-10)


def test_players_of_one_number_and_a_met_cap():
    x, y = (torch.tensor([1.0], requires_grad=True) for _ in range(2))
    optimizer = ACGD([{"params": [x]}, {"params": [y]}], lr=0.1, max_iterations=0)
    optimizer.step(lambda: (x * y).sum())
    assert optimizer.capped == 1
    assert torch.isfinite(x).all() and torch.isfinite(y).all()


def test_what_is_wrong_is_said_in_one_line(published):
    first, second, loss = published
    with pytest.raises(ValueError, match="two players, one parameter group each; got 1"):
        ACGD([{"params": [*first, *second]}])
    with pytest.raises(ValueError, match="player 1 has no parameter"):
        ACGD([{"params": first}, {"params": [torch.zeros(2)]}])
    optimizer = ACGD([{"params": first}, {"params": second}])
    with pytest.raises(TypeError, match="closure"):
        optimizer.step()
    with pytest.raises(ValueError, match="one scalar loss"):
        optimizer.step(lambda: loss() * torch.ones(3, dtype=torch.float64))
