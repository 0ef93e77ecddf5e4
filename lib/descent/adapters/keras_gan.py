"""Game rules for somebody with two Keras models and ``model.fit``.

    model = GameModel(generator, discriminator, "chain(sga(1.0), rmsprop_tf1(1e-4))")
    model.fit(real_samples, batch_size=256, epochs=10)
    model.save("gan.keras")
    model = keras.models.load_model("gan.keras")  # and fit goes on where it stopped

Nothing else in the library imports this file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from descent.quiet import tf  # before Keras, which would import TensorFlow with its start-up messages

# isort: split
import keras

from descent.games import Game
from descent.problems.gan import LOSSES
from descent.randomness import BATCHES, EVALUATION, fold_seed
from descent.rules.base import Rule
from descent.rules.parse import read_rule

Losses = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


@keras.saving.register_keras_serializable(package="descent")
class GameModel(keras.Model):
    """A generator and a discriminator that ``fit`` trains by a rule of this library.

    One training step draws z, evaluates the game (generator's loss, discriminator's loss) of the two models' trainable
    variables at that batch, and moves both players by the rule; no Keras optimiser is involved. Everything that a step
    changes is a saved variable: weights, the rule's state, the step counter that seeds z, and what layers keep besides
    weights (moving averages, dropout's seeds). So a model that was saved and loaded goes on bit for bit, given the same
    order of data.

    Layers that normalise by the batch or drop units do so alike in all evaluations of one step, and their own state is
    updated once a step, by the evaluation at the parameters before it (real samples first, then generated ones).

    Args:
        generator: Keras model z -> samples, built (begin a ``Sequential`` with ``keras.Input``).
        discriminator: Keras model samples -> logits, built; a positive logit says "real".
        rule: a rule, such as ``chain(sga(1.0), rmsprop_tf1(1e-4))``, or the same as text; its text is saved with the
            model. A rule with a tensor or a function in it has no such text: load with
            ``keras.models.load_model(path, custom_objects={"rule": rule})``.
        loss: "non-saturating", "zero-sum" or "wasserstein" (see ``problems.gan``), or a function
            ``(logits of real samples, logits of generated ones) -> (generator's loss, discriminator's loss)``.
        latent: number of coordinates of z, or its shape; the generator's input shape unless given. z is standard
            normal.
        seed: gives every z; step k draws from ``randomness.fold_seed(seed, BATCHES, k)``.

    Raises:
        ValueError: a model is not built, has nothing to train or has regularisers, the two share variables, or the
            discriminator ends in a sigmoid; from ``fit``: a layer rewrites its own weights when called, as
            ``keras.layers.SpectralNormalization`` does.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        rule: Rule | str,
        loss: str | Losses = "non-saturating",
        latent: int | Sequence[int] | None = None,
        seed: int = 0,
        name: str = "game",
    ):
        super().__init__(name=name)
        if keras.backend.backend() != "tensorflow":
            raise ValueError("GameModel needs Keras on TensorFlow: set KERAS_BACKEND=tensorflow before importing keras")
        for role, model in (("generator", generator), ("discriminator", discriminator)):
            _check(role, model)
        if isinstance(loss, str) and loss not in LOSSES:
            raise ValueError(f"loss is one of {', '.join(map(repr, LOSSES))}, or a function; got {loss!r}")
        self.generator, self.discriminator = generator, discriminator
        self._rule = read_rule(rule) if isinstance(rule, str) else rule
        self._loss, self._losses_of_logits = loss, LOSSES[loss] if isinstance(loss, str) else loss
        if latent is None:
            if getattr(generator, "input_shape", None) is None:
                raise ValueError(
                    "the generator does not say what it takes: give latent, the number of coordinates of z"
                )
            latent = generator.input_shape[1:]
        self._latent = [latent] if isinstance(latent, int) else list(latent)
        self._seed = int(seed)
        if len({id(v) for own in self._players for v in own}) < sum(map(len, self._players)):
            raise ValueError("generator and discriminator share variables: a variable belongs to one player")
        self._step = self.add_weight(shape=(), dtype="int64", initializer="zeros", trainable=False, name="step")
        self._begin()
        self.generator_loss = keras.metrics.Mean("generator_loss")
        self.discriminator_loss = keras.metrics.Mean("discriminator_loss")
        self.built = True
        self.compile()

    def compile(self, run_eagerly: bool = False, steps_per_execution: int = 1) -> None:
        """Set how steps are executed; needed only for other values than these. There is no optimiser to choose.

        Needed too after layers were frozen or unfrozen, as in Keras: the rule then begins again, with a new state.

        Departures: no XLA, whose random numbers are others than those that TensorFlow draws from the same seed.
        """
        if self._trained != self._now_trained():
            self._begin()
        self._execution = {"run_eagerly": run_eagerly, "steps_per_execution": steps_per_execution}
        super().compile(optimizer=None, jit_compile=False, **self._execution)

    def make_train_function(self, force: bool = False) -> Any:
        """Make, once, the function that ``fit`` calls.

        Raises:
            ValueError: what is trained is not what the rule's state was made for, or is on several replicas.
        """
        self._check_trained()
        return super().make_train_function(force)

    def save(self, *arguments: Any, **options: Any) -> None:
        """Save as Keras does.

        Raises:
            ValueError: layers were frozen or unfrozen since ``compile``, so a loaded model would have another state.
        """
        self._check_trained()
        super().save(*arguments, **options)

    def call(self, z: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Return generated samples: ``model.predict(z)``."""
        return self.generator(z, training=training)

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Make one step of the rule on one batch of real samples."""
        real = _samples_alone(data)
        z = self._draw(BATCHES, self._step, real)
        params = self._params()
        game = self._game(real, z, training=True)
        losses, xi = game.losses_and_gradient(params)
        change, state = self._rule.update(xi, self._pack([v.value for v in self._rule_state]), params, game)
        _, kept = self._play(params, real, z, training=True)
        for v, value in kept:
            v.assign(value)
        for v, step in zip(tf.nest.flatten(self._players), tf.nest.flatten(change), strict=True):
            moved = v.value + step
            v.assign(moved if v.constraint is None else v.constraint(moved))
        for v, value in zip(self._rule_state, tf.nest.flatten(state), strict=True):
            v.assign(value)
        self._step.assign_add(1)
        return self._report(losses)

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Return both losses on held-out samples, in inference mode; each ``evaluate`` draws the same z."""
        real = _samples_alone(data)
        z = self._draw(EVALUATION, self.generator_loss.count, real)
        return self._report(self._play(self._params(), real, z, training=False)[0])

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs to make the model again."""
        loss = self._loss if isinstance(self._loss, str) else keras.saving.serialize_keras_object(self._loss)
        return {
            "generator": keras.saving.serialize_keras_object(self.generator),
            "discriminator": keras.saving.serialize_keras_object(self.discriminator),
            "rule": repr(self._rule),
            "loss": loss,
            "latent": list(self._latent),
            "seed": self._seed,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> GameModel:
        """Make a model from ``get_config``'s result.

        Raises:
            ValueError: the rule's text can't be read, as it holds a tensor or a function; then give the rule itself,
                ``load_model(path, custom_objects={"rule": rule})``.
        """
        rule = keras.saving.get_registered_object("rule", custom_objects) or config["rule"]
        parts = {
            key: config[key] if isinstance(config[key], str) else keras.saving.deserialize_keras_object(config[key])
            for key in ("generator", "discriminator", "loss")
        }
        return cls(**{**config, **parts, "rule": rule})

    def get_compile_config(self) -> dict[str, Any]:
        """Return the arguments of ``compile``."""
        return dict(self._execution)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile a loaded model as the saved one was."""
        self.compile(**config)

    def save_own_variables(self, store: Any) -> None:
        """Save the step counter, the rule's state and the layers' random seeds, which Keras leaves out."""
        for name, v in self._own_variables().items():
            store[name] = v

    def load_own_variables(self, store: Any) -> None:
        """Load what ``save_own_variables`` saved.

        Raises:
            ValueError: the file is that of another rule, or of models with other layers.
        """
        own = self._own_variables()
        if set(store.keys()) != set(own) or any(v.shape != store[name].shape for name, v in own.items()):
            raise ValueError("the file's rule state is not this model's: load it with the rule it was saved with")
        for name, v in own.items():
            v.assign(store[name])

    def _own_variables(self) -> dict[str, Any]:
        models = (self.generator, self.discriminator)
        saved = {id(v) for model in models for v in model.weights}
        seeds = [v for model in models for v in model.variables if id(v) not in saved]
        return {
            "step": self._step,
            **{f"rule_{k}": v for k, v in enumerate(self._rule_state)},
            **{f"seed_{k}": v for k, v in enumerate(seeds)},
        }

    def _begin(self) -> None:
        """Make the rule's state anew, for what is trainable now."""
        for role, model in (("generator", self.generator), ("discriminator", self.discriminator)):
            _check(role, model)
        for v in list(getattr(self, "_rule_state", ())):
            self._untrack_variable(v)
        state = self._rule.init(self._params())
        self._rule_state = [self._variable(k, leaf) for k, leaf in enumerate(tf.nest.flatten(state))]
        skeleton = tf.nest.map_structure(lambda leaf: 0, state)
        self._pack = lambda leaves: tf.nest.pack_sequence_as(skeleton, leaves)  # a function, which Keras won't wrap
        self._trained = self._now_trained()

    def _now_trained(self) -> str:
        return " ".join(str(id(v)) for own in self._players for v in own)

    def _check_trained(self) -> None:
        if self._trained != self._now_trained():
            raise ValueError("layers were frozen or unfrozen: call compile() first, from where the rule begins again")
        if self.distribute_strategy.num_replicas_in_sync > 1:
            raise ValueError("GameModel trains on one device: make it outside tf.distribute's strategy.scope()")

    @property
    def _players(self) -> tuple[list[Any], list[Any]]:
        return self.generator.trainable_variables, self.discriminator.trainable_variables

    def _params(self) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        generator, discriminator = ([tf.convert_to_tensor(v.value) for v in own] for own in self._players)
        return generator, discriminator

    def _draw(self, stream: int, step: Any, real: tf.Tensor) -> tf.Tensor:
        shape = [tf.shape(real)[0], *self._latent]
        return tf.random.stateless_normal(shape, fold_seed(self._seed, stream, tf.convert_to_tensor(step)))

    def _game(self, real: tf.Tensor, z: tf.Tensor, training: bool) -> Game:
        zero_sum = isinstance(self._loss, str) and self._loss != "non-saturating"
        return Game(lambda params, batch: self._play(params, batch[0], batch[1], training)[0], (real, z), zero_sum)

    def _play(
        self, params: tuple[list[tf.Tensor], ...], real: tf.Tensor, z: tf.Tensor, training: bool
    ) -> tuple[tuple[tf.Tensor, tf.Tensor], list[tuple[Any, tf.Tensor]]]:
        """Return the two losses at params, and what the models' other variables would become."""
        pairs = list(zip(tf.nest.flatten(self._players), tf.nest.flatten(params), strict=True))
        with keras.StatelessScope(state_mapping=pairs) as scope:
            before = [scope.get_current_value(v) for v, _ in pairs]
            fake = self.generator(z, training=training)
            losses = self._losses_of_logits(
                self.discriminator(real, training=training), self.discriminator(fake, training=training)
            )
            rewritten = [v.path for (v, _), p in zip(pairs, before, strict=True) if scope.get_current_value(v) is not p]
        if len(losses) != 2 or any(tf.convert_to_tensor(loss).shape.rank != 0 for loss in losses):
            raise ValueError("loss returns two scalars, the generator's and the discriminator's: take tf.reduce_mean")
        if rewritten:
            raise ValueError(
                f"a layer rewrites its own weights when called ({', '.join(rewritten)}), so no rule can move them: "
                "take it out (SpectralNormalization is one)"
            )
        others = [*self.generator.non_trainable_variables, *self.discriminator.non_trainable_variables]
        values = [(v, scope.get_current_value(v)) for v in others]
        return losses, [(v, value) for v, value in values if value is not None]

    def _report(self, losses: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        for metric, loss in zip((self.generator_loss, self.discriminator_loss), losses, strict=True):
            metric.update_state(loss)
        return {metric.name: metric.result() for metric in (self.generator_loss, self.discriminator_loss)}

    def _variable(self, k: int, leaf: tf.Tensor) -> Any:
        return self.add_weight(
            shape=leaf.shape,
            dtype=leaf.dtype.name,
            initializer=lambda shape, dtype: leaf,
            trainable=False,
            autocast=False,
            name=f"rule_{k}",
        )


def _check(role: str, model: keras.Model) -> None:
    if not model.built:
        raise ValueError(f"the {role} is not built: begin it with keras.Input(shape), or call it once")
    if not model.trainable_variables:
        raise ValueError(f"the {role} has no trainable variables")
    layers = list(model._flatten_layers())
    mixed = [layer.name for layer in layers if layer.compute_dtype != layer.variable_dtype]
    if mixed:
        raise ValueError(
            f"the {role} computes in another precision than that of its weights ({', '.join(mixed)}): make it under "
            "keras.config.set_dtype_policy('float32')"
        )
    penalised = [layer.name for layer in layers if getattr(layer, "activity_regularizer", None) is not None]
    penalised += [v.path for v in model.trainable_variables if v.regularizer is not None]
    if penalised:
        raise ValueError(
            f"the {role} has regularisers ({', '.join(penalised)}), which a game does not add up: leave them out"
        )
    if role == "discriminator" and getattr(model.layers[-1], "activation", None) is keras.activations.sigmoid:
        raise ValueError("the discriminator ends in a sigmoid, and the losses take logits: leave the sigmoid out")


def _samples_alone(data: Any) -> tf.Tensor:
    real, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
    if isinstance(real, dict | list | tuple):
        raise ValueError("GameModel is trained on one tensor of real samples: map the data set to it, as to d['image']")
    if labels is not None or weights is not None:
        raise ValueError("GameModel is trained on real samples alone: fit(x), without labels or weights")
    return real
