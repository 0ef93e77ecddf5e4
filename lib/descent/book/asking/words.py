"""An answer as text for a terminal."""

from __future__ import annotations

from descent.book.asking.answer import Answer, Reply
from descent.book.report.report import SIGNS, measured

CHANGED = "←"


def text(answer: Answer) -> str:
    """Return verdicts beside the book's, what flipped and why; of a grid, a column for each setting."""
    asked = answer.question
    replies = answer.replies
    seeds = f"{asked.count} seed{'s' * (asked.count > 1)}"
    lines = [f"{asked.chapter}, profile {asked.profile}, {seeds}; the book's verdicts: {answer.source}", ""]
    if len(replies) == 1:
        lines += [f"here: {replies[0].setting}", "", *_beside(answer, replies[0])]
    else:
        lines += [*_grid(answer), "", *(f"{number:>3}: {reply.setting}" for number, reply in enumerate(replies, 1))]
    for number, reply in enumerate(replies, 1):
        which = f" under {number}: {reply.setting}" if len(replies) > 1 else ""
        lines += ["", f"{summary(reply)}{which}"]
        for change in reply.changes:
            lines.append(f"  {change.claim.id}: {change.book.verdict} -> {change.claim.verdict}")
            lines += [f"    {line}" for line in change.why]
        lines += [f"  {run} failed: {run.failed} has the traceback" for run in reply.missing]
    return "\n".join(lines)


def summary(reply: Reply) -> str:
    """Return in a few words how many claims flipped, and how many only one side decides."""
    count = sum(change.flips for change in reply.changes)
    said = f"{count} claim{'s' * (count > 1)} flipped" if count else "no claim flipped"
    return said + (f", {rest} decided on one side only" if (rest := len(reply.changes) - count) else "")


def _beside(answer: Answer, reply: Reply) -> list[str]:
    rows: list[tuple[str, ...]] = [("claim", "expected", "book", "here", "", "")]
    changed = {change.claim.id for change in reply.changes}
    for book, here in zip(answer.book, reply.verdicts, strict=True):
        mark = CHANGED if here.id in changed else ""
        rows.append((here.id, here.expected, _signed(book.verdict), _signed(here.verdict), measured(here), mark))
    return _aligned(rows)


def _grid(answer: Answer) -> list[str]:
    rows = [("claim", "book", *(str(number) for number in range(1, len(answer.replies) + 1)))]
    for number, book in enumerate(answer.book):
        signs = (SIGNS[reply.verdicts[number].verdict] for reply in answer.replies)
        rows.append((book.id, SIGNS[book.verdict], *signs))
    legend = ", ".join(f"{sign} {outcome}" for outcome, sign in SIGNS.items())
    return [*_aligned(rows), "", legend]


def _signed(outcome: str) -> str:
    return f"{SIGNS[outcome]} {outcome}"  # type: ignore[index]


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]
