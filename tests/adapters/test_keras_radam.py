"""RAdam as an optimiser of Keras: it is PyTorch's, and goes on bit for bit after it was saved and loaded."""

import keras
import numpy as np
import pytest

from descent import rules
from descent.adapters.keras_radam import RAdam
from descent.games import Game
from descent.quiet import tf
from descent.simulate import Simulator

rng = np.random.default_rng(0)
X = rng.normal(size=(64, 5)).astype(np.float32)
Y = (X @ rng.normal(size=(5, 2)) + 0.1 * rng.normal(size=(64, 2))).astype(np.float32)


def model(optimiser, hidden=8):
    keras.utils.set_random_seed(1)
    net = keras.Sequential([keras.Input([5]), keras.layers.Dense(hidden, "tanh"), keras.layers.Dense(2)])
    net.compile(optimizer=optimiser, loss="mse")
    return net


def fit(net, epochs):
    return net.fit(X, Y, batch_size=16, epochs=epochs, shuffle=False, verbose=0).history["loss"]


@pytest.mark.parametrize("options", [{}, {"first_steps": "skip"}, {"threshold": 4.0, "epsilon_in": "corrected v"}])
def test_takes_the_rule_s_steps(options):
    w = keras.Variable(np.array([1.0, -2.0, 0.5]), dtype="float64")
    optimiser = RAdam(0.05, epsilon=1e-3, **options)
    game = Game(lambda params, batch: (tf.reduce_sum(tf.cosh(params[0])),))
    rule = rules.radam(0.05, epsilon=1e-3, **options)
    start = (tf.constant([1.0, -2.0, 0.5], tf.float64),)
    expected = Simulator(game, rule, record=lambda params, state, game: params[0]).run(start, 20).records
    for step in range(20):
        np.testing.assert_allclose(w.numpy(), expected[step], rtol=1e-6)  # Keras keeps the rate in float32
        optimiser.apply([tf.sinh(w.value)], [w])
    assert not np.allclose(expected[20], expected[0])


def test_equals_pytorch_in_fit():
    torch = pytest.importorskip("torch")
    net = model(RAdam(0.01, epsilon=1e-3))
    twin = torch.nn.Sequential(torch.nn.Linear(5, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))
    with torch.no_grad():
        for layer, dense in zip((twin[0], twin[2]), net.layers, strict=True):
            kernel, bias = dense.get_weights()
            layer.weight.copy_(torch.from_numpy(kernel.T))
            layer.bias.copy_(torch.from_numpy(bias))
    optimiser = torch.optim.RAdam(twin.parameters(), 0.01, eps=1e-3)
    fit(net, 10)
    for k in range(40):
        rows = slice(16 * (k % 4), 16 * (k % 4) + 16)
        optimiser.zero_grad()
        ((twin(torch.from_numpy(X[rows])) - torch.from_numpy(Y[rows])) ** 2).mean().backward()
        optimiser.step()
    np.testing.assert_allclose(net.layers[0].get_weights()[0], twin[0].weight.detach().numpy().T, atol=1e-5)


def test_goes_on_bit_for_bit_after_saving_and_loading(tmp_path):
    schedule = keras.optimizers.schedules.CosineDecay(0.02, 40)
    options = {
        "beta_2": 0.99,
        "weight_decay": 0.01,
        "first_steps": "skip",
        "threshold": 4.0,
        "epsilon_in": "corrected v",
    }
    whole, half = model(RAdam(schedule, **options)), model(RAdam(schedule, **options))
    fit(half, 1)
    half.save(tmp_path / "half.keras")
    loaded = keras.models.load_model(tmp_path / "half.keras")
    assert type(loaded.optimizer) is RAdam and loaded.optimizer.get_config() == half.optimizer.get_config()
    losses = fit(whole, 5)
    assert fit(loaded, 4) == losses[1:] and losses[-1] < losses[0]
    for one, other in zip(whole.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_sparse_gradients_of_an_embedding_are_taken():
    net = keras.Sequential(
        [keras.Input([3]), keras.layers.Embedding(7, 4), keras.layers.Flatten(), keras.layers.Dense(1)]
    )
    net.compile(optimizer=RAdam(0.01), loss="mse")
    before = net.get_weights()[0]
    net.fit(np.array([[0, 1, 2], [2, 3, 1]]), np.ones((2, 1)), epochs=3, verbose=0)
    after = net.get_weights()[0]
    assert (after[:4] != before[:4]).any(1).all() and (after[4:] == before[4:]).all()


def test_other_options_are_refused():
    with pytest.raises(ValueError, match="epsilon_in"):
        RAdam(epsilon_in="root")
