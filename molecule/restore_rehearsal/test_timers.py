"""Each host's timer is there, is right, and goes when the host does."""

testinfra_hosts = ["ansible://store1"]


def shown(host, unit, *properties: str):
    said = host.run(f"systemctl show {unit} --property={','.join(properties)}").stdout
    return dict(line.split("=", 1) for line in said.splitlines())


def test_the_timer_of_a_host_waits_for_its_hour(host):
    found = shown(host, "restore-rehearsal@gpu1.timer", "ActiveState", "UnitFileState", "TimersCalendar", "Persistent")
    assert found["ActiveState"] == "active"
    assert found["UnitFileState"] == "enabled"
    assert "OnCalendar=Sat *-*-* 03:00" in found["TimersCalendar"]
    assert found["Persistent"] == "yes"


def test_the_timer_of_a_dropped_host_is_gone(host):
    found = shown(host, "restore-rehearsal@gpu2.timer", "ActiveState", "UnitFileState")
    assert found == {"ActiveState": "inactive", "UnitFileState": "disabled"}


def test_it_rehearses_that_host_from_that_place(host):
    command = shown(host, "restore-rehearsal@gpu1.service", "ExecStart")["ExecStart"]
    assert "playbooks/rehearse_restore.yml -e rehearse_of=gpu1 -e rehearse_from=copy" in command
    assert "/opt/simulated-project/.venv/bin/ansible-playbook" in command
