"""A generator's step with importance-sampled latents, beside the plain one.

    python benchmarks/latents.py [--blocks 3] [--seconds 1] [--json FILE]

Networks 64-512-512-784 and 784-512-512-1, batch 256, float32, one lane. The plain step is the generator's gradient at
latents from p. The weighted one draws them from a flow of four couplings, weights them by p/q, and besides scores as
many latents by their gradient's norm and takes the flow's gradient.
"""

from __future__ import annotations

from typing import Any

from turns import Contender, Row, Turns, against_first, program, repeated, show, take_turns

from descent.experiments.importance_sampled_gans.flow import Flow, log_normal
from descent.experiments.importance_sampled_gans.scores import scores
from descent.problems.networks import mlp
from descent.quiet import tf


def steps(latent: int, width: int, pixels: int, batch: int) -> dict[str, Contender]:
    networks = mlp([latent, width, width, pixels]), mlp([pixels, width, width, 1])
    flow = Flow(latent)
    generator, critic = (network.init(k) for k, network in enumerate(networks))
    u, fresh, noise = (tf.random.stateless_normal([batch, latent], [k, 0]) for k in (1, 2, 3))

    def told(layers: Any, z: tf.Tensor, w: tf.Tensor | float) -> tf.Tensor:
        return tf.reduce_mean(w * tf.nn.softplus(-networks[1](critic, networks[0](layers, z))[:, 0]))

    def gradient(of: Any, loss: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(of)
            value = loss(of)
        return tape.gradient(value, of)

    def plain(layers: Any) -> Any:
        return gradient(layers, lambda g: told(g, u, 1.0))

    def weighted(both: Any) -> Any:
        layers, couplings = both
        z, log_q = flow.forward(couplings, u)
        w = tf.exp(log_normal(z) - log_q)
        s = scores(networks, (layers, critic), fresh).theta
        near = fresh + 0.2 * noise
        by_flow = gradient(couplings, lambda c: -tf.reduce_mean(s * flow.log_density(c, near)) / tf.reduce_mean(s))
        return gradient(layers, lambda g: told(g, z, w)), by_flow

    return {"plain step": repeated(plain, generator), "weighted step": repeated(weighted, (generator, flow.init(3)))}


def measure(turns: Turns) -> list[Row]:
    sizes = (4, 8, 9, 16) if turns.tiny else (64, 512, 784, 256)
    return show(against_first(take_turns(steps(*sizes), turns), f"batch {sizes[3]}"))


if __name__ == "__main__":
    program(__doc__, measure)
