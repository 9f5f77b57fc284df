"""An answer that comes whole is whole, or it is not."""

import pytest

from drill_runner.observe.stream import NotACompletionError
from drill_runner.observe.whole import MAX_BYTES, WholeAnswer

BODY = b'{"choices": [{"text": " Par"}, {"text": "is"}]}'


def fed(*pieces: bytes) -> WholeAnswer:
    answer = WholeAnswer()
    for number, piece in enumerate(pieces, start=1):
        answer.feed(piece, float(number))
    answer.end()
    return answer


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_it_is_read_however_it_was_cut(size: int) -> None:
    answer = fed(*(BODY[start : start + size] for start in range(0, len(BODY), size)))
    assert (answer.text, answer.done, answer.first_token) == (" Paris", True, 1.0)


def test_before_its_end_it_is_not_done() -> None:
    answer = WholeAnswer()
    answer.feed(BODY, 1.0)
    assert not answer.done


def test_nothing_is_no_answer() -> None:
    answer = fed()
    assert (answer.done, answer.first_token) == (False, None)


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"choices": [{}]}', b'{"error": "no"}', b"\xff", b'{"choices": 7}'])
def test_what_is_no_completion(body: bytes) -> None:
    with pytest.raises(NotACompletionError):
        fed(body)


def test_a_body_without_end_is_refused() -> None:
    with pytest.raises(NotACompletionError, match="more than"):
        fed(b" " * (MAX_BYTES + 1))
