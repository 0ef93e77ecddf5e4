"""What was measured, what was claimed, and whether the one bears out the other.

Measuring needs no part of the pipeline; claims and verdicts, which do, are imported when they are asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from descent.evidence.measurements import Measurements, cache_directory, run_directory

if TYPE_CHECKING:
    from descent.evidence.claims import Claim, ClaimError, load_claims
    from descent.evidence.verdicts import Verdict, judge

__all__ = [
    "Claim",
    "ClaimError",
    "Measurements",
    "Verdict",
    "cache_directory",
    "judge",
    "load_claims",
    "run_directory",
]
LATER = {
    **dict.fromkeys(("Claim", "ClaimError", "load_claims"), "descent.evidence.claims"),
    **dict.fromkeys(("Verdict", "judge"), "descent.evidence.verdicts"),
}


def __getattr__(name: str) -> Any:
    """Import what is not there yet."""
    if name not in LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(LATER[name]), name)
