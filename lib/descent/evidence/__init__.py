"""What was measured, what was claimed, and whether the one bears out the other."""

from descent.evidence.claims import Claim, ClaimError, load_claims
from descent.evidence.measurements import Measurements, cache_directory, run_directory
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
