"""Three scores of a latent, all without forming a per-sample gradient.

The gradient of sample i's loss by a layer's matrix is a_i delta_i^T, a_i the layer's input and delta_i the derivative
by its output, so its squared norm is |a_i|^2 |delta_i|^2: one backward pass to the outputs of layers is enough.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from descent.problems.networks import MLP, activation_named
from descent.quiet import tf


class Scores(NamedTuple):
    """Of each latent, shape [..., n].

    Args:
        jacobian: A, the Frobenius norm of dG/dz.
        latent: B, the norm of the loss's gradient by z.
        theta: C, the norm of the loss's gradient by the generator's parameters: the one that theory asks for.
        logit: what the discriminator says of the sample.
    """

    jacobian: tf.Tensor
    latent: tf.Tensor
    theta: tf.Tensor
    logit: tf.Tensor


def scores(networks: tuple[MLP, MLP], params: tuple[Any, ...], z: tf.Tensor, bounded: bool = False) -> Scores:
    """Return all three scores and the logits; what is not used is not computed in a graph.

    Args:
        networks: generator and discriminator, ReLU; the loss is softplus(-logit).
        params: (the generator's, the discriminator's, ...), with or without a leading axis of lanes.
        z: shape [..., n, latent].
        bounded: whether the generator's outputs go through a sigmoid, as those of images do.

    Source: Goodfellow 2015, "Efficient per-example gradient computations", for the norms by theta.
    """
    generator, critic = networks
    activation = activation_named(generator.activation)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(z)
        inputs, outputs, x = [], [], z
        for k, (w, b) in enumerate(params[0]):
            x = activation(x) if k else x
            inputs.append(x)
            x = tf.matmul(x, w) + b
            outputs.append(x)
        x = tf.sigmoid(x) if bounded else x
        logit = critic(params[1], x)[..., 0]
        loss = tf.reduce_sum(tf.nn.softplus(-logit))
    by_z, *by_outputs = tape.gradient(loss, [z, *outputs])
    squares = [
        tf.reduce_sum(d**2, -1) * (tf.reduce_sum(a**2, -1) + 1.0)  # + 1: the bias
        for a, d in zip(inputs, by_outputs, strict=True)
    ]
    return Scores(
        jacobian_norm(params[0], outputs, bounded),
        tf.norm(by_z, axis=-1),
        tf.sqrt(tf.add_n(squares)),
        logit,
    )


def jacobian_norm(layers: Any, outputs: list[tf.Tensor], bounded: bool = False) -> tf.Tensor:
    """Return |dG/dz|_F for a ReLU generator, from its layers' outputs: tangents go forward, one per latent."""
    tangent = layers[0][0][..., None, :, :]  # [..., 1, latent, width]
    for (w, _), out in zip(layers[1:], outputs[:-1], strict=True):
        open_ = tf.cast(out > 0, out.dtype)[..., None, :]  # [..., n, 1, width]
        tangent = tf.matmul(tangent * open_, w[..., None, :, :])
    if bounded:
        made = tf.sigmoid(outputs[-1])
        tangent *= (made * (1 - made))[..., None, :]
    return tf.sqrt(tf.reduce_sum(tangent**2, [-1, -2]))
