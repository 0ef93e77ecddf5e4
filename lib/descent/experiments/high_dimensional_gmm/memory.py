"""The memory that a run will need, estimated beforehand, so that too large a one is refused."""

from __future__ import annotations

from typing import NamedTuple

from descent.problems.gan import GAN

# What a step holds at most, in parameter vectors: the parameters, what they become, the rule's state and what it
# becomes, xi, two products with J, their sum. Activations are kept for the first and for the second derivatives.
PARAMETER_COPIES, ACTIVATION_COPIES, SAMPLE_COPIES = 8, 12, 3


class Memory(NamedTuple):
    """Bytes that a run needs, by what they hold."""

    parameters: int
    activations: int
    samples: int


def memory_needed(gan: GAN, batch: int = 64, samples: int = 0, records: int = 1, lanes: int = 1) -> Memory:
    """Estimate the memory of training a generator and a discriminator, rather too much than too little.

    Args:
        gan: the networks.
        batch: real samples and z's per step.
        samples: generated samples per record.
        records: how many are held.
        lanes: networks of this size trained side by side.
    """
    generator, discriminator = gan.networks
    d, made, judged = gan.mixture.dimension, sum(generator.sizes[1:-1]), sum(discriminator.sizes[1:])
    activations = gan.latent + made + 3 * d + 2 * judged  # generator once; discriminator on real and generated
    evaluated = samples * (gan.latent + made + d * records * SAMPLE_COPIES)
    size = 4 * lanes
    return Memory(
        size * PARAMETER_COPIES * (generator.parameters + discriminator.parameters),
        size * ACTIVATION_COPIES * batch * activations,
        size * evaluated,
    )


def refuse_beyond(limit: float, needed: Memory, what: str) -> None:
    """Raise unless a run fits.

    Args:
        limit: bytes.
        needed: bytes, from ``memory_needed``.
        what: the sizes, as the user knows them.

    Raises:
        MemoryError: it does not fit; the message names the size and the limit.
    """
    total = sum(needed)
    if total > limit:
        parts = ", ".join(f"{name} {value / 1e6:,.0f}" for name, value in needed._asdict().items())
        raise MemoryError(
            f"{what}: needs about {total / 1e6:,.0f} MB ({parts}), more than the limit of {limit / 1e6:,.0f} MB: "
            "choose smaller sizes or raise memory_mb"
        )
