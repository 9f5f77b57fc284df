"""What a person did that cannot be done, in one message."""

import difflib
from collections.abc import Iterable


class UsageError(Exception):
    """Refused before anything is touched: `str` of it is the one message, naming file, key and what was expected."""


def expected_one_of(wrong: str, known: Iterable[str]) -> str:
    """Say what would have been known in place of `wrong`, and which of it was probably meant."""
    names = sorted(known)
    if not names:
        return "there are none"
    near = difflib.get_close_matches(wrong, names, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return f"expected one of {', '.join(names)}{hint}"
