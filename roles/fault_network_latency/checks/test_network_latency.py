"""After a latency, nothing of a drill is in the packet filter or before an interface, and no packet is held."""


def test_no_rule_is_left(host):
    with host.sudo():
        rules = host.run("nft list ruleset")
    assert rules.rc == 0, rules.stderr
    assert [line for line in rules.stdout.splitlines() if " queue num 8212 " in line or " drill_" in line] == []


def test_no_interface_is_slow(host):
    queues = host.run("tc qdisc show")
    assert queues.rc == 0, queues.stderr
    assert [line for line in queues.stdout.splitlines() if " htb 8212: " in line or " netem " in line] == []


def test_no_packet_is_held(host):
    # The program may be there until the lease ends, with nothing in its hands: the third number of a queue's line.
    queues = host.run("test ! -e /proc/net/netfilter/nfnetlink_queue || cat /proc/net/netfilter/nfnetlink_queue")
    assert queues.rc == 0, queues.stderr
    assert [line for line in queues.stdout.splitlines() if line.split()[2] != "0"] == []
