"""The error rates that verdicts promise, on 2,000 simulated claims for each number of seeds and each law.

Rates of 2,000 claims scatter: 95% by 0.5 points, 5% by 0.5, 10% by 0.7. Normal draws cover exactly 95% and must stay
above 94%: fresh draws would fail once in fifty, but the draws are fixed.
"""

import numpy as np
import pytest

from descent.evidence.claims import Check
from descent.evidence.decisions import states
from descent.evidence.error_rates import LAWS, SEEDS, coverage, simulated, wrong
from descent.evidence.intervals import intervals
from descent.evidence.power import detectable

CLAIMS = 2000
CASES = [(seeds, law) for seeds in SEEDS for law in LAWS]
FEW_SKEWED = {
    (seeds, "skewed") for seeds in SEEDS if seeds < 20
}  # 95% is not promised there: see the module's docstring


@pytest.fixture(scope="module")
def bounds():
    return {case: simulated(*case, CLAIMS) for case in CASES}


@pytest.mark.parametrize("case", [case for case in CASES if case not in FEW_SKEWED])
def test_95_percent_intervals_cover_at_least_94(bounds, case):
    assert coverage(bounds[case]) >= 0.94


@pytest.mark.parametrize("case", sorted(FEW_SKEWED))
def test_what_few_skewed_seeds_cover_is_what_the_book_says(bounds, case):
    assert 0.87 <= coverage(bounds[case]) <= 0.92


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("tolerance", [0.5, 1.0, 2.0])  # standard deviations
def test_true_claims_are_seldom_denied_and_false_ones_seldom_borne_out(bounds, case, tolerance):
    rates = wrong(bounds[case], tolerance)
    assert rates.denied <= 0.05  # the truth is what was claimed
    assert rates.borne_out <= 0.10  # the truth lies at twice the tolerance
    if case not in FEW_SKEWED:
        assert rates.denied_at_the_edge <= 0.05  # the truth lies just within the tolerance


@pytest.mark.parametrize("case", sorted(FEW_SKEWED))
def test_where_denial_is_not_held_to_five_percent_the_book_says_so(bounds, case):
    """Few skewed seeds, and a truth at the very edge of its tolerance, or a tolerance of next to nothing."""
    assert 0.05 < wrong(bounds[case], 0.5).denied_at_the_edge <= 0.13
    assert wrong(bounds[case], 0.25).denied <= 0.08
    assert wrong(bounds[case], 0.25).borne_out <= 0.10


@pytest.mark.parametrize("checks", [1, 2, 3, 5, 10])
def test_checks_share_the_error_of_a_wrong_denial(checks):
    """Claims whose every check is true, by nothing: normal draws, each check at its own edge, 4,000 claims."""
    draws = np.random.default_rng(checks).normal(size=(4000 * checks, 8))
    check = Check(measurement="x", label="x", comparison="at-most", expected=0.0, reason="r")
    denied = (states(draws, check, checks) < 0).reshape(4000, checks).any(1).mean()
    assert denied <= 0.06  # 5% and three standard errors
    assert denied >= 0.015  # and not by doing nothing


def test_power_is_what_it_says():
    """The smallest departure that is said to be noticed four times in five is: 4,000 samples, 0.8 +- 3 x 0.0063."""
    for seeds in (3, 5, 8, 16):
        draws = np.random.default_rng(seeds).normal(size=(4000, seeds))
        low, high = intervals(draws + detectable(1.0, seeds))
        assert np.mean(low > 0) == pytest.approx(0.8, abs=0.02)
        assert np.mean(high < 0) < 1e-3


@pytest.mark.parametrize("seeds", [3, 6, 8, 16, 32])
def test_most_runs_are_most_runs(seeds):
    """Of 4,000 claims of runs that succeed half the time, either verdict is given to at most 2.5%, and scatter."""
    check = Check(measurement="x", label="x", comparison="at-least", expected=1.0, reason="r", over="most")
    judged = states(np.random.default_rng(3).integers(0, 2, (4000, seeds)).astype(float), check)
    assert np.mean(judged > 0) <= 0.033 and np.mean(judged < 0) <= 0.033
    assert (np.mean(judged != 0) > 0) == (seeds >= 6)
