"""Who stands in an htpasswd file. Real bcrypt, real file: molecule."""

from plugins.modules.htpasswd_users import parse, wanted_hashes


def make(password: str) -> str:
    return f"simulated-hash-of-{password}"


def fits(password: str, digest: str) -> bool:
    return digest == make(password)


def wanted(old: dict[str, str], users: dict[str, str]) -> dict[str, str]:
    return wanted_hashes(old, users, fits=fits, make=make)


def test_a_file_is_read_with_its_comments_and_colons() -> None:
    assert parse("# made by hand\n\ngpu1:$2b$08$abc\n gpu2:a:b \n") == {"gpu1": "$2b$08$abc", "gpu2": "a:b"}


def test_exactly_the_wanted_users_stay() -> None:
    old = {"gone": make("x"), "gpu1": make("p1")}
    assert wanted(old, {"gpu2": "p2", "gpu1": "p1"}) == {"gpu1": make("p1"), "gpu2": make("p2")}


def test_a_hash_that_fits_is_kept() -> None:
    salted = {"gpu1": "another-hash-of-p1"}
    kept = wanted_hashes(salted, {"gpu1": "p1"}, fits=lambda p, d: d.endswith(p), make=make)
    assert kept == salted


def test_a_new_password_makes_a_new_hash() -> None:
    assert wanted({"gpu1": make("old")}, {"gpu1": "new"}) == {"gpu1": make("new")}


def test_the_order_is_always_the_same() -> None:
    assert list(wanted({}, {"b": "1", "a": "2"})) == ["a", "b"]
