"""A little mathematics as plain text, where no page can typeset it."""

import re

WORDS = {
    **{
        "mu": "μ",
        "sigma": "σ",
        "lambda": "λ",
        "eta": "η",
        "alpha": "α",
        "beta": "β",
        "gamma": "γ",
        "kappa": "κ",
        "chi": "χ",
    },
    **{"xi": "ξ", "rho": "ρ", "tau": "τ", "theta": "θ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε", "nabla": "∇"},
    **{"le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "times": "×", "cdot": "·", "pm": "±", "infty": "∞", "approx": "≈"},
    **{
        "to": "→",
        "in": "∈",
        "langle": "⟨",
        "rangle": "⟩",
        "top": "ᵀ",
        "partial": "∂",
        "sum": "Σ",
        "ne": "≠",
        "ll": "≪",
    },
}
UPPER = str.maketrans("0123456789+-n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ")


def plain(text: str) -> str:
    """Return text with what stands between dollars written in plain characters: "$2\\mu/r^2$" as "2μ/r²"."""
    return re.sub(r"\$([^$]+)\$", lambda match: _formula(match[1]), text)


def _formula(tex: str) -> str:
    tex = re.sub(r"\\[td]?frac\s*(?:\{([^{}]*)\}|(\w))\s*(?:\{([^{}]*)\}|(\w))", _fraction, tex)
    tex = re.sub(r"\\sqrt\s*(?:\{([^{}]*)\}|(\w))", lambda m: f"√{m[1] or m[2]}", tex)
    tex = re.sub(r"\\lvert\s*|\s*\\rvert", "|", tex)
    tex = re.sub(r"\\(?:mathrm|mathbb|text|mathbf|operatorname|hat|bar|tilde)\s*\{([^{}]*)\}", r"\1", tex)
    tex = re.sub(
        r"\\([A-Za-z]+)\s*", lambda m: WORDS.get(m[1], f"{m[1]} " if m[1] not in ("left", "right") else ""), tex
    )
    tex = re.sub(r"\^\{([^{}]*)\}|\^(\S)", _power, tex)
    tex = re.sub(r"\\[,;:!% ]", " ", tex)
    tex = re.sub(r"\s*([=<>≤≥≈≠])\s*", r" \1 ", tex.replace("{", "").replace("}", "").replace("-", "−"))
    return " ".join(tex.replace(" ⟩", "⟩").split())


def _fraction(match: re.Match) -> str:
    return f"{match[1] or match[2]}/{match[3] or match[4]}"


def _power(match: re.Match) -> str:
    power = match[1] or match[2]
    if power == "ᵀ":
        return power
    raised = power.translate(UPPER)
    # characters that cannot be raised stay on the line
    return raised if not set(raised) & set(power) else f"^({power})" if len(power) > 1 else f"^{power}"
