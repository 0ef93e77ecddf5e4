"""Other choices a chapter might have made, named before they are run: do its claims hold under them too?

One YAML file per chapter, ``chapters/claims/alternatives/<chapter>.yml``, apart from its claims:

    - name: half the width
      parameters: {width: 32}

The profile ``alternatives`` runs each as one replicate of the chapter, with its base's parameters else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from descent.book.chapter import Text, checked
from descent.book.errors import UserError
from descent.book.text import read_text, read_yaml
from descent.evidence.validation import Model

MOST = 12  # a chapter; more would be a search for what breaks, or for what doesn't


class Alternative(Model):
    """One other choice.

    Args:
        name: in a few words.
        parameters: what differs from the base profile.
    """

    name: Annotated[Text, Field(min_length=1, max_length=60)]
    parameters: Annotated[dict[Text, Any], Field(min_length=1)]


def read_alternatives(path: Path) -> tuple[Alternative, ...]:
    """Return the alternatives that a file declares; none if there is no such file.

    Raises:
        UserError: it is not what this module describes, declares more than ``MOST``, or two of one name.
    """
    if not path.is_file():
        return ()
    entries = read_yaml(read_text(path), path)
    if not isinstance(entries, list) or not 1 <= len(entries) <= MOST:
        raise UserError(f"{path}: it wants a list of 1 to {MOST} alternatives, each '- name: ...' with parameters")
    found = tuple(checked(Alternative, entry, f"{path}: {number + 1}") for number, entry in enumerate(entries))
    names = [alternative.name for alternative in found]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise UserError(f"{path}: the name {name!r} stands twice: rename one of the two")
    return found
