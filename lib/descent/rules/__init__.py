"""Update rules, one a file; see ``rules.base`` for what a rule is, and ``rules.makers`` for its text.

Each rule has an example, which begins where these lines end: a bowl for one player, a duel min_x max_y x y for two, and
how far from their only fixed point, 0, a rule is after 20 steps (``Simulator`` compiles what this loop does):

    >>> from descent import vectors
    >>> from descent.games import Game
    >>> from descent.quiet import tf
    >>> from descent.rules import *
    >>> bowl = Game(lambda params, batch: (tf.reduce_sum([0.5, 5.0] * params[0] ** 2),)), (tf.ones([2]),)
    >>> duel = Game(lambda params, batch: (params[0] * params[1], -params[0] * params[1])), (tf.ones([]), tf.ones([]))
    >>> def distance(rule, problem, steps=20):
    ...     game, params = problem
    ...     state = rule.init(params)
    ...     for _ in range(steps):
    ...         params, state = step(rule, game, params, state)
    ...     return round(float(vectors.norm(params)), 3)
"""

from descent.rules.acgd import acgd
from descent.rules.adagrad import adagrad
from descent.rules.adam import adam, amsgrad
from descent.rules.alternating import alternating
from descent.rules.aware import aware
from descent.rules.base import Adjustment, Rule, direction, stateless, step
from descent.rules.cgd import cgd
from descent.rules.chain import chain
from descent.rules.consensus import consensus
from descent.rules.eve import eve
from descent.rules.extragradient import extragradient
from descent.rules.extrapolated import extrapolated
from descent.rules.federated import federated, scaffold
from descent.rules.gradient_descent import gradient_descent
from descent.rules.implicit import implicit, implicit_dense
from descent.rules.levenberg_marquardt import levenberg_marquardt
from descent.rules.lookahead import lookahead
from descent.rules.makers import Schedule, maker, scheduled
from descent.rules.momentum import momentum, nesterov
from descent.rules.optimistic import optimism, optimistic
from descent.rules.proximal_point import proximal_point
from descent.rules.radam import radam
from descent.rules.rmsprop import rmsprop, rmsprop_tf1
from descent.rules.scale import scale
from descent.rules.schedules import constant, cosine, inverse_time, linear, piecewise, warm_up
from descent.rules.sga import sga
from descent.rules.stopping import stopping
from descent.rules.when_finite import clip, when_finite

__all__ = [
    "Adjustment",
    "Rule",
    "Schedule",
    "acgd",
    "adagrad",
    "adam",
    "alternating",
    "amsgrad",
    "aware",
    "cgd",
    "chain",
    "clip",
    "consensus",
    "constant",
    "cosine",
    "direction",
    "eve",
    "extragradient",
    "extrapolated",
    "federated",
    "gradient_descent",
    "implicit",
    "implicit_dense",
    "inverse_time",
    "levenberg_marquardt",
    "linear",
    "lookahead",
    "maker",
    "momentum",
    "nesterov",
    "optimism",
    "optimistic",
    "piecewise",
    "proximal_point",
    "radam",
    "rmsprop",
    "rmsprop_tf1",
    "scaffold",
    "scale",
    "scheduled",
    "sga",
    "stateless",
    "step",
    "stopping",
    "warm_up",
    "when_finite",
]
