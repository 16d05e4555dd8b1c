"""What is shared by all errors."""

from __future__ import annotations

from lakehouse.errors import first_line


def test_an_exception_without_words_is_called_by_its_type() -> None:
    assert first_line(TimeoutError()) == "TimeoutError"
    assert first_line(ValueError("\n  one\ntwo")) == "one"
