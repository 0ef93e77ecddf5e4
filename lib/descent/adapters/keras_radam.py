"""Rectified Adam for somebody with a Keras model and ``model.fit``; Keras itself has none.

    model.compile(optimizer=RAdam(1e-3), loss="mse")
    model.fit(x, y)
    model.save("model.keras")
    model = keras.models.load_model("model.keras")  # with descent.adapters.keras_radam imported; fit goes on

Nothing else in the library imports this file.
"""

from __future__ import annotations

from typing import Any

from descent.quiet import tf  # before Keras, which would import TensorFlow with its start-up messages

# isort: split
import keras

from descent import vectors
from descent.rules.radam import check_options, radam_step, rectification


@keras.saving.register_keras_serializable(package="descent")
class RAdam(keras.optimizers.Optimizer):
    """The rule ``descent.rules.radam`` as an optimiser of Keras, on its TensorFlow backend.

    Args:
        learning_rate: eta, a number or one of Keras's schedules. RAdam warms up by itself; another warm-up adds to it.
        beta_1: decay of the first moment.
        beta_2: decay of the second moment, above .6.
        epsilon: added to the root of v.
        threshold: of rho_t, in gradients, from which on the second moment serves; 4 is the paper's.
        first_steps: before that, make steps of "momentum", or none ("skip").
        epsilon_in: added to the root of "v", as PyTorch does, or of "corrected v", as Optax does.
        name: of the optimiser.
        **options: what every optimiser of Keras takes: ``weight_decay`` (decoupled), ``clipnorm``, ``use_ema``, ...

    Raises:
        ValueError: an option has another value, or Keras runs on another backend.

    Source: Liu et al. 2020, Algorithm 2; see ``descent.rules.radam``.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        threshold: float = 5.0,
        first_steps: str = "momentum",
        epsilon_in: str = "v",
        name: str = "radam",
        **options: Any,
    ):
        super().__init__(learning_rate=learning_rate, name=name, **options)
        if keras.backend.backend() != "tensorflow":
            raise ValueError("RAdam needs Keras on TensorFlow: set KERAS_BACKEND=tensorflow before importing keras")
        check_options(first_steps, epsilon_in)
        self.beta_1, self.beta_2, self.epsilon, self.threshold = beta_1, beta_2, epsilon, threshold
        self.first_steps, self.epsilon_in = first_steps, epsilon_in

    def build(self, variables: Any) -> None:
        """Make the two moments of each variable."""
        if not self.built:
            super().build(variables)
            self._first, self._second = self.add_optimizer_variables(variables, ["momentum", "velocity"])

    def update_step(self, gradient: tf.Tensor, variable: Any, learning_rate: Any) -> None:
        """Move one variable by the library's own step."""
        if isinstance(gradient, tf.IndexedSlices):
            gradient = tf.convert_to_tensor(gradient)
        k = self._get_variable_index(variable)
        t = tf.convert_to_tensor(self.iterations) + 1
        r = rectification(t, self.beta_2, self.threshold)
        heavy = 1.0 if self.first_steps == "momentum" else 0.0
        numbers = (t, learning_rate, self.beta_1, self.beta_2, self.epsilon, r, heavy)
        moments = (tf.convert_to_tensor(moment[k]) for moment in (self._first, self._second))
        g = tf.cast(gradient, variable.dtype)
        step, m, v = radam_step(g, *moments, *(vectors.cast(x, g.dtype) for x in numbers), self.epsilon_in == "v")  # type: ignore[call-arg]
        self.assign(self._first[k], m)
        self.assign(self._second[k], v)
        self.assign_add(variable, step)

    def get_config(self) -> dict[str, Any]:
        """Return what makes the optimiser again."""
        own = ("beta_1", "beta_2", "epsilon", "threshold", "first_steps", "epsilon_in")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}
