"""Who may do what at the store: TLS from our own authority, one identity for each host, nothing can be taken away."""

import base64
import hashlib
import os
import ssl
import urllib.parse
from http.client import HTTPResponse, HTTPSConnection
from pathlib import Path

import pytest
from testinfra.utils.ansible_runner import AnsibleRunner

from tests.waiting import PATIENCE_S

testinfra_hosts = ["ansible://store1"]

STATE = Path.home() / ".local/state/drill_runner/drill-molecule"
REGISTRY, REPOSITORY = 5000, 8000


# Passwords are read where they are used: a failing test prints its arguments.
SECRETS = {"gpu1": "backup_login_gpu1", "drill": "image_registry"}


@pytest.fixture
def ask(host):
    """Send one request over TLS; trusts our own authority and nobody else."""
    inventory = host.backend.ansible_inventory
    trust = ssl.create_default_context(cafile=str(STATE / "pki/ca.crt"))

    def send(port, method, path, login=None, body=None, *, more=None, at="store1") -> HTTPResponse:
        address = AnsibleRunner.get_runner(inventory).get_variables(at)["ansible_host"]
        headers = {"Accept": "application/vnd.oci.image.manifest.v1+json"} | (more or {})
        if login:
            pair = login if ":" in login else f"{login}:{(STATE / 'secrets' / SECRETS[login]).read_text().strip()}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        connection = HTTPSConnection(address, port, context=trust, timeout=PATIENCE_S)
        connection.request(method, urllib.parse.quote(path), body, headers)
        return connection.getresponse()

    return send


@pytest.mark.parametrize("port", [REGISTRY, REPOSITORY])
def test_others_do_not_trust_its_certificate(host, port):
    answer = host.run(f"curl -s https://127.0.0.1:{port}/")
    assert answer.rc == 60, "curl's code for a certificate that nobody vouches for"


@pytest.mark.parametrize(("port", "path"), [(REGISTRY, "/v2/"), (REPOSITORY, "/gpu1/config")])
@pytest.mark.parametrize("login", [None, "gpu1:wrong", "drill:wrong"])
def test_nobody_gets_in_without_a_password(ask, port, path, login):
    assert ask(port, "GET", path, login).status == 401


def test_the_registry_serves_the_pushed_digest(ask):
    digest = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "empty.oci.tar.digest").read_text().strip()
    answer = ask(REGISTRY, "GET", f"/v2/molecule/empty/manifests/{digest}", "drill")
    assert (answer.status, answer.headers["Docker-Content-Digest"]) == (200, digest)


def test_a_host_adds_and_reads_but_never_deletes_or_overwrites(ask):
    ask(REPOSITORY, "POST", "/gpu1/molecule/?create=true", "gpu1").read()
    path = f"/gpu1/molecule/keys/{hashlib.sha256(b'kept').hexdigest()}"
    first = ask(REPOSITORY, "POST", path, "gpu1", b"kept").status
    assert first in {200, 403}, "403 when an earlier run left it there: it cannot be deleted"
    assert ask(REPOSITORY, "POST", path, "gpu1", b"kept").status == 403
    assert ask(REPOSITORY, "POST", path, "gpu1", b"other").status in {400, 403}
    assert ask(REPOSITORY, "DELETE", path, "gpu1").status == 403
    answer = ask(REPOSITORY, "GET", path, "gpu1")
    assert (answer.status, answer.read()) == (200, b"kept")


def test_a_host_does_not_see_another_ones_backups(ask):
    assert ask(REPOSITORY, "GET", "/gpu2/config", "gpu1").status == 401


def test_a_full_store_takes_nothing_more(ask):
    # Only announced: the server refuses before it reads.
    answer = ask(
        REPOSITORY, "POST", f"/gpu1/molecule/data/{'0' * 64}", "gpu1", b"", more={"Content-Length": str(2**31)}
    )
    assert answer.status in {413, 507}


def test_what_opens_the_first_store_does_not_open_the_second(ask):
    assert ask(REPOSITORY, "HEAD", "/gpu1/config", "gpu1").status == 200
    assert ask(REPOSITORY, "HEAD", "/gpu1/config", "gpu1", at="store2").status == 401


@pytest.mark.parametrize(
    ("path", "group"),
    [
        ("/etc/docker/registry/tls.pem", "docker-registry"),
        ("/etc/docker/registry/htpasswd", "docker-registry"),
        ("/etc/restic-rest-server/tls.pem", "restic-rest-server"),
        ("/etc/restic-rest-server/users.htpasswd", "restic-rest-server"),
    ],
)
def test_keys_and_hashes_are_for_their_service_only(host, path, group):
    with host.sudo():
        file = host.file(path)
        assert (file.user, file.group, oct(file.mode)) == ("root", group, "0o640")


def test_passwords_are_hashed_and_users_are_exactly_the_hosts(host):
    with host.sudo():
        lines = host.file("/etc/restic-rest-server/users.htpasswd").content_string.splitlines()
    assert {line.split(":")[0] for line in lines} == {"gpu1", "gpu2", "lb1"}, "the clients of backups"
    assert all(line.split(":")[1].startswith("$2b$") for line in lines)


def test_the_authority_stays_on_the_controller(host):
    assert oct((STATE / "pki/private/ca.key").stat().st_mode)[-3:] == "600"
    key = (STATE / "pki/private/ca.key").read_text().splitlines()[1]
    with host.sudo():
        found = host.run(f"grep -rlF -- '{key}' /etc /root /home /var/lib /tmp")
    assert found.rc == 1, found.stdout
