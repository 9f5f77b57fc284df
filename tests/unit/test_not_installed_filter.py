"""Which packages a host lacks, by what dpkg-query says of it."""

import pytest

from plugins.filter.not_installed import not_installed

SAID = ["debian-13", "package haproxy installed", "package socat config-files", "package podman unpacked"]


@pytest.mark.parametrize(
    ("packages", "missing"),
    [
        (["haproxy"], []),
        (["zstd", "haproxy", "socat", "podman", "ha"], ["zstd", "socat", "podman", "ha"]),
        ([], []),
    ],
)
def test_only_what_is_completely_installed_is_there(packages: list[str], missing: list[str]) -> None:
    assert not_installed(packages, SAID) == missing


def test_a_host_that_says_nothing_has_nothing() -> None:
    assert not_installed(["haproxy"], []) == ["haproxy"]
