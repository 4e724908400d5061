"""That bad input is refused, without a test framework."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def refuses(kind: type[Exception], *words: str) -> Iterator[None]:
    """Checks that the code inside raises an error that contains all of some words.

    Args:
        kind: Type of the error.
        *words: What its message has to contain: the name of the argument, the remedy.

    Raises:
        AssertionError: It raises no such error, or the message lacks a word.
    """
    try:
        yield
    except kind as error:
        missing = [word for word in words if word not in str(error)]
        assert not missing, f"the error does not mention {missing}: {error}"
        return
    raise AssertionError(f"no {kind.__name__} was raised for {words}")
