"""Update rules, one a file; see ``rules.base`` for what a rule is."""

from descent.rules.adagrad import adagrad
from descent.rules.adam import adam, amsgrad
from descent.rules.alternating import alternating
from descent.rules.base import Rule, chain, stateless
from descent.rules.cgd import cgd
from descent.rules.consensus import consensus
from descent.rules.eve import eve
from descent.rules.extragradient import extragradient
from descent.rules.gradient_descent import gradient_descent
from descent.rules.implicit import implicit, implicit_dense
from descent.rules.levenberg_marquardt import levenberg_marquardt
from descent.rules.lookahead import lookahead
from descent.rules.momentum import momentum, nesterov
from descent.rules.optimistic import optimistic
from descent.rules.proximal import proximal
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
    "eve",
    "extragradient",
    "gradient_descent",
    "implicit",
    "implicit_dense",
    "levenberg_marquardt",
    "lookahead",
    "momentum",
    "nesterov",
    "optimistic",
    "proximal",
    "rmsprop",
    "rmsprop_tf1",
    "sga",
    "stateless",
]
