"""Update rules, one a file; see ``rules.base`` for what a rule is."""

from descent.rules.adagrad import adagrad
from descent.rules.adam import adam, amsgrad
from descent.rules.alternating import alternating
from descent.rules.base import Rule, chain, stateless
from descent.rules.cgd import cgd
from descent.rules.consensus import consensus
from descent.rules.extragradient import extragradient
from descent.rules.gradient_descent import gradient_descent
from descent.rules.lookahead import lookahead
from descent.rules.momentum import momentum, nesterov
from descent.rules.optimistic import optimistic
from descent.rules.rmsprop import rmsprop, rmsprop_tf1
from descent.rules.sga import sga

__all__ = [
    "Rule",
    "adagrad",
    "adam",
    "alternating",
    "amsgrad",
    "cgd",
    "chain",
    "consensus",
    "extragradient",
    "gradient_descent",
    "lookahead",
    "momentum",
    "nesterov",
    "optimistic",
    "rmsprop",
    "rmsprop_tf1",
    "sga",
    "stateless",
]
