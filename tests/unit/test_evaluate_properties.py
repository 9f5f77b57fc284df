"""What holds for every history: generated ones, damaged ones, empty ones."""

import random
import tempfile
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from drill_runner.evaluate import evaluate, read_run, to_json
from drill_runner.evaluate.outages import outages
from drill_runner.model.result import Episode, Verdict
from drill_runner.model.sample import Outcome, ProbeSample, Sample, StreamSample
from tests.unit.runs import BAD, GOOD_IN_A_ROW, LOOKS, PERIOD, history, probe, probes, streams, watched, write

COUNT = 60
UNANSWERED = [one for one in BAD if one not in (Outcome.WRONG_ANSWER, Outcome.TOO_SLOW)]
FAILURES = st.dictionaries(st.integers(0, COUNT - 1), st.sampled_from(BAD), max_size=20)
RUN = history(watched(probes(48), pool=LOOKS, streamed=streams(12)))
CONTENT = {
    path.name: path.read_bytes()
    for path in write(RUN, Path(tempfile.mkdtemp(prefix="drill-runner-test-")) / "run").iterdir()
}


def seen(failures: dict[int, Outcome]) -> tuple[Episode, ...]:
    return outages(watched(probes(COUNT, failures)), GOOD_IN_A_ROW)


def bad_seconds(episodes: tuple[Episode, ...]) -> tuple[float, float]:
    """Total length of all outages, at least and at most; one that did not end lasts to the end of the watching."""
    least = most = 0.0
    for episode in episodes:
        end = COUNT * PERIOD
        least += episode.duration.lower if episode.duration else max(0.0, end - episode.start.upper)
        most += episode.duration.upper if episode.duration else end - episode.start.lower
    return least, most


@given(FAILURES, st.integers(0, COUNT - 1), st.sampled_from(BAD), st.floats(0.001, 3))
def test_one_more_failure_never_shortens_the_outage(
    failures: dict[int, Outcome], seq: int, outcome: Outcome, after: float
):
    more = watched(probes(COUNT, {**failures, seq: probe(seq, outcome, after=after)}))
    before, then = bad_seconds(seen(failures)), bad_seconds(outages(more, GOOD_IN_A_ROW))
    if seq not in failures:
        assert then[0] >= before[0] - 1e-9
        assert then[1] >= before[1] - 1e-9


@given(
    st.dictionaries(st.integers(0, COUNT - 1), st.sampled_from(UNANSWERED), max_size=20),
    st.lists(st.floats(0.002, 0.2), min_size=COUNT, max_size=COUNT),
    st.integers(0, COUNT - 1),
    st.sampled_from(UNANSWERED),
    st.floats(0.001, 3),
)
def test_nor_does_it_where_good_answers_differ(
    failures: dict[int, Outcome], times: list[float], seq: int, outcome: Outcome, after: float
):
    """The probe that fails was not sent before, so that both histories have the same good ones."""
    answers = {one: probe(one, after=seconds) for one, seconds in enumerate(times)}
    less = outages(watched(probes(COUNT, {**answers, **failures, seq: Outcome.NOT_SENT})), GOOD_IN_A_ROW)
    failed = probe(seq, outcome, after=after)
    more = outages(watched(probes(COUNT, {**answers, **failures, seq: failed})), GOOD_IN_A_ROW)
    assert all(then >= before - 1e-9 for before, then in zip(bad_seconds(less), bad_seconds(more), strict=True))


@given(FAILURES, st.randoms(use_true_random=False))
def test_the_order_of_lines_and_repeated_lines_never_matter(failures: dict[int, Outcome], dice: random.Random):
    samples = list(watched(probes(COUNT, failures), pool=LOOKS, streamed=streams(12)))
    straight = to_json(evaluate(history(samples)))
    dice.shuffle(samples)
    again = dice.choice([sample for sample in samples if isinstance(sample, ProbeSample | StreamSample)])
    assert to_json(evaluate(history([*samples, again]))) == straight


@given(FAILURES)
def test_bounds_are_ordered_and_every_failure_is_in_one_outage(failures: dict[int, Outcome]):
    episodes = seen(failures)
    assert sum(episode.failed for episode in episodes) == len(failures)
    ends = [episode.end for episode in episodes]
    assert all(end is not None for end in ends[:-1])
    for earlier, later in pairwise(episodes):
        assert earlier.end is not None
        assert earlier.start.lower <= earlier.end.upper <= later.start.upper


@given(st.sampled_from([(), LOOKS, watched(())]))
def test_no_samples_is_inconclusive(samples: tuple[Sample, ...]):
    result = evaluate(history(samples))
    assert result.verdict is Verdict.INCONCLUSIVE


@given(FAILURES.filter(bool))
def test_a_failed_request_never_passes_where_none_was_promised(failures: dict[int, Outcome]):
    assert evaluate(history(watched(probes(COUNT, failures), pool=LOOKS))).verdict is not Verdict.PASSED


@given(st.sampled_from(sorted(CONTENT)), st.data())
def test_a_flipped_byte_never_breaks_the_judge(name: str, data: st.DataObject):
    content = bytearray(CONTENT[name])
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for other, whole in CONTENT.items():
            (folder / other).write_bytes(bytes(content) if other == name else whole)
        run = read_run(folder)
    assert to_json(evaluate(run))


def test_the_uncut_folder_passes():
    """Else the properties above would hold for the wrong reason."""
    assert evaluate(RUN).verdict is Verdict.PASSED
