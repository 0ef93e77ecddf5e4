"""Verdicts: every outcome, what decides them, and what is shown of them."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from descent.evidence import judge, load_claims
from descent.evidence.files import dump_json, write_atomically, write_if_changed
from descent.evidence.verdicts import OUTCOMES, merge

CLAIM = """
- id: {id}
  kind: finding
  source: {{cite: somebody2020, place: section 1}}
  statement: It holds.
  decided_by: {decided_by}
  min_seeds: {min_seeds}
  {extra}
  checks:
    - {{measurement: a, label: the first, comparison: at-least, expected: 16, reason: a count}}
    - {{measurement: b, label: the second, comparison: close, expected: 2.0, relative: 0.1, reason: three seeds}}
"""
EXACT = "exact: true\n  because: an identity"
GOOD_A, BAD_A, OPEN_A = [17.0, 17.1, 16.9], [15.0, 15.1, 14.9], [15.0, 17.0, 16.5]
GOOD_B, BAD_B, OPEN_B = [2.0, 2.01, 1.99], [1.5, 1.51, 1.49], [2.15, 2.25, 2.2]


def claims(tmp_path, decided_by="quick", min_seeds=1, id="one", extra=""):
    text = CLAIM.format(id=id, decided_by=decided_by, min_seeds=min_seeds, extra=extra)
    (tmp_path / "chapter.yml").write_text(text)
    return load_claims(tmp_path)


def judged(tmp_path, a, b, profile="quick", **settings):
    (result,) = judge(claims(tmp_path, **settings), {"chapter": {"a": a, "b": b}}, profile)
    return result


@pytest.mark.parametrize(
    ("a", "b", "verdict", "deciding", "why"),
    [
        (GOOD_A, GOOD_B, "reproduced", "the first", ""),
        (GOOD_A, BAD_B, "partly", "the second", "fails in 1 of 2, 1 held: the second"),
        (BAD_A, GOOD_B, "partly", "the first", "fails in 1 of 2, 1 held: the first"),
        (BAD_A, BAD_B, "not reproduced", "the first", "fails in 2 of 2: the first; the second"),
        # an open check never hides a failed one
        (BAD_A, OPEN_B, "not reproduced", "the first", "fails in 1 of 2, 1 open: the first"),
        (OPEN_A, BAD_B, "not reproduced", "the second", "fails in 1 of 2, 1 open: the second"),
        (BAD_A, [], "not reproduced", "the first", "fails in 1 of 2, 1 not measured: the first"),
        (GOOD_A, OPEN_B, "undecided", "the second", "1 of 2 open; the second: more than 997 more seeds"),
        (GOOD_A, GOOD_B[:1], "undecided", "the second", "1 of the 2 seeds that it takes at least"),
        (GOOD_A, [], "not run", "the second", "not measured: the second"),
        (OPEN_A, [], "not run", "the second", "not measured: the second"),
        ([], [], "not run", "the first", "not measured: the first; the second"),
    ],
)
def test_every_outcome_and_the_check_that_decides_it(tmp_path, a, b, verdict, deciding, why):
    result = judged(tmp_path, a, b)
    assert (result.verdict, result.label) == (verdict, deciding)
    assert result.why.startswith(why) and bool(result.why) == bool(why)
    shown = next(check for check in result.checks if check["label"] == deciding)
    for key in ("expected", "measured", "interval", "seeds", "detectable"):
        assert getattr(result, key) == shown[key]
    assert result.expected == {"the first": "≥ 16", "the second": "2 ± 0.2"}[deciding]
    json.loads(dump_json(result.as_dict()))


@settings(deadline=None)
@given(st.lists(st.sampled_from("hfom"), min_size=1, max_size=5))
def test_a_claim_is_a_conjunction(tmp_path_factory, ends):
    values = {"h": GOOD_A, "f": BAD_A, "o": OPEN_A, "m": []}
    check = "    - {{measurement: m{0}, label: l{0}, comparison: at-least, expected: 16, reason: r}}\n"
    folder = tmp_path_factory.mktemp("claims")
    head = CLAIM.format(id="x", decided_by="quick", min_seeds=1, extra="").partition("  checks:\n")[0]
    (folder / "c.yml").write_text(f"{head}  checks:\n{''.join(check.format(k) for k in range(len(ends)))}")
    (result,) = judge(load_claims(folder), {"c": {f"m{k}": values[end] for k, end in enumerate(ends)}}, "quick")
    if "f" in ends:
        expected = "partly" if "h" in ends else "not reproduced"
    else:
        expected = "not run" if "m" in ends else "undecided" if "o" in ends else "reproduced"
    assert result.verdict == expected and expected in OUTCOMES


def test_one_seed_decides_nothing_that_is_not_exact(tmp_path):
    result = judged(tmp_path, [1e9], [2.0])
    assert result.verdict == "undecided" and "1 of the 2 seeds that it takes at least" in result.why
    assert judged(tmp_path, [1e9], [2.0], extra=EXACT).verdict == "reproduced"
    assert judged(tmp_path, [15.0], [2.0], extra=EXACT).verdict == "partly"
    assert not judged(tmp_path, [1e9], [2.0]).exact and judged(tmp_path, [1e9], [2.0], extra=EXACT).exact


def test_an_exact_claim_holds_for_every_value_and_shows_the_worst(tmp_path):
    result = judged(tmp_path, [20.0, 15.9, 16.0], [2.0, 2.2, 1.8], extra=EXACT)
    assert result.verdict == "partly" and result.measured == 15.9 and result.interval == [15.9, 20.0]
    assert judged(tmp_path, [20.0, 16.0], [2.0, 2.2, 1.8], extra=EXACT).verdict == "reproduced"
    for values, worst in (([2.1, 2.3, 1.75], 2.3), ([1.7, 2.25, 2.0], 1.7), ([1.9, 2.15, 2.0], 2.15)):  # of 1.8 to 2.2
        assert judged(tmp_path, [20.0], values, extra=EXACT).checks[1]["measured"] == worst


@pytest.mark.parametrize(
    ("profile", "decided_by", "verdict"),
    [
        ("smoke", "quick", "undecided"),
        ("quick", "quick", "reproduced"),
        ("paper", "quick", "reproduced"),
        ("quick", "paper", "undecided"),
        ("paper", "paper", "reproduced"),
        ("smoke", "smoke", "reproduced"),
    ],
)
def test_a_profile_that_is_too_small_decides_nothing(tmp_path, profile, decided_by, verdict):
    result = judged(tmp_path, GOOD_A, GOOD_B, profile, decided_by=decided_by)
    assert result.verdict == verdict and result.profile == profile
    if verdict == "undecided":
        assert judged(tmp_path, BAD_A, BAD_B, profile, decided_by=decided_by).verdict == "undecided"
        assert result.why.endswith(f"the {profile} profile is too small to decide it; {decided_by} can")


def test_seeds_are_counted_check_by_check(tmp_path):
    """min_seeds is asked of each check, not of the one with the most seeds; and a check with enough may fail alone."""
    assert judged(tmp_path, GOOD_A, GOOD_B, min_seeds=3).verdict == "reproduced"
    short = judged(tmp_path, GOOD_A, GOOD_B[:2], min_seeds=3)
    assert short.verdict == "undecided" and short.label == "the second"
    assert short.why.endswith("2 of the 3 seeds that it takes at least")
    assert short.why.startswith("1 of 2 open; the second: ") and short.checks[1]["more_seeds"] == 1
    assert judged(tmp_path, GOOD_A[:2], GOOD_B, min_seeds=3).verdict == "undecided"
    assert judged(tmp_path, BAD_A, GOOD_B[:2], min_seeds=3).verdict == "not reproduced"


def test_more_seeds_are_counted(tmp_path):
    values = [16.0, 17.0, 16.5]  # 0.5 above its bound, deviation 0.5: three seeds notice 3.26 deviations / sqrt 3 ...
    result = judged(tmp_path, values, GOOD_B)
    (check,) = (check for check in result.checks if check["label"] == "the first")
    # noncentral t: ten seeds have power .80 at one deviation (G*Power's table; Cohen 1988)
    assert check["more_seeds"] == 7 and result.why.endswith("about 7 more seeds would tell")
    assert check["detectable"] == pytest.approx(1.63, abs=0.01)


def test_an_interval_wider_than_the_allowance_on_both_sides_is_open(tmp_path):
    assert judged(tmp_path, GOOD_A, [1.0, 3.0, 1.0, 3.1]).verdict == "undecided"


def test_equal_values_that_are_not_exact_stay_open(tmp_path):
    result = judged(tmp_path, [17.0] * 8, GOOD_B)
    assert result.verdict == "undecided" and "8 equal values, which say nothing of their spread" in result.why
    assert result.measured == 17.0 and result.interval is None and result.detectable is None


def test_equal_values_are_shown_as_they_are_and_not_as_their_rounded_mean(tmp_path):
    assert sum([0.1] * 3) / 3 != 0.1
    assert judged(tmp_path, [0.1] * 3, GOOD_B).checks[0]["measured"] == 0.1
    assert judged(tmp_path, [16.0, 16.0, 19.0], GOOD_B).checks[0]["measured"] == 17.0


def test_a_claim_of_one_check_does_not_count_its_checks(tmp_path):
    head = CLAIM.format(id="x", decided_by="quick", min_seeds=1, extra="").partition("  checks:\n")[0]
    check = "    - {measurement: m, label: l, comparison: at-least, expected: 16, reason: r}\n"
    (tmp_path / "c.yml").write_text(f"{head}  checks:\n{check}")
    why = {
        name: judge(load_claims(tmp_path), {"c": {"m": m}}, "quick")[0].why
        for name, m in (("bad", BAD_A), ("open", OPEN_A))
    }
    assert why["bad"] == "outside its bounds" and why["open"].startswith("about 306 more seeds")


def test_most_runs_are_counted_and_shown_as_a_share(tmp_path):
    claims(tmp_path)
    text = (tmp_path / "chapter.yml").read_text().replace("the first,", "the first, over: most,")
    (tmp_path / "chapter.yml").write_text(text)

    def most(a):
        return judge(load_claims(tmp_path), {"chapter": {"a": a, "b": GOOD_B}}, "quick")[0]

    assert most([16.0] * 6).verdict == "reproduced"
    assert most([16.0] * 5).verdict == "undecided" and most([16.0] * 5).why.endswith("about 1 more seed would tell")
    assert most([15.0] * 6).verdict == "partly"
    result = most([16.0, 15.0, 16.0])
    assert result.expected == "≥ 16 in most runs" and result.measured == pytest.approx(2 / 3)
    assert result.interval == pytest.approx([0.0943, 0.9916], abs=1e-4)


def test_many_checks_share_the_error_of_a_denial(tmp_path):
    """A mean 2.2 standard errors outside fails alone (t, 59 degrees of freedom: 2.00), not as one of five (2.39)."""
    import numpy as np

    values = np.random.default_rng(0).normal(size=60)
    values = list((values - values.mean()) / values.std(ddof=1) * np.sqrt(60) - 2.2 + 10)
    head = CLAIM.format(id="x", decided_by="quick", min_seeds=1, extra="").partition("  checks:\n")[0]
    check = "    - {{measurement: m, label: l{}, comparison: at-least, expected: 10, reason: r}}\n"
    for checks, verdict in ((1, "not reproduced"), (2, "not reproduced"), (5, "undecided")):
        (tmp_path / "c.yml").write_text(f"{head}  checks:\n{''.join(map(check.format, range(checks)))}")
        assert judge(load_claims(tmp_path), {"c": {"m": values}}, "quick")[0].verdict == verdict


@settings(deadline=None)
@given(st.lists(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=4), min_size=1, max_size=4))
def test_merging_replicates_keeps_every_value_in_order(lists):
    merged = merge([{"k": values} for values in lists] + [{"other": 1.0}])
    assert merged == {"k": [x for values in lists for x in values], "other": [1.0]}


def test_files_are_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "f"
    write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "\ud800")  # can't be encoded
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
    stamp = path.stat().st_mtime_ns
    assert not write_if_changed(path, "old") and path.stat().st_mtime_ns == stamp
    assert write_if_changed(path, "new") and path.read_text() == "new"
