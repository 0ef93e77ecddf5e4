"""There are two loops over training steps, and one place where a rule's step is made; others are held out here."""

import ast
from pathlib import Path

import descent

ROOT = Path(descent.__file__).parent

LOOPS = {
    "simulate.py": "one trajectory",
    "sweep.py": "lanes of them",
    "learned/unroll.py": "must be differentiable",
    "solvers/krylov.py": "conjugate gradients and Lanczos within one step",
    "solvers/least_squares.py": "conjugate gradients within one step",
    "rules/proximal_point.py": "Newton's method within one step, and its line search",
    "rules/frank_wolfe.py": "line search within one step",
    "problems/constraints.py": "a projection by bisection",
    "problems/navigation.py": "steps of an environment, within one evaluation of a policy",
    "experiments/es_maml/adaptation.py": "attempts of hill climbing within one step",
    "experiments/es_maml/gradients.py": "steps of an environment, with derivatives",
    "experiments/sgn_distributions/least_squares.py": "a random recursion, which has no game",
    "experiments/stationary_points/energies.py": "a recursion for second moments, which stands for runs and makes none",
    "experiments/stationary_points/methods.py": "the same for other methods",
    "experiments/stationary_points/storm.py": "the same for STORM",
    "experiments/sgn_distributions/levy.py": "exits of a Levy flight: each path stops by itself",
}
UPDATES = {
    "rules/": "combinators hand on what they are given, and step is there",
    "experiments/stationary_points/adversary.py": "a combinator that one chapter needs",
    "experiments/independent_subnets/subnets.py": "another: workers meet after local steps",
    "experiments/competitive_descent/counted.py": "another: it counts what the rule costs",
    "adapters/keras_gan.py": "Keras owns the loop, the parameters and the gradient",
}


def calls(method):
    """File -> lines at which something calls a method of this name."""
    found = {}
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == method:
                found.setdefault(path.relative_to(ROOT).as_posix(), []).append(node)
    return found


def test_no_loop_over_training_steps_but_the_two():
    assert set(calls("while_loop")) <= set(LOOPS)


def test_only_step_and_combinators_ask_a_rule_for_its_update():
    # An update of a rule has four arguments: xi, state, params, game. Dictionaries and digests have one.
    asking = {path for path, nodes in calls("update").items() if any(len(node.args) == 4 for node in nodes)}
    assert {path for path in asking if not path.startswith(tuple(UPDATES))} == set()
