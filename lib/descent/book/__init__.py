"""The pipeline: run chapters, judge what they measured, stage and render the book."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from descent.book.asking.answer import Answer


def ask(chapter: str, **asked: Any) -> "Answer":
    """Run a chapter under other parameters and judge its claims again, as ``descent ask`` does.

    Args:
        chapter: its name.
        asked: ``seeds``, ``profile``, ``cores``, and the chapter's parameters, as ``asking.ask.ask`` takes them.

    Returns:
        The answer, which a notebook shows with verdicts beside the book's: ``ask("omd-thresholds", starts=[8, 32])``.

    Raises:
        UserError: there is no such chapter, profile or parameter, or a value does not fit.
    """
    from descent.book.asking.ask import ask as answer

    return answer(chapter, **asked)
