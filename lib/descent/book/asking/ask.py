"""Ask: refuse what can't be asked, run what is not known yet, answer."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from descent.book.asking.answer import Answer, answer
from descent.book.asking.page import page
from descent.book.asking.question import Question, known_parameters, options, several
from descent.book.asking.words import text
from descent.book.build import BUSY, check_before, check_cores, due_of, here, run_chapters
from descent.book.errors import UserError
from descent.book.machine import usable_cores
from descent.book.project import Project
from descent.book.report.found import find
from descent.book.run.integrity import alone, discard_damaged
from descent.book.run.run import Run
from descent.book.run.why import reason
from descent.evidence.files import write_atomically


def command(options_given: argparse.Namespace) -> int:
    """Run ``descent ask``."""
    project = Project.find()
    chapter, to = options_given.chapter, options_given.send
    known = known_parameters(project, chapter)
    pairs = options(options_given.parameter, known, f"chapters/{chapter}.md")
    question = Question(project, chapter, options_given.profile, pairs, options_given.seeds)
    if to:
        check_page(to)
    told = answered(question, options_given.cores)
    print(text(told))
    if to:
        write_atomically(to, page(told))
        print(f"\n{to}: one page to send", file=sys.stderr)
    return 1 if told.missing else 0


def ask(
    chapter: str, *, seeds: int | None = None, profile: str = "quick", cores: int | None = None, **parameters: Any
) -> Answer:
    """Run a chapter under other parameters and judge its claims again; what is known runs no second time.

    Args:
        chapter: its name.
        seeds: how many; as many as the profile runs, if not given.
        profile: whose parameters it has else.
        cores: how many to use; all, if not given.
        parameters: the chapter's, by name. A list of values (of lists, where the parameter is one) makes a grid.

    Returns:
        The answer, which a notebook shows with verdicts beside the book's.

    Raises:
        UserError: there is no such chapter, profile or parameter, or a value does not fit.
    """
    project = Project.find()
    known = known_parameters(project, chapter)
    pairs = several(parameters, known, f"chapters/{chapter}.md")
    return answered(Question(project, chapter, profile, pairs, seeds), cores)


def answered(question: Question, cores: int | None = None) -> Answer:
    """Make the runs that are not known yet and return the answer."""
    project = question.project
    project.check_writable()
    cores = usable_cores() if cores is None else cores
    check_cores(cores)
    if wanted := unknown(question):
        check_before(project, wanted)
        with alone(project.build / ".lock", BUSY) as (lock, _):
            for profile in dict.fromkeys(run.profile for run in wanted):
                discard_damaged(project, profile)
            if due := due_of(unknown(question)):
                for run in due:
                    print(f"  {reason(run)}", file=sys.stderr)
                run_chapters(project, here(cores), due, lock)
    return answer(question)


def unknown(question: Question) -> list[Run]:
    """Return the runs that nobody has made yet."""
    wanted: Sequence[Run] = [run for setting in question.settings for run in setting.runs]
    return [run for run in dict.fromkeys(wanted) if find(run, question.profile) is None]


def check_page(path: Path) -> None:
    """Raise UserError unless a page can be written there."""
    if path.suffix != ".html" or path.is_dir() or (path.exists() and not os.access(path, os.W_OK)):
        raise UserError(f"can't write {path}: --send wants a file that ends in .html and can be written")
    if not path.absolute().parent.is_dir() or not os.access(path.absolute().parent, os.W_OK):
        raise UserError(f"can't write {path}: {path.parent} is not a folder that can be written; choose another --send")
