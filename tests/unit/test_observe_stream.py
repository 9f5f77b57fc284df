"""A streamed answer is whole, or it is not; nothing in between."""

import pytest

from drill_runner.observe.stream import MAX_PENDING_BYTES, Answer, NotACompletionError

EVENT = b'data: {"choices": [{"index": 0, "text": "%s"}]}\n\n'
DONE = b"data: [DONE]\n\n"


def fed(*pieces: bytes) -> Answer:
    answer = Answer()
    for at, piece in enumerate(pieces, start=1):
        answer.feed(piece, float(at))
    return answer


def test_text_first_token_and_end():
    answer = fed(b": hello\n\n", EVENT % b" Par", EVENT % b"is", DONE)
    assert (answer.text, answer.first_token, answer.done) == (" Paris", 2.0, True)


@pytest.mark.parametrize("size", [1, 2, 7])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_how_the_bytes_are_cut_does_not_matter(size: int, line_end: bytes):
    stream = (EVENT % b" Paris" + DONE).replace(b"\n", line_end)
    answer = fed(*(stream[start : start + size] for start in range(0, len(stream), size)))
    assert (answer.text, answer.done) == (" Paris", True)


def test_an_empty_piece_of_text_is_no_first_token_but_an_empty_answer_ends():
    answer = fed(EVENT % b"", EVENT % b"x")
    assert answer.first_token == 2.0
    assert fed(EVENT % b"", DONE).first_token == 2.0


@pytest.mark.parametrize("stream", [EVENT % b" Paris", EVENT % b" Paris" + b"data: [DONE]\n", b"data: [DON"])
def test_a_stream_without_its_end_is_not_done(stream: bytes):
    assert not fed(stream).done


@pytest.mark.parametrize(
    "event",
    [b"nonsense", b"[]", b"3", b'{"choices": 3}', b'{"choices": [{}]}', b'{"error": {"message": "no"}}', b"\xff"],
)
def test_what_is_no_event_of_a_completion_is_refused(event: bytes):
    with pytest.raises(NotACompletionError):
        fed(b"data: " + event + b"\n\n")


def test_an_endless_event_is_refused():
    with pytest.raises(NotACompletionError, match="more than"):
        fed(b"data: " + b"x" * MAX_PENDING_BYTES)
