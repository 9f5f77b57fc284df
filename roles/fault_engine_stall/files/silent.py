"""Exits with 0 when an engine says that it is healthy and gives no token."""

import json
import sys
import urllib.error
import urllib.request
from pathlib import Path

PATIENCE_S = 1.0
OK = 200

url, model, key_file = sys.argv[1], sys.argv[2], sys.argv[3] if sys.argv[3:] else ""

try:
    with urllib.request.urlopen(f"{url}/health", timeout=PATIENCE_S) as answer:  # noqa: S310
        healthy = answer.status == OK
except OSError as trouble:
    sys.exit(f"{url}/health does not say that all is well: {trouble}")
if not healthy:
    sys.exit(f"{url}/health answers {answer.status}")

body = json.dumps({"model": model, "prompt": "1, 2, 3,", "max_tokens": 1, "temperature": 0}).encode()
headers = {"Content-Type": "application/json"}
if key_file:
    headers["Authorization"] = f"Bearer {Path(key_file).read_text().strip()}"
request = urllib.request.Request(f"{url}/v1/completions", data=body, headers=headers)  # noqa: S310
try:
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310
        answer.read()
except urllib.error.HTTPError as refused:
    sys.exit(f"{url}/v1/completions answers {refused.code}")
except TimeoutError:
    sys.stdout.write(f"{url}/health answers {OK}, and no token came within {PATIENCE_S:g} s\n")
    sys.exit(0)
except urllib.error.URLError as trouble:
    sys.exit(f"{url}/v1/completions: {trouble}")
sys.exit(f"{url}/v1/completions gives a token")
