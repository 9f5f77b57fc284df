"""The fast tier's store: a second, plain repository on the same restic REST server, beside restic's own.

The server is just what is needed, and knows nothing of it: objects that are named by their SHA-256, which it checks
when they arrive; a login for each host; append-only; TLS.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import threading
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from model_backup.errors import ChunkError
from model_backup.restic import PORTS

if TYPE_CHECKING:
    from model_backup.settings import Repository

TIMEOUT_S = 60
LIST_V2 = "application/vnd.x.restic.rest.v2"
"""With this the server lists sizes, too."""


class DamagedChunkError(ChunkError):
    """A chunk is missing, or not as long as it should be: others may be all right."""


def beside(path: str) -> str:
    """Name the store's path: the server takes a user's own folder, and folders in it, but none in those."""
    plain = path.rstrip("/")
    return f"{plain}-chunks/" if plain.count("/") > 1 else f"{plain}/chunks/"


class ChunkStore:
    """Connections to the store, one for each thread."""

    def __init__(self, repository: Repository) -> None:
        """Take the address and the login from a rest: repository."""
        url = urlsplit(repository.location.removeprefix("rest:"))
        if not repository.location.startswith("rest:") or not url.hostname:
            raise ChunkError(f"the fast tier needs a rest: repository, which {repository.location} is not")
        user = repository.variables.get("RESTIC_REST_USERNAME") or unquote(url.username or "")
        password = repository.variables.get("RESTIC_REST_PASSWORD") or unquote(url.password or "")
        login = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {login}"}
        self._address = (url.hostname, url.port or PORTS["rest"][True])
        self._base = beside(url.path)
        self._tls = ssl.create_default_context(cafile=repository.authority) if url.scheme == "https" else None
        self._local = threading.local()

    def sizes(self) -> dict[str, int]:
        """List the chunks that are there, with their sizes in bytes; make the store if there is none."""
        response = self._ask("GET", "data/", accept=LIST_V2)
        if response.status == http.client.NOT_FOUND:
            response.read()
            self._expect(self._ask("POST", "?create=true"), "make the fast tier")
            return {}
        body = self._expect(response, "list the fast tier")
        return {item["name"]: item["size"] for item in json.loads(body) or []}

    def put(self, digest: str, chunk: memoryview) -> None:
        """Store one chunk. The server refuses one that does not have that digest."""
        self._expect(self._ask("POST", f"data/{digest}", body=chunk), f"store chunk {digest[:8]}")

    def get(self, digest: str, into: memoryview) -> None:
        """Read one chunk into a buffer of its size. What was read is not compared with the digest here."""
        try:
            response = self._ask("GET", f"data/{digest}")
            self._expect_chunk(response, digest, len(into))
            complete = response.readinto(into) == len(into)
            response.read()  # its end, so that the connection can be used again
        except (OSError, http.client.HTTPException) as error:
            self._forget()
            raise ChunkError(f"cannot read chunk {digest[:8]}: {error}") from error
        if not complete:
            self._forget()
            raise ChunkError(f"chunk {digest[:8]} was cut off")

    def _expect_chunk(self, response: http.client.HTTPResponse, digest: str, size: int) -> None:
        if response.status not in {http.client.OK, http.client.NOT_FOUND}:
            self._expect(response, f"read chunk {digest[:8]}")
        if response.status == http.client.NOT_FOUND or response.length != size:
            self._forget()
            raise DamagedChunkError(f"chunk {digest[:8]} is missing, or does not have {size} bytes")

    def _ask(
        self, method: str, path: str, *, body: memoryview | None = None, accept: str | None = None
    ) -> http.client.HTTPResponse:
        headers = self._headers | ({"Accept": accept} if accept else {})
        if body is not None:
            headers["Content-Length"] = str(len(body))
        for last in (False, True):
            fresh = getattr(self._local, "connection", None) is None
            try:
                connection = self._connection()
                connection.request(method, self._base + path, body=body, headers=headers)
                return connection.getresponse()
            except (OSError, http.client.HTTPException) as error:
                self._forget()
                if last or fresh:  # a connection that was kept may have been closed meanwhile: once more
                    raise ChunkError(f"the fast tier at {self._address[0]} cannot be reached: {error}") from error
        raise AssertionError

    def _connection(self) -> http.client.HTTPConnection:
        if getattr(self._local, "connection", None) is None:
            host, port = self._address
            self._local.connection = (
                http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=self._tls)
                if self._tls
                else http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
            )
        connection: http.client.HTTPConnection = self._local.connection
        return connection

    def _forget(self) -> None:
        connection = getattr(self._local, "connection", None)
        self._local.connection = None
        if connection is not None:
            connection.close()

    def _expect(self, response: http.client.HTTPResponse, doing: str) -> bytes:
        try:
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._forget()
            raise ChunkError(f"cannot {doing}: {error}") from error
        if response.status != http.client.OK:
            raise ChunkError(f"cannot {doing}: {response.status} {response.reason}")
        return body
