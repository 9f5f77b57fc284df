#!/usr/bin/env python3
"""Make the smallest OCI archive, and its digest beside it. Usage: make_image.py ARCHIVE"""

import gzip
import hashlib
import io
import json
import sys
import tarfile
from pathlib import Path

ARCHIVE = Path(sys.argv[1])
FILES: dict[str, bytes] = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}'}


def blob(content: bytes, kind: str) -> dict[str, str | int]:
    """Add a blob; return its descriptor."""
    digest = hashlib.sha256(content).hexdigest()
    FILES[f"blobs/sha256/{digest}"] = content
    return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(content)}


layer = bytes(10240)  # an empty tar
diff = f"sha256:{hashlib.sha256(layer).hexdigest()}"
config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [diff]}}
manifest = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "config": blob(json.dumps(config).encode(), "config.v1+json"),
    "layers": [blob(gzip.compress(layer, mtime=0), "layer.v1.tar+gzip")],
}
descriptor = blob(json.dumps(manifest).encode(), "manifest.v1+json")
FILES["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [descriptor]}).encode()
with tarfile.open(ARCHIVE, "w") as archive:
    for name, content in FILES.items():
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
Path(f"{ARCHIVE}.digest").write_text(f"{descriptor['digest']}\n")
