"""Time the noise library: ``python benchmarks/noise.py`` prints one JSON object, without the time of compilation."""

import json
import resource
import time
from collections.abc import Callable

import numpy as np
from scipy.stats import levy_stable

from descent.games import Game
from descent.noise.alpha_stable import sample
from descent.noise.gradient_noise import MinibatchGradients, moments
from descent.noise.log_moments import mohammadi
from descent.noise.quantiles import mcculloch
from descent.noise.spectral import kogon_williams
from descent.problems.images import load
from descent.problems.networks import mlp
from descent.quiet import tf


def best(function: Callable[[], object], repeats: int = 3) -> float:
    """Return the shortest of some wall times, in seconds."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return min(times)


def gradients(batch_size: int, count: int = 10_000) -> dict[str, float]:
    """Time minibatch gradients of a 64-100-10 network at fixed weights, streamed, alone and with their moments."""
    images, net = load("digits"), mlp([64, 100, 10])

    def losses(params, batch):
        logits = net(params[0], batch[0])
        return (tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(batch[1], logits)),)

    sampler, params = MinibatchGradients(Game(losses), (images.x, images.y), batch_size), net.init(0)
    moments(sampler.stream(params, 100))
    return {
        f"{count} gradients, b = {batch_size}": best(
            lambda: sum(len(chunk) for chunk in sampler.stream(params, count)), 2
        ),
        f"the same, with four moments, b = {batch_size}": best(lambda: moments(sampler.stream(params, count)), 2),
    }


def main() -> None:
    x = sample(1, [1_000_000], 1.5).numpy()
    seconds = {
        "draw 1e6 stable values": best(lambda: sample(2, [1_000_000], 1.5).numpy()),
        "scipy.stats.levy_stable.rvs, 1e6": best(lambda: levy_stable.rvs(1.5, 0, size=1_000_000, random_state=2)),
        "characteristic function, 1e6 values": best(lambda: kogon_williams(x)),
        "characteristic function, 1e4 values in 100 columns": best(lambda: kogon_williams(x.reshape(-1, 100))),
        "McCulloch, 1e6 values": best(lambda: mcculloch(x)),
        "Mohammadi, 1e6 values": best(lambda: mohammadi(x)),
        **gradients(50),
        **gradients(500),
    }
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps(
            {"seconds": {k: round(float(v), 4) for k, v in seconds.items()}, "peak_mb": np.round(peak)}, indent=1
        )
    )


if __name__ == "__main__":
    main()
