"""What a backup store counts, tells and measures, without a store."""

import hashlib
import json
import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backup_repository import aside, chunks, keys, metrics, opened, prune, refusals, scrub
from backup_repository.settings import Settings, UpkeepError

USERS = ("gpu1", "gpu2")
AT = "[24/Nov/2026:18:05:03 +0000]"


def kind(repository: str, method: str, status: int, address: str = "192.0.2.21"):
    return refusals.Kind(address, repository, method, status)


def line(request: str, status: int, address: str = "192.0.2.21") -> str:
    return f'{address} - - {AT} "{request} HTTP/1.1" {status} 10 "" ""'


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        (line("DELETE /gpu1/keys/ab", 403), kind("gpu1", "DELETE", 403)),
        (line("POST /gpu2/?create=true", 401), kind("gpu2", "POST", 401)),
        (line("POST /gpu1?create=true", 507), kind("gpu1", "POST", 507)),
        (line("GET /", 401), kind("(other)", "GET", 401)),
        (line("GET /somebody/config", 401), kind("(other)", "GET", 401)),
        (line("GET /gpu1/config", 401, "2001:db8::21"), kind("gpu1", "GET", 401, "2001:db8::21")),
        (line("GET /gpu1/config", 200), None),
        (line("HEAD /gpu1/data/ab", 404), None),
        ("start server on [::]:8000", None),
        (line('GET /gpu1/" 403 ', 200), None),
    ],
)
def test_what_counts_as_refused(text, counted):
    assert refusals.count([text, text], USERS) == (Counter() if counted is None else Counter({counted: 2}))


def test_an_attack_on_the_counter_is_counted_too():
    lines = [line("GET /", 401, f"2001:db8::{number:x}") for number in range(refusals.MOST + 50)]
    found = refusals.count(lines, USERS)
    assert len(found) == refusals.MOST + 1
    assert found[refusals.Kind("(other)", "(other)", "(other)", 0)] == 50


def test_what_is_new_is_counted_once_and_the_record_survives(monkeypatch, tmp_path):
    journal = {None: ([line("DELETE /gpu1/keys/ab", 403)], "one"), "one": ([], "one")}
    monkeypatch.setattr(refusals, "journal", lambda cursor: journal[cursor])
    path = tmp_path / "watch.json"
    settings = Settings(tmp_path, 0, USERS, {}, 0, None)
    _, new = refusals.look(settings, path)
    assert new == {kind("gpu1", "DELETE", 403): 1}
    seen, new = refusals.look(settings, path)
    assert (seen.refused, new, seen.cursor) == (Counter({kind("gpu1", "DELETE", 403): 1}), Counter(), "one")
    assert refusals.Seen.load(path) == seen


def test_one_sentence_for_each_who_and_where():
    new = Counter({kind("gpu1", "POST", 403): 2, kind("gpu1", "DELETE", 403): 3, kind("gpu2", "GET", 401): 1})
    assert list(refusals.sentences(new)) == [
        "refused in the repository of gpu1, asked from 192.0.2.21: 3 DELETE (403), 2 POST (403)",
        "refused in the repository of gpu2, asked from 192.0.2.21: 1 GET (401)",
    ]


def test_snapshots_that_are_ahead_the_latest_first():
    times = ["2026-11-24T18:00:00.5+01:00", "2026-11-24T18:00:01Z", "2027-01-01T00:00:00Z"]
    found = prune.ahead([{"time": time} for time in times], datetime(2026, 11, 24, 18, 0, tzinfo=UTC))
    assert [item["time"] for item in found] == [times[2], times[1]]


def test_metrics_of_what_happened_and_of_nothing_else(tmp_path):
    good = prune.Pruned("2026-11-24T18:00:00Z", 7, 2, None)
    never = prune.Pruned(last_error="no key")
    seen = refusals.Seen(refused=Counter({kind("gpu1", "GET", 401): 2, kind("gpu1", "GET", 401, "192.0.2.22"): 1}))
    settings = Settings(tmp_path, 5, USERS, {}, 0, tmp_path)
    metrics.write(settings, {"gpu1": good, "gpu2": never}, seen)
    lines = (tmp_path / metrics.FILE).read_text().splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert float(values.pop("backup_repository_free_bytes")) > 0
    assert values == {
        "backup_repository_size_limit_bytes": "5",
        'backup_repository_prune_last_success_timestamp_seconds{repository="gpu1"}': "1795543200",
        'backup_repository_prune_last_failed{repository="gpu1"}': "0",
        'backup_repository_prune_last_failed{repository="gpu2"}': "1",
        'backup_repository_snapshots{repository="gpu1"}': "7",
        'backup_repository_snapshots{repository="gpu2"}': "0",
        'backup_repository_refused_requests_total{repository="gpu1",method="GET",status="401"}': "3",
    }


def test_progress_among_the_json_is_passed_over():
    text = '[{"keep": []}]\n[0:00] 100.00%  2 / 2 files deleted\n\n{"message_type": "summary"}\n'
    assert opened.objects(text) == [[{"keep": []}], {"message_type": "summary"}]


class Restic:
    """A simulated repository: it answers with what a test gives it, and keeps what it was asked."""

    path = Path("/nonexistent")

    def __init__(self, *snapshots: str) -> None:
        self.snapshots = snapshots
        self.asked: list[tuple[str, ...]] = []

    def said(self, *arguments: str):
        self.asked.append(arguments)
        if arguments[0] == "snapshots":
            return [[{"time": time, "short_id": time[:4], "hostname": "gpu1"} for time in self.snapshots]]
        return [[{"keep": [1, 2], "remove": [3]}, {"keep": [4], "remove": None}], {"message_type": "summary"}]


NOW = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)
SETTINGS = Settings(Path("/srv"), 0, USERS, {"within": "14d", "within_daily": "60d"}, 900, None)


def test_the_policy_is_by_time():
    restic = Restic("2026-11-24T18:14:59Z")
    assert prune.prune(SETTINGS, restic, NOW) == prune.Pruned("2026-11-24T18:00:00Z", 3, 1, None)  # type: ignore[arg-type]
    (forget,) = [asked for asked in restic.asked if asked[0] == "forget"]
    assert forget[1:6] == ("--keep-within", "14d", "--keep-within-daily", "60d", "--group-by")


def test_nothing_is_forgotten_where_a_snapshot_is_ahead():
    restic = Restic("2026-11-24T18:00:00Z", "2026-11-24T18:15:01Z")
    with pytest.raises(UpkeepError, match="not pruned: snapshot 2026 of host gpu1 says that it is of 2026-11-24T18"):
        prune.prune(SETTINGS, restic, NOW)  # type: ignore[arg-type]
    assert "forget" not in {asked[0] for asked in restic.asked}


def test_one_repository_that_is_wrong_keeps_no_other_from_being_pruned(monkeypatch, tmp_path):
    for user in USERS:
        (tmp_path / user).mkdir()
        (tmp_path / user / "config").touch()
    monkeypatch.setattr(prune, "KEYS", tmp_path)
    monkeypatch.setattr(prune, "key", lambda user: user)
    restics = {"gpu1": Restic("2999-01-01T00:00:00Z"), "gpu2": Restic()}
    monkeypatch.setattr(prune, "Opened", lambda _, password: restics[password])
    path = tmp_path / "prune.json"
    settings = Settings(tmp_path, 0, USERS, {}, 900, None)
    done = prune.prune_all(settings, USERS, path)
    assert str(done["gpu1"].last_error).startswith("not pruned: snapshot 2999")
    assert (done["gpu2"].last_error, done["gpu2"].removed) == (None, 1)
    assert prune.load(path) == done
    assert json.loads(path.read_text())["gpu2"]["removed"] == 1


@pytest.fixture
def repository(tmp_path):
    """A repository of three files that hold what their names say, and a chunk beside them."""
    for place in ("gpu1/data/00", "gpu1/index", "gpu1/keys", "gpu1/chunks/data"):
        folder = tmp_path / place
        folder.mkdir(parents=True)
        (folder / hashlib.sha256(place.encode()).hexdigest()).write_text(place)
    (tmp_path / "gpu1/config").write_text("not named by what it holds")
    return tmp_path / "gpu1"


@pytest.mark.parametrize("place", ["data/00", "index", "keys", "chunks/data"])
def test_every_flipped_bit_is_found(repository, place):
    assert scrub.wrong(repository) == []
    (file,) = (repository / place).iterdir()
    content = file.read_bytes()
    for bit in range(8 * len(content)):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        file.write_bytes(flipped)
        assert scrub.wrong(repository) == [f"{place}/{file.name}"]


def test_a_good_repository_is_not_set_aside(repository):
    settings = Settings(repository.parent, 0, ("gpu1",), {}, 0, None)
    with pytest.raises(UpkeepError, match="stays: every file in it holds what its name says"):
        aside.set_aside(settings, "gpu1", discard=True)
    assert (repository / "config").exists()


@pytest.mark.parametrize("discard", [False, True])
def test_a_damaged_one_is_out_of_sight_and_its_chunks_stay(repository, discard):
    (file,) = (repository / "index").iterdir()
    file.write_text("rot")
    settings = Settings(repository.parent, 0, ("gpu1",), {}, 0, None)
    done = aside.set_aside(settings, "gpu1", discard=discard)
    assert done["rotten"] == [f"index/{file.name}"]
    assert [path.name for path in repository.iterdir()] == ["chunks"]
    kept = [path.name for path in repository.parent.glob(".damaged/gpu1-*/*")]
    assert sorted(kept) == ([] if discard else ["config", "data", "index", "keys"])
    assert aside.set_aside(settings, "gpu1", discard=discard)["changed"] is False, "again, after it was cut short"


class Archive:
    """A simulated repository on a store's disk: snapshots of weights, and the lists of chunks in them."""

    def __init__(self, path: Path, lists: dict[str, object]) -> None:
        self.path, self.lists = path, lists
        self.data = path / "chunks/data/ab"
        self.data.mkdir(parents=True)

    def said(self, *arguments: str):
        assert arguments == ("snapshots", "--tag", "model-backup,kind=weights")
        paths = {True: ["/srv/models/a", chunks.LIST], False: ["/srv/models/a"]}
        return [[{"id": one, "short_id": one, "paths": paths[said is not None]} for one, said in self.lists.items()]]

    def dump(self, snapshot: str, path: str) -> str:
        assert path == chunks.LIST
        return json.dumps(self.lists[snapshot], indent=1)

    def chunk(self, name: str, age_s: float) -> None:
        path = self.data / name
        path.touch()
        os.utime(path, (NOW.timestamp() - age_s,) * 2)

    @property
    def left(self) -> set[str]:
        return {path.name for path in self.data.iterdir()}


def listed(*names: str) -> dict[str, object]:
    return {"version": 1, "files": [{"chunks": [name]} for name in names]}


def test_chunks_that_no_kept_backup_names_go_unless_they_are_new(tmp_path):
    archive = Archive(tmp_path, {"1111": listed("one", "both"), "2222": listed("both", "two"), "3333": None})
    for name in ("one", "two", "both", "old"):
        archive.chunk(name, chunks.GRACE_S + 1)
    archive.chunk("being-uploaded", chunks.GRACE_S - 1)
    assert chunks.prune(archive, NOW.timestamp()) == 1  # type: ignore[arg-type]
    assert archive.left == {"one", "two", "both", "being-uploaded"}
    assert chunks.prune(archive, NOW.timestamp()) == 0  # type: ignore[arg-type]


@pytest.mark.parametrize("said", [[], {}, {"files": [{}]}, {"files": 1}, "cut off"])
def test_a_list_that_cannot_be_read_removes_nothing(tmp_path, said):
    archive = Archive(tmp_path, {"1111": listed("one"), "2222": said})
    archive.chunk("old", chunks.GRACE_S + 1)
    with pytest.raises(UpkeepError, match="no chunk was removed: the list of them in snapshot 2222 cannot be read"):
        chunks.prune(archive, NOW.timestamp())  # type: ignore[arg-type]
    assert archive.left == {"old"}


def test_a_chunk_that_cannot_be_removed_is_said_and_keeps_nobody_else_from_being_pruned(tmp_path, monkeypatch):
    archive = Archive(tmp_path, {})
    archive.chunk("old", chunks.GRACE_S + 1)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(UpkeepError, match=r"not all chunks that no backup names were removed: .*Permission denied"):
        chunks.prune(archive, NOW.timestamp())  # type: ignore[arg-type]


def test_no_fast_tier_no_chunks(tmp_path):
    archive = Archive(tmp_path, {})
    archive.path = tmp_path / "elsewhere"
    assert chunks.prune(archive, NOW.timestamp()) == 0  # type: ignore[arg-type]


class Keys:
    """The store's key to a simulated repository: whether it opens it, and how often somebody tried."""

    def __init__(self, repository: Path, *, opens: bool) -> None:
        self.repository, self.opens, self.tried, self.added = repository, opens, 0, 0
        (self.file,) = (repository / "keys").iterdir()

    def tries(self, path: Path, mine: str) -> dict[str, str] | None:
        self.tried += 1
        opened = {"key": hashlib.sha256(mine.encode()).hexdigest(), "file": self.file.name}
        return opened if self.opens and path == self.repository else None

    def adds(self, *_: object) -> list[str]:
        self.added, self.opens = self.added + 1, True
        return [self.file.name]


@pytest.fixture
def simulated(repository, monkeypatch):
    def made(*, opens: bool) -> Keys:
        found = Keys(repository, opens=opens)
        monkeypatch.setattr(keys, "key", lambda _: "the store's own")
        monkeypatch.setattr(keys, "_opens", found.tries)
        monkeypatch.setattr(keys, "_add", found.adds)
        return found

    return made


def let_in(repository: Path) -> keys.Answer:
    settings = Settings(repository.parent, 0, ("gpu1",), {}, 0, None)
    return keys.add_keys(settings, {"gpu1": "the host's"}, repository.parent / "opened.json")["gpu1"]


def test_a_key_is_let_in_once_and_then_not_even_tried(repository, simulated):
    found = simulated(opens=False)
    assert [let_in(repository).changed for _ in range(3)] == [True, False, False]
    assert (found.tried, found.added) == (1, 1)


@pytest.mark.parametrize(("user", "host", "tried"), [("root", "gpu1", 0), ("prune", "gpu1", 0), ("prune", "store", 1)])
def test_a_key_that_is_marked_as_somebody_else_s_is_not_tried(repository, simulated, user, host, tried):
    found = simulated(opens=False)
    found.file.write_text(json.dumps({"username": user, "hostname": host, "kdf": "scrypt"}))
    assert let_in(repository).changed
    assert (found.tried, found.added) == (tried, 1)


@pytest.mark.parametrize("change", ["file rots", "file goes", "another key", "record rots"])
def test_a_key_is_tried_again_when_anything_of_it_changed(repository, simulated, monkeypatch, change):
    found = simulated(opens=True)
    let_in(repository)
    if change == "file rots":
        found.file.write_text("rot")
    elif change == "file goes":
        found.file.unlink()
    elif change == "another key":
        monkeypatch.setattr(keys, "key", lambda _: "another one")
    else:
        (repository.parent / "opened.json").write_text("{")
    let_in(repository)
    # Where no key may be the store's, there is nothing to try.
    assert (found.tried, found.added) == ((1, 1) if change == "file goes" else (2, 0))


def test_a_host_without_a_repository_is_no_error(tmp_path):
    settings = Settings(tmp_path, 0, ("gpu1",), {}, 0, None)
    assert keys.add_keys(settings, {"gpu1": "x"}, tmp_path / "opened.json") == {"gpu1": keys.Answer(changed=False)}


def test_a_key_that_cannot_be_let_in_says_why_and_keeps_no_other_out(repository, simulated, monkeypatch):
    simulated(opens=False)

    def refuses(*_: object) -> None:
        raise UpkeepError("wrong password")

    monkeypatch.setattr(keys, "_add", refuses)
    assert let_in(repository) == keys.Answer(changed=False, error="wrong password")
