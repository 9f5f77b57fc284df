"""What a JSON file says of itself, before anything else in it is believed."""

import json


def json_object(content: bytes) -> dict[str, object] | None:
    """The object that `content` is, whatever it holds; None if it is none."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def stated_version(content: bytes) -> int | None:
    """The version that an object says it has; None if there is no object, or it says none."""
    version = (json_object(content) or {}).get("version")
    return version if isinstance(version, int) else None
