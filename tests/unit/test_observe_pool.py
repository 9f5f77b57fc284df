"""HAProxy's statistics, as HAProxy 3.0 writes them."""

import pytest

from drill_runner.observe.pool import parse

CSV = """# pxname,svname,qcur,qmax,status,weight,
stats,FRONTEND,,,OPEN,,
llm,FRONTEND,,,OPEN,,
llm,gpu1,0,0,UP,100,
llm,gpu2,0,0,DOWN 1/2,100,
llm,gpu3,0,0,DOWN (agent),100,
llm,gpu4,0,0,UP 1/3,100,
llm,gpu5,0,0,MAINT (via llm/gpu1),100,
llm,gpu6,0,0,no check,100,
llm,BACKEND,0,0,UP,100,
other,gpu1,0,0,DOWN,100,
"""


def test_status_word_by_server_of_the_backend():
    assert parse(CSV, "llm") == {
        "gpu1": "UP",
        "gpu2": "DOWN",
        "gpu3": "DOWN",
        "gpu4": "UP",
        "gpu5": "MAINT",
        "gpu6": "no check",
    }


@pytest.mark.parametrize("text", ["", "<html>", CSV.replace("llm,", "vllm,")])
def test_statistics_without_the_backend_are_an_error_not_an_empty_pool(text: str):
    with pytest.raises(ValueError, match="no server of a backend called llm"):
        parse(text, "llm")


def test_a_server_without_a_status_is_not_taken_for_one_that_serves():
    assert parse("# pxname,svname\nllm,gpu1\n", "llm") == {"gpu1": "unknown"}
