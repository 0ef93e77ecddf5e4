"""A network in disjoint pieces: which worker holds what, the pieces' losses, and what happens between rounds.

All hidden units lie in the order of their workers: the k-th of n workers holds the k-th block of each hidden layer. So
a new partition is a permutation of units, and a piece is a block. Networks have no biases, as the released ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from descent import vectors
from descent.games import Game
from descent.problems.classification import cross_entropy
from descent.quiet import tf
from descent.randomness import fold_seed
from descent.rules.base import Rule
from descent.vectors import Scalar, Vector

Scaling = Literal["times n", "none", "batch norm"]
PARTITIONS = 5  # the stream of permutations
EPSILON = 1e-5  # batch normalisation's


class Net(NamedTuple):
    """A network whose units may be permuted.

    Args:
        weights: W_1 ... W_L, W_l of shape [units of layer l, units of layer l - 1], so that what a worker holds of the
            first layer, as a rule most of it all, lies in one piece of memory.
        ids: of each hidden layer, which unit stands where: numbers of units as floats, shape [units].
    """

    weights: list[tf.Tensor]
    ids: list[tf.Tensor]


class Round(NamedTuple):
    """The sample of a step: what workers see, and the next partition.

    Args:
        x: images, shape [n, batch, pixels].
        y: labels, shape [n, batch].
        permutations: of each hidden layer, shape [units].
    """

    x: tf.Tensor
    y: tf.Tensor
    permutations: list[tf.Tensor]


def start(sizes: Sequence[int], seed: int, dtype: tf.DType = tf.float32) -> Net:
    """Draw weights, normal with variance 2 / inputs, of a network of these widths."""
    pairs = list(pairwise(sizes))
    keys = [tf.random.experimental.stateless_fold_in([seed, 0], k) for k in range(len(pairs))]
    weights = [
        tf.transpose(tf.random.stateless_normal(pair, key, stddev=(2 / pair[0]) ** 0.5, dtype=dtype))
        for pair, key in zip(pairs, keys, strict=True)
    ]
    return Net(weights, [tf.range(units, dtype=dtype) for units in sizes[1:-1]])


def pieces(weights: Sequence[tf.Tensor], n: int) -> list[tf.Tensor]:
    """Return what n workers hold of each W_l, shape [n, rows, columns]: blocks on the diagonal, or all inputs, outputs.

    Args:
        weights: W_1 ... W_L, hidden widths divisible by n.
        n: workers.
    """
    last = len(weights) - 1
    held = []
    for layer, w in enumerate(weights):
        rows, columns = w.shape
        if layer == 0 and layer == last:
            held.append(tf.repeat(w[None], n, 0))
        elif layer == 0:
            held.append(tf.reshape(w, [n, rows // n, columns]))
        elif layer == last:
            held.append(tf.transpose(tf.reshape(w, [rows, n, columns // n]), [1, 0, 2]))
        else:
            blocks = tf.reshape(w, [n, rows // n, n, columns // n])
            held.append(tf.transpose(tf.linalg.diag_part(tf.transpose(blocks, [1, 3, 0, 2])), [2, 0, 1]))
    return held


def put_back(weights: Sequence[tf.Tensor], held: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Return the weights with pieces in their places; what no worker held stays as it was.

    Args:
        weights: W_1 ... W_L.
        held: as of ``pieces``.
    """
    n = held[0].shape[0]
    found = []
    for layer, (w, own) in enumerate(zip(weights, held, strict=True)):
        if layer == 0 and layer == len(weights) - 1:
            found.append(own[0])
        elif layer == 0:
            found.append(tf.reshape(own, w.shape))
        elif layer == len(weights) - 1:
            found.append(tf.concat(tf.unstack(own), 1))
        else:
            h, k = own.shape[1:]
            rows = []
            for i in range(n):
                row = w[i * h : (i + 1) * h]
                rows.append(tf.concat([row[:, : i * k], own[i], row[:, (i + 1) * k :]], 1))
            found.append(tf.concat(rows, 0))
    return found


def outputs(
    weights: Sequence[tf.Tensor], x: tf.Tensor, n: int, scaling: Scaling, masks: Sequence[tf.Tensor] | None = None
) -> tf.Tensor:
    """Return outputs of pieces [n, ., .] for x [n, batch, .], or of a whole network for x [batch, .] with n = 1.

    Args:
        weights: of each layer.
        x: inputs.
        n: workers: what hidden activations are multiplied by, if they are.
        scaling: "times n" keeps the mean of a sum over a worker's units what it is over all; "batch norm" normalises
            what enters a hidden unit over the batch; "none" does neither.
        masks: what each hidden activation is multiplied by, shapes [..., units]; None: nothing is dropped.
    """
    for layer, w in enumerate(weights[:-1]):
        x = tf.matmul(x, w, transpose_b=True)
        if scaling == "batch norm":
            mean, variance = tf.nn.moments(x, [-2], keepdims=True)
            x = (x - mean) * tf.math.rsqrt(variance + EPSILON)
        x = tf.nn.relu(x)
        if scaling == "times n" and n > 1:
            x = n * x
        if masks is not None:
            x = x * masks[layer]
    return tf.matmul(x, weights[-1], transpose_b=True)


def kept(uniforms: Sequence[tf.Tensor], keep: Any) -> list[tf.Tensor]:
    """Return dropout's masks: 1 / keep with probability ``keep``, else 0, from uniform numbers of the same shapes."""
    return [tf.cast(u < keep, u.dtype) / tf.cast(keep, u.dtype) for u in uniforms]


def shrinkage(weights: Sequence[tf.Tensor], decay: Any) -> tf.Tensor:
    """Return decay / 2 times the sum of squares of the weights: weight decay as a part of the loss."""
    return decay / 2 * tf.add_n([tf.reduce_sum(w**2) for w in weights])


def pieces_game(n: int, scaling: Scaling, frozen_rows: bool = False, decay: Any = None) -> Game:
    """Make the game whose loss is the sum of the workers' losses, each on its own images; batches are ``Round``.

    Pieces are disjoint, so its gradient is each worker's own, and 0 for what nobody holds.

    Args:
        n: workers.
        scaling: see ``outputs``.
        frozen_rows: train, of what leads into the second hidden layer, only the first 1/n of units, as released script
            (e) does.
        decay: weight decay of what a worker holds; None: none.
    """

    def losses(params: tuple[Any], batch: Round) -> tuple[tf.Tensor]:
        (net,) = params
        weights = list(net.weights)
        if frozen_rows:
            trained = net.ids[1] < weights[1].shape[0] // n
            weights[1] = tf.where(trained[:, None], weights[1], tf.stop_gradient(weights[1]))
        held = pieces(weights, n)
        loss = n * _mean_loss(outputs(held, batch.x, n, scaling), batch.y)
        return (loss if decay is None else loss + shrinkage(held, decay),)

    return Game(losses)


def _mean_loss(found: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(cross_entropy(tf.reshape(found, [-1, found.shape[-1]]), tf.reshape(y, [-1])))


def copies_game(scaling: Scaling = "none", decay: Any = None, keep: Any = None) -> Game:
    """Make the game of local SGD: whole networks [n, ., .], each on its own images; batches are ``Round``.

    Args:
        scaling: "none", or "batch norm".
        decay: weight decay; None: none.
        keep: dropout's probability; batches are then (Round, uniforms [n, batch, units] of each hidden layer). None:
            nothing is dropped.
    """

    def losses(params: tuple[Any], batch: Any) -> tuple[tf.Tensor]:
        weights = params[0].weights
        sample, masks = (batch, None) if keep is None else (batch[0], kept(batch[1], keep))
        found = outputs(weights, sample.x, 1, scaling, masks)
        loss = found.shape[0] * _mean_loss(found, sample.y)
        return (loss if decay is None else loss + shrinkage(weights, decay),)

    return Game(losses)


def dropout_game(keep: Any) -> Game:
    """Make the game of dropout: each hidden unit of each image is kept with a probability, and divided by it.

    Args:
        keep: the probability; batches are (Round with n = 1, uniforms [batch, units] of each hidden layer).
    """

    def losses(params: tuple[Any], batch: Any) -> tuple[tf.Tensor]:
        sample, uniforms = batch
        found = outputs(params[0].weights, sample.x[0], 1, "none", kept(uniforms, keep))
        return (_mean_loss(found, sample.y[0]),)

    return Game(losses)


def sampler(
    x: tf.Tensor, y: tf.Tensor, n: int, each: int, hidden: Sequence[int], alike: bool = False
) -> Callable[[tf.Tensor, tf.Tensor], Round]:
    """Return ``(key, step) -> Round``: images drawn for each worker, and partitions; a ``batch`` of a simulator.

    Args:
        x, y: all images [images, pixels] and labels.
        n: workers.
        each: images a worker sees in a step.
        hidden: widths of hidden layers.
        alike: give all workers the same images, as released script (c) does.
    """

    def draw(key: tf.Tensor, step: tf.Tensor) -> Round:
        rows = tf.random.stateless_uniform([1 if alike else n, each], key, 0, x.shape[0], tf.int32)
        rows = tf.broadcast_to(rows, [n, each])
        keys = [fold_seed(key[0], PARTITIONS, key[1] + k) for k in range(len(hidden))]
        orders = [tf.argsort(tf.random.stateless_uniform([units], k)) for units, k in zip(hidden, keys, strict=True)]
        return Round(tf.gather(x, rows), tf.gather(y, rows), orders)

    return draw


def repartitioned(params: tuple[Any], batch: Round) -> tuple[Any]:
    """Return the same network with its hidden units permuted: the next partition. One worker has nothing to permute."""
    if batch.x.shape[0] == 1:
        return params
    (net,) = params
    last = len(net.weights) - 1
    weights = []
    for layer, w in enumerate(net.weights):
        w = w if layer == last else tf.gather(w, batch.permutations[layer], axis=0)
        weights.append(w if layer == 0 else tf.gather(w, batch.permutations[layer - 1], axis=1))
    return (Net(weights, [tf.gather(x, order) for x, order in zip(net.ids, batch.permutations, strict=True)]),)


def averaged(params: tuple[Any], batch: Round) -> tuple[Any]:
    """Return all copies as their mean: what local SGD does between rounds."""
    return (
        tf.nest.map_structure(lambda leaf: tf.zeros_like(leaf) + tf.reduce_mean(leaf, 0, keepdims=True), params[0]),
    )


class RoundsState(NamedTuple):
    """Steps made so far (int64 scalar), and the inner rule's state."""

    t: tf.Tensor
    inner: Any


def rounds(
    rule: Rule,
    every: Scalar,
    meet: Callable[[Vector, Any], Vector] | None,
    lose_last: bool = False,
) -> Rule:
    """Make local steps, and let workers meet after every J-th: ``meet`` then rearranges parameters and slots alike.

        w' = w + step(w);     every J-th time:  w' = meet(w')

    Args:
        rule: of the local steps. What of its state is structured like params (momentum, say) follows the parameters.
        every: J, a number or an integer tensor.
        meet: ``(params, batch) -> params``: ``repartitioned`` or ``averaged``; None: workers never meet.
        lose_last: let what workers send be from before the last of the J steps, as released script (a) does.

    Returns:
        A rule; its state is ``RoundsState``.

    Source: Yuan et al. 2022 (independent subnet training), and local SGD.
    """

    def init(params: Vector) -> RoundsState:
        return RoundsState(tf.zeros([], tf.int64), rule.init(params))

    def update(xi: Vector, state: RoundsState, params: Vector, game: Game) -> tuple[Vector, RoundsState]:
        step, inner = rule.update(xi, state.inner, params, game)
        t = state.t + 1
        if meet is None or meet(params, game.batch) is params:
            return step, RoundsState(t, inner)
        due = tf.equal(t % tf.cast(every, tf.int64), 0)

        def met() -> tuple[Vector, Any]:
            ends = meet(params if lose_last else vectors.add(params, step), game.batch)
            change = tf.nest.map_structure(lambda end, begin: end - begin, ends, params)
            return change, _followed(inner, params, lambda vector: meet(vector, game.batch))

        if not tf.is_tensor(every):  # all lanes meet at once, so what is not due need not be computed
            change, inner = tf.cond(due, met, lambda: (step, inner))
        else:
            change, inner = tf.nest.map_structure(lambda a, b: tf.where(due, a, b), met(), (step, inner))
        return change, RoundsState(t, inner)

    return Rule(init, update)


def _followed(state: Any, params: Vector, meet: Callable[[Vector], Vector]) -> Any:
    """Return a rule's state with all that is structured like params rearranged as they are."""
    shapes = [leaf.shape for leaf in tf.nest.flatten(params)]
    try:
        tf.nest.assert_same_structure(state, params)
        alike = [leaf.shape for leaf in tf.nest.flatten(state)] == shapes
    except (TypeError, ValueError):
        alike = False
    if alike:
        return meet(state)
    if isinstance(state, tuple):
        parts = [_followed(part, params, meet) for part in state]
        return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)
    return state
