"""After a lossy network, nothing of a drill is in the packet filter."""


def test_no_rule_is_left(host):
    with host.sudo():
        tables = host.run("nft list tables")
    assert tables.rc == 0, tables.stderr
    assert [line for line in tables.stdout.splitlines() if " drill_" in line] == []
