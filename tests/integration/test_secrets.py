"""No secret of the lab can be read where others look: process lists, logs, what Ansible leaves on hosts."""

import pytest

from tests.integration.conftest import TRIES

testinfra_hosts = ["ansible://lab"]

PLACES = {
    "process list": "ps axww -o args",
    "journal": "journalctl --no-pager -o cat",
    "logs": "find /var/log -type f -name *.log -exec cat {} +",
    "left by Ansible": "find /home/ops /root /tmp /var/tmp -xdev -type f -size -1024k -exec cat {} +",
}


@pytest.mark.parametrize("place", PLACES)
def test_no_secret_can_be_read(host, secrets, place):
    for _ in range(TRIES):  # a file may go while it is looked for
        seen = host.run(f"sudo {PLACES[place]}")
        if seen.rc == 0:
            break
    assert seen.rc == 0, seen.stderr
    assert [name for name, value in secrets.items() if value in seen.stdout] == []


def test_secrets_are_files_that_only_their_owner_reads(secrets, state):
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in (state / "secrets").iterdir()}
    assert set(modes) == set(secrets)
    assert set(modes.values()) == {"0o600"}
    assert oct(state.stat().st_mode & 0o777) == "0o700"
