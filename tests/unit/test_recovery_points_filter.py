"""The recovery point that a rehearsal writes down. On restored data: tests/integration/test_rehearsal.py."""

import json

import pytest
from ansible.errors import AnsibleFilterError

from plugins.filter.recovery_points import recovery_points

MARKER = {"kind": "weights", "snapshot": "1a2b", "marker": 7, "rpo_s": 3600, "begun": 990.04, "ended": 995.0}


def test_the_marker_was_written_between_two_instants():
    assert recovery_points([json.dumps(MARKER)], "1000.0") == [
        {"kind": "weights", "snapshot": "1a2b", "marker": 7, "rpo_s": 3600, "rpa_lower_s": 5.0, "rpa_upper_s": 10.0}
    ]


@pytest.mark.parametrize("text", ["", "no JSON", "[]", json.dumps({**MARKER, "ended": None})])
def test_what_is_no_marker_is_shown(text):
    with pytest.raises(AnsibleFilterError, match="this is no marker"):
        recovery_points([text], 1000.0)


def test_a_marker_without_its_begin_is_refused_by_name():
    with pytest.raises(AnsibleFilterError, match="begun"):
        recovery_points([json.dumps({key: value for key, value in MARKER.items() if key != "begun"})], 1000.0)
