"""The checker on an inference host: what makes it say `up`, `down`, or keep its word."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from llm_server_verify import cli, settings, verdict, weights
from llm_server_verify.settings import load_settings
from llm_server_verify.verdict import Verdict, read_verdict
from llm_server_verify.watch import Watch
from llm_server_verify.weights import Digests

WEIGHTS = b"weights" * 1000


class SimulatedEngine(BaseHTTPRequestHandler):
    """Says `answers[prompt]` and counts; `status` other than 200 is an engine that is loading or refuses."""

    answers: dict[str, str]
    status: int
    asked: list[str]

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).asked.append(body["prompt"])
        payload = json.dumps({"choices": [{"text": self.answers[body["prompt"]]}]}).encode()
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *args: object):
        pass


@pytest.fixture
def engine():
    SimulatedEngine.answers = {"a": " 1", "b": " 2", "long": " 3 4"}
    SimulatedEngine.status = 200
    SimulatedEngine.asked = []
    server = HTTPServer(("127.0.0.1", 0), SimulatedEngine)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def host(tmp_path, monkeypatch, engine):
    monkeypatch.setattr(settings, "CONFIG_DIR", tmp_path)
    monkeypatch.setattr(verdict, "VERDICT", tmp_path / "verdict")
    models = tmp_path / "models"
    models.mkdir()
    (models / "m.gguf").write_bytes(WEIGHTS)
    (tmp_path / "manifest.sha256").write_text(f"{hashlib.sha256(WEIGHTS).hexdigest()}  m.gguf\n")
    (tmp_path / "api_key").write_text("k\n")
    about = {"model": "m", "engine": "e", "quantisation": "q"}
    prompts = [{"prompt": "a", "max_tokens": 1}, {"prompt": "b", "max_tokens": 1}, {"prompt": "long", "max_tokens": 8}]
    times = {"interval_s": 5, "retry_s": 2, "digest_interval_s": 3600, "timeout_s": 2, "prompts_per_check": 1}
    where = {"url": f"http://127.0.0.1:{engine.server_port}", "models_dir": str(models)}
    (tmp_path / "verify.json").write_text(json.dumps({**about, **times, **where, "prompts": prompts}))
    golden = [{**item, "answer": SimulatedEngine.answers[str(item["prompt"])]} for item in prompts]
    (tmp_path / "golden.json").write_text(json.dumps({"version": 1, **about, "prompts": golden}))
    return tmp_path


@pytest.fixture
def watch(host):
    def make(word=None):
        given = load_settings()
        return Watch(given, Digests(host / "models", given.digest_interval_s), word)

    return make


def said() -> Verdict:
    found = read_verdict()
    assert found is not None
    return found


def test_settings_that_a_restore_put_in_place_are_followed(watch, host):
    state = watch()
    state.check()
    kept = {name: (host / name).read_text() for name in ("verify.json", "golden.json")}
    for name, text in kept.items():  # of another engine
        (host / name).write_text(json.dumps(json.loads(text) | {"engine": "another"}))
    SimulatedEngine.asked.clear()
    state.check()
    assert said().word == "up"
    assert SimulatedEngine.asked == ["a", "b", "long"], "another engine is another question: all are asked"
    (host / "verify.json").write_text("{}")  # half of a restore
    state.check()
    assert said().word == "up"
    (host / "verify.json").write_text(kept["verify.json"])
    state.check()
    assert said().word.startswith("down #no golden answers")


def test_up_takes_all_prompts_first_and_few_later(watch):
    state = watch()
    state.check()
    assert said().word == "up"
    assert SimulatedEngine.asked == ["a", "b", "long"]
    state.check()
    state.check()
    assert SimulatedEngine.asked[3:] == ["a", "b"]


def test_wrong_answer_is_asked_twice_then_down(watch):
    state = watch()
    SimulatedEngine.answers["b"] = " 9"
    state.check()
    assert said().word == "down #answer 'b' gives ' 9', golden is ' 2'"
    assert SimulatedEngine.asked == ["a", "b", "b"]
    SimulatedEngine.answers["b"] = " 2"
    state.check()
    assert said().word == "up"


@pytest.mark.parametrize("status", [503, 429])
def test_engine_that_restarts_keeps_the_word_and_is_then_asked_everything(watch, status):
    state = watch()
    state.check()
    SimulatedEngine.status = status
    state.check()
    assert said().word == "up"
    assert not said().judged
    SimulatedEngine.status = 200
    SimulatedEngine.asked.clear()
    state.check()
    assert SimulatedEngine.asked == ["a", "b", "long"]
    assert said().judged


def test_no_word_before_the_first_answer(watch):
    SimulatedEngine.status = 503
    watch().check()
    assert read_verdict() is None


def test_refused_request_is_down(watch):
    SimulatedEngine.status = 401
    watch().check()
    assert said().word == "down #answer HTTP 401"


def test_down_outlives_an_engine_that_is_away(watch):
    SimulatedEngine.status = 503
    state = watch(word="down #digest m.gguf")
    state.check()
    assert said().word == "down #digest m.gguf"


def test_flipped_bit_is_down_until_it_is_put_right(host, watch):
    path = host / "models/m.gguf"
    state = watch()
    state.check()
    path.write_bytes(b"W" + WEIGHTS[1:])
    state.check()
    assert said().word.startswith("down #digest m.gguf: SHA-256 begins with ")
    path.write_bytes(WEIGHTS)
    state.check()
    assert said().word == "up"


def test_rot_without_a_trace_is_found_when_the_digest_is_due(host, watch, monkeypatch):
    path = host / "models/m.gguf"
    state = watch()
    state.check()
    monkeypatch.setattr(weights, "signature", lambda _: state.digests.seen["m.gguf"].signature)
    path.write_bytes(b"W" + WEIGHTS[1:])
    state.check()
    assert said().word == "up"
    state.digests.max_age_s = 0
    state.check()
    for reading in list(state.digests.again.values()):
        reading.problem.result(timeout=5)
    state.check()
    assert said().word.startswith("down #digest m.gguf")


def test_missing_file_is_down(host, watch):
    (host / "models/m.gguf").unlink()
    watch().check()
    assert said().word == "down #digest m.gguf: No such file or directory"


def test_golden_answers_of_another_engine_are_none(host, watch):
    document = json.loads((host / "golden.json").read_text())
    (host / "golden.json").write_text(json.dumps({**document, "engine": "other"}))
    watch().check()
    assert said().word == "down #no golden answers for this engine and these weights"


def test_digests_names_bad_files_on_stdout(host, capsys):
    assert cli.check_digests(0) == 0
    (host / "models/m.gguf").write_bytes(b"short")
    assert cli.check_digests(0) == 1
    assert capsys.readouterr().out.split() == ["m.gguf"]


def test_start_waits_for_weights_that_are_put_right(host):
    path = host / "models/m.gguf"
    path.write_bytes(b"short")
    repair = host / "repair"
    repair.write_bytes(WEIGHTS)
    timer = threading.Timer(0.3, repair.replace, args=(path,))
    timer.start()
    assert weights.wait_for_digests(host / "models", wait_s=10) == {}
    timer.join()


def test_nothing_is_recorded_from_rotten_weights(host, capsys):
    (host / "models/m.gguf").write_bytes(b"short")
    assert cli.print_record() == 1
    assert SimulatedEngine.asked == []
    assert capsys.readouterr().out == ""


def test_record_gives_what_is_then_golden(host, capsys):
    assert cli.print_record() == 0
    assert json.loads(capsys.readouterr().out) == json.loads((host / "golden.json").read_text())
