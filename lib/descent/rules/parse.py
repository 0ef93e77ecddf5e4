"""Rules as text, for what must be saved or typed: ``"chain(sga(1.0), rmsprop(1e-4))"``."""

import ast
from typing import Any

import descent.rules  # noqa: F401  (whatever is imported can be read)
from descent.rules.base import Rule, that_steps
from descent.rules.makers import MAKERS


def read_rule(text: str) -> Rule:
    """Make a rule of its text, such as ``"chain(sga(1.0), rmsprop_tf1(1e-4))"``: the inverse of ``repr``.

    Args:
        text: calls of the functions of ``descent.rules`` (or other ``maker``'s), with numbers, strings, schedules and
            further rules for arguments. It is read, not executed.

    Raises:
        ValueError: it is anything else; or something, a tensor, say, had no text when the rule was made.
    """

    def build(node: ast.expr) -> Any:
        if isinstance(node, ast.Name) and node.id in MAKERS:
            return MAKERS[node.id]
        if not isinstance(node, ast.Call):
            return ast.literal_eval(node)
        if not isinstance(node.func, ast.Name) or node.func.id not in MAKERS:
            raise ValueError(f"no rule {ast.unparse(node.func)!r}")
        return build(node.func)(*map(build, node.args), **{str(k.arg): build(k.value) for k in node.keywords})

    try:
        if "<" in text:
            raise ValueError("what stands in <> has no text: give a number, or the rule itself instead of its text")
        rule = build(ast.parse(text, mode="eval").body)
        if not hasattr(rule, "update"):
            raise ValueError("it is no rule")
        return that_steps(rule)
    except (SyntaxError, TypeError, ValueError) as error:
        raise ValueError(
            f"rule {text!r} can't be read ({error}): write calls of descent.rules' functions with numbers, "
            'like "chain(sga(1.0), rmsprop(1e-4))"'
        ) from error
