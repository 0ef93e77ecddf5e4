"""Rules as text, for what must be saved or typed: ``"chain(sga(1.0), rmsprop(1e-4))"``."""

import ast
from typing import Any

from descent import rules
from descent.rules.base import Rule


def read_rule(text: str) -> Rule:
    """Make a rule of its text, such as ``"chain(sga(1.0), rmsprop_tf1(1e-4))"``.

    Args:
        text: calls of the functions of ``descent.rules``, with numbers, strings and further rules for arguments. It is
            read, not executed.

    Raises:
        ValueError: it is anything else.
    """

    def build(node: ast.expr) -> Any:
        if not isinstance(node, ast.Call):
            return ast.literal_eval(node)
        name = getattr(node.func, "id", "")
        if name not in rules.__all__ or name in ("Rule", "stateless"):
            raise ValueError(f"no rule {ast.unparse(node.func)!r}")
        return getattr(rules, name)(*map(build, node.args), **{str(k.arg): build(k.value) for k in node.keywords})

    try:
        rule = build(ast.parse(text, mode="eval").body)
        if not isinstance(rule, Rule):
            raise ValueError("it is no rule")
    except (SyntaxError, TypeError, ValueError) as error:
        raise ValueError(
            f"rule {text!r} can't be read ({error}): write calls of descent.rules' functions with numbers, "
            'like "chain(sga(1.0), rmsprop(1e-4))"'
        ) from error
    return rule
