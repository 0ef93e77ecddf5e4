"""When a number of jobs is done, and how a person says so."""

import pytest

from descent.book.report import costs


@pytest.mark.parametrize(
    ("jobs", "cores", "expected"),
    [
        ([], 4, 0),
        ([(10, 1), (10, 1), (10, 1)], 1, 30),
        ([(10, 1), (10, 1), (10, 1)], 2, 20),
        ([(10, 1), (10, 1), (10, 1)], 8, 10),
        ([(30, 2), (10, 1), (10, 1)], 2, 40),  # the small ones share the machine after the large one
        ([(5, 16), (5, 16)], 2, 10),  # a job that asks for more than there is gets all of it
        ([(6, 1), (5, 1), (4, 1), (3, 1)], 2, 9),
    ],
)
def test_jobs_share_the_cores(jobs, cores, expected):
    assert costs.makespan(jobs, cores) == expected


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (40, "40 s"), (89.4, "89 s"), (90, "2 min"), (420, "7 min"), (5399, "90 min"), (5400, "1.5 h"),
        (12600, "3.5 h"), (172_799, "48.0 h"), (172_800, "2 days"), (967_680, "11.2 days"), (359_424, "4.16 days"),
        (1.65 * 3600, "1.6 h"), (47.951 * 3600, "48.0 h"), (47.949 * 3600, "47.9 h"),
    ],
)  # fmt: skip
def test_durations_read_as_people_say_them(seconds, said):
    assert costs.duration(seconds) == said
