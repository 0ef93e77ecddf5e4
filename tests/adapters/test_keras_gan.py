import keras
import numpy as np
import pytest

from descent.adapters.keras_gan import GameModel
from descent.problems.gan import gan_game, zero_sum
from descent.problems.networks import mlp
from descent.quiet import tf
from descent.randomness import BATCHES, EVALUATION, fold_seed
from descent.rules import chain, extragradient, gradient_descent, rmsprop, sga
from descent.rules.parse import read_rule

LATENT = 3


def nets(seed=0, generator=(), discriminator=(), last=None, **dense):
    """Two small tanh networks, with extra layers (made here, so that they are seeded too) after the first one."""
    keras.utils.set_random_seed(seed)
    return [
        keras.Sequential(
            [
                keras.Input([inputs]),
                keras.layers.Dense(8, "tanh", **dense),
                *(layer() for layer in extra),
                keras.layers.Dense(outputs, activation=activation),
            ]
        )
        for inputs, outputs, extra, activation in ((LATENT, 2, generator, None), (2, 1, discriminator, last))
    ]


def samples(n=64, seed=0):
    return np.random.default_rng(seed).normal([1.0, -0.5], 0.3, size=(n, 2)).astype(np.float32)


def fit(model, x, epochs=1, batch_size=16, **options):
    return model.fit(x, batch_size=batch_size, epochs=epochs, shuffle=False, verbose=0, **options).history


def values(model):
    return [v.numpy() for v in model.variables]


def draws(step, n=16, seed=0, stream=BATCHES):
    return tf.random.stateless_normal([n, LATENT], fold_seed(seed, stream, step))


@pytest.mark.parametrize(
    "rule",
    [
        "chain(sga(0.5, alignment='paper', epsilon=0.0), rmsprop(0.01))",
        "chain(consensus(0.5), adam(0.01))",
        "extragradient(0.1)",
        "optimistic(learning_rate=0.1)",
        "alternating(momentum(0.1, -0.5), order=(1, 0, 1))",
        "cgd(0.1, iterations=5, warm_start=True)",
    ],
)
def test_fit_takes_the_rule_s_steps_on_the_library_s_networks(rule):
    generator, discriminator = nets(1)
    g, d = (mlp(sizes, tf.nn.tanh) for sizes in ([LATENT, 8, 2], [2, 8, 1]))
    params = tuple(
        [tuple(tf.constant(w) for w in layer.get_weights()) for layer in model.layers]
        for model in (generator, discriminator)
    )
    x = samples(48)
    history = fit(GameModel(generator, discriminator, rule), x)
    oracle = read_rule(rule)
    state, losses = oracle.init(params), []
    for step, real in enumerate(np.split(x, 3)):
        game = gan_game(g, d).at((tf.constant(real), draws(step)))
        losses.append([float(loss) for loss in game.losses(params)])
        change, state = oracle.update(game.gradient(params), state, params, game)
        params = tf.nest.map_structure(lambda w, s: w + s, params, change)
    for model, own in zip((generator, discriminator), params):
        for actual, expected in zip(model.get_weights(), tf.nest.flatten(own)):
            np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-6)
    means = np.mean(losses, axis=0)
    np.testing.assert_allclose([history["generator_loss"][0], history["discriminator_loss"][0]], means, rtol=1e-5)


def test_adam_is_keras_s_own_on_each_player():
    generator, discriminator = nets(2)
    twins = nets(2)
    optimizers = [keras.optimizers.Adam(0.01), keras.optimizers.Adam(0.01)]
    x = samples(64)
    fit(GameModel(generator, discriminator, "adam(0.01)", seed=5), x)
    entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    for step, real in enumerate(np.split(x, 4)):
        with tf.GradientTape(persistent=True) as tape:
            fake, truth = twins[1](twins[0](draws(step, seed=5))), twins[1](real)
            ones, zeros = tf.ones_like(fake), tf.zeros_like(fake)
            losses = entropy(ones, fake), entropy(ones, truth) + entropy(zeros, fake)
        gradients = [tape.gradient(loss, twin.trainable_variables) for loss, twin in zip(losses, twins)]
        for optimizer, gradient, twin in zip(optimizers, gradients, twins):
            optimizer.apply_gradients(zip(gradient, twin.trainable_variables))
    for model, twin in zip((generator, discriminator), twins):
        for actual, expected in zip(model.get_weights(), twin.get_weights()):
            np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-6)


def dropout():
    return keras.layers.Dropout(0.5)


# between them layers with weights, so that seeds do not stand last among the variables
WITH_STATE = {
    "generator": [dropout, keras.layers.BatchNormalization],
    "discriminator": [lambda: keras.layers.GaussianNoise(0.1), keras.layers.BatchNormalization],
}


@pytest.mark.parametrize("rule", ["chain(sga(1.0), adam(0.01))", "chain(sga(1.0), optimistic(0.05))"])
def test_saved_and_loaded_it_goes_on_bit_for_bit(rule, tmp_path):
    def start():
        return GameModel(*nets(3, **WITH_STATE), rule, seed=7)

    x = samples(64)
    unbroken, saved = start(), start()
    fit(unbroken, x, epochs=4)
    fit(saved, x, epochs=2)
    saved.save(tmp_path / "gan.keras")
    loaded = keras.models.load_model(tmp_path / "gan.keras")
    for a, b in zip(values(saved), values(loaded), strict=True):
        np.testing.assert_array_equal(a, b)
    fit(loaded, x, epochs=4, initial_epoch=2)
    for a, b in zip(values(unbroken), values(loaded), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(saved.generator.get_weights()[0], loaded.generator.get_weights()[0])
    # the same through a file of weights alone
    saved.save_weights(tmp_path / "gan.weights.h5")
    again = start()
    again.load_weights(tmp_path / "gan.weights.h5")
    fit(again, x, epochs=2)
    for a, b in zip(values(unbroken), values(again), strict=True):
        np.testing.assert_array_equal(a, b)


@keras.saving.register_keras_serializable(package="test")
def least_squares(real, fake):
    return tf.reduce_mean((fake - 1) ** 2), tf.reduce_mean((real - 1) ** 2) + tf.reduce_mean(fake**2)


def test_a_rule_object_and_a_loss_function_are_saved_as_keras_does_it(tmp_path):
    rule = chain(sga(tf.constant(0.3)), rmsprop(0.01))  # a tensor, which is no text
    model = GameModel(*nets(4), rule, loss=least_squares)
    fit(model, samples())
    path = tmp_path / "gan.keras"
    model.save(path)
    with pytest.raises(Exception, match="what stands in <> has no text"):
        keras.models.load_model(path)
    with pytest.raises(ValueError, match="not this model's"):
        keras.models.load_model(path, custom_objects={"rule": gradient_descent(0.1)})
    loaded = keras.models.load_model(path, custom_objects={"rule": rule})
    fit(model, samples(seed=1))
    fit(loaded, samples(seed=1))
    for a, b in zip(values(model), values(loaded), strict=True):
        np.testing.assert_array_equal(a, b)


def test_moving_averages_see_one_evaluation_a_step_real_samples_first():
    momentum = 0.9
    normalise = keras.layers.BatchNormalization(momentum=momentum)
    generator, discriminator = nets(5, discriminator=[lambda: normalise])
    x = samples(16)
    fake, first = generator(draws(0)), discriminator.layers[0]
    real_mean, fake_mean = (first(batch).numpy().mean(0) for batch in (x, fake))
    # extragradient evaluates the game twice a step
    fit(GameModel(generator, discriminator, extragradient(0.1)), x)
    expected = momentum * (1 - momentum) * real_mean + (1 - momentum) * fake_mean
    np.testing.assert_allclose(normalise.moving_mean.numpy(), expected, rtol=1e-5, atol=1e-7)


def test_all_evaluations_of_a_step_drop_the_same_units():
    """The zero-sum shortcut takes both gradients from one loss, the function takes each from its own."""
    finished = []
    for loss in ("zero-sum", zero_sum):
        pair = nets(6, generator=[dropout], discriminator=[dropout])
        fit(GameModel(*pair, chain(sga(1.0), gradient_descent(0.1)), loss), samples())
        finished.append([w for model in pair for w in model.get_weights()])
    for a, b in zip(*finished):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_constraints_of_weights_are_kept():
    @keras.saving.register_keras_serializable(package="test")
    class Clip(keras.constraints.Constraint):
        def __call__(self, w):
            return tf.clip_by_value(w, -0.05, 0.05)

    pair = nets(7, kernel_constraint=Clip())
    fit(GameModel(*pair, "gradient_descent(0.1)", "wasserstein"), samples())
    assert all(np.abs(model.get_weights()[0]).max() <= 0.05 for model in pair)
    assert np.abs(pair[1].get_weights()[2]).max() > 0.05


def test_a_real_fit_moves_the_generator_onto_the_data():
    model = GameModel(*nets(8), "chain(sga(1.0), rmsprop_tf1(0.01))", latent=LATENT)
    x = samples(2048)
    z = np.random.default_rng(1).normal(size=(4096, LATENT)).astype(np.float32)
    before = model.predict(z, verbose=0).mean(0)
    fit(model, x, epochs=12, batch_size=128)
    after = model.predict(z, verbose=0).mean(0)
    assert np.linalg.norm(before - [1.0, -0.5]) > 0.8
    # a generator that circles the data rather than resting on them comes this close now and then: seeds are fixed
    assert np.linalg.norm(after - [1.0, -0.5]) < 0.2
    assert model.train_function is not None


def test_it_is_traced_once_and_the_seed_gives_every_draw():
    model = GameModel(*nets(9), gradient_descent(0.1), seed=1)
    traces = []
    step = model.train_step
    model.train_step = lambda data: (traces.append(1), step(data))[1]
    for _ in range(2):
        fit(model, samples())
    assert len(traces) == 1
    same, other = (GameModel(*nets(9), gradient_descent(0.1), seed=seed) for seed in (1, 2))
    for m in (same, other):
        fit(m, samples(), epochs=2)
    weights = [m.generator.get_weights()[0] for m in (model, same, other)]
    np.testing.assert_array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])


@pytest.mark.parametrize("options", [{"run_eagerly": True}, {"steps_per_execution": 2}])
def test_execution_options_do_not_change_the_steps(options):
    finished = []
    for chosen in ({}, options):
        model = GameModel(*nets(10), "chain(sga(1.0), adam(0.01))")
        if chosen:
            model.compile(**chosen)
        fit(model, samples())
        finished.append(values(model))
    for a, b in zip(*finished):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    assert model.get_compile_config().items() >= options.items()


def test_evaluate_uses_inference_mode_and_changes_nothing():
    generator, discriminator = nets(11, discriminator=[dropout])
    model = GameModel(generator, discriminator, "adam(0.01)")
    before = values(model)
    first, second = (model.evaluate(samples(), batch_size=16, verbose=0, return_dict=True) for _ in range(2))
    assert first == second
    assert set(first) == {"generator_loss", "discriminator_loss"}
    fakes = [discriminator(generator(draws(step, stream=EVALUATION))) for step in range(4)]
    assert first["generator_loss"] == pytest.approx(float(tf.reduce_mean(tf.nn.softplus(-tf.stack(fakes)))), rel=1e-5)
    for a, b in zip(before, values(model)):
        np.testing.assert_array_equal(a, b)
    history = fit(model, samples(), validation_data=(samples(32, 1),))
    assert {"val_generator_loss", "val_discriminator_loss"} < set(history)


def shared():
    layer = keras.layers.Dense(3)
    return [keras.Sequential([keras.Input([3]), layer]), keras.Sequential([keras.Input([3]), layer])]


REFUSED = {
    "not built": (lambda: [keras.Sequential([keras.layers.Dense(2)]), nets()[1]], "generator is not built"),
    "nothing to train": (
        lambda: [keras.Sequential([keras.Input([2]), keras.layers.ReLU()]), nets()[1]],
        "no trainable",
    ),
    "weight regulariser": (lambda: nets(kernel_regularizer="l2"), "regularisers.*kernel"),
    "activity regulariser": (lambda: nets(activity_regularizer="l2"), "regularisers"),
    "sigmoid": (lambda: nets(last="sigmoid"), "logits"),
    "shared": (shared, "share variables"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_models_that_no_rule_can_train_are_refused(name):
    make, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        GameModel(*make(), "adam(0.01)")


def test_layers_that_rewrite_their_weights_are_refused():
    def spectral():
        return keras.layers.SpectralNormalization(keras.layers.Dense(4))

    model = GameModel(*nets(12, discriminator=[spectral]), "adam(0.01)")
    with pytest.raises(ValueError, match=r"rewrites its own weights when called .*kernel"):
        fit(model, samples())


def test_labels_and_unknown_losses_are_refused():
    model = GameModel(*nets(13), "adam(0.01)")
    with pytest.raises(ValueError, match="real samples alone"):
        model.fit(samples(), np.zeros(64), verbose=0)
    with pytest.raises(ValueError, match="'wasserstein'"):
        GameModel(*nets(13), "adam(0.01)", loss="hinge")


RULE = "chain(sga(0.5), rmsprop(0.01))"


def test_layers_are_frozen_by_compiling_again(tmp_path):
    """As in Keras. Until then nothing is trained, or saved as what could not be loaded."""
    model, x = GameModel(*nets(1), RULE), samples()
    fit(model, x)
    layer = model.generator.layers[0]
    layer.trainable = False
    with pytest.raises(ValueError, match="call compile\\(\\) first"):
        fit(model, x)
    with pytest.raises(ValueError, match="call compile\\(\\) first"):
        model.save(tmp_path / "gan.keras")
    assert not list(tmp_path.iterdir())
    model.compile()
    before, moving = layer.get_weights(), model.generator.layers[1].get_weights()
    fit(model, x)
    assert all(map(np.array_equal, before, layer.get_weights()))
    assert not np.array_equal(moving[0], model.generator.layers[1].get_weights()[0])
    model.save(tmp_path / "gan.keras")
    loaded = keras.models.load_model(tmp_path / "gan.keras")
    for one in (model, loaded):
        fit(one, x)
    assert all(map(np.array_equal, values(model), values(loaded)))
    layer.trainable = True
    model.compile()
    fit(model, x)
    assert not np.array_equal(before[0], layer.get_weights()[0])


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_is_refused(policy):
    with pytest.raises(ValueError, match="set_dtype_policy"):
        GameModel(*nets(dtype=policy), RULE)


def test_samples_in_a_dictionary_and_losses_of_single_samples_are_refused():
    with pytest.raises(ValueError, match="one tensor of real samples"):
        fit(GameModel(*nets(), RULE), {"image": samples()})
    model = GameModel(*nets(), RULE, loss=lambda real, fake: (-fake, fake - real))
    with pytest.raises(ValueError, match=r"take tf\.reduce_mean"):
        fit(model, samples())


def test_several_replicas_are_refused():
    class Two:
        num_replicas_in_sync = 2

    model = GameModel(*nets(), RULE)
    model._distribute_strategy = Two()
    with pytest.raises(ValueError, match="trains on one device"):
        model.make_train_function()
