"""No fault is armed on any host, and nothing of one is left."""

from testinfra.host import Host

testinfra_hosts = ["ansible://all"]

FOLDER = "/var/lib/drill-lease"


def test_no_lease_folder(host: Host) -> None:
    found = host.run("test ! -e %s || find %s -mindepth 1 -maxdepth 1 -printf %s", FOLDER, FOLDER, "%f\\n")
    assert found.rc == 0, found.stderr
    assert found.stdout.split() == []


def test_no_lease_unit(host: Host) -> None:
    # Loaded ones, failed ones, and files that would start something at the next boot.
    found = host.run(
        "systemctl list-units --all --plain --no-legend %s; systemctl list-unit-files --plain --no-legend %s",
        "drill-lease-*",
        "drill-lease-*",
    )
    assert (found.rc, found.stderr) in {(0, ""), (1, "")}, found.stderr  # 1: no such file, which is right
    assert sorted({line.split()[0] for line in found.stdout.splitlines() if line.strip()}) == []
