"""After a narrow link, nothing of a drill is in the packet filter or before an interface."""


def test_no_rule_is_left(host):
    with host.sudo():
        tables = host.run("nft list tables")
    assert tables.rc == 0, tables.stderr
    assert [line for line in tables.stdout.splitlines() if " drill_" in line] == []


def test_no_interface_is_slow(host):
    queues = host.run("tc qdisc show")
    assert queues.rc == 0, queues.stderr
    assert [line for line in queues.stdout.splitlines() if " htb d211: " in line] == []
