"""Nothing keeps a question from its name server but a lease that is still there, and then serving did without."""

import re


def test_no_rule_outlives_its_lease(host):
    with host.sudo():
        tables = host.run("nft list tables")
        leases = host.run("test ! -e /var/lib/drill-lease || ls /var/lib/drill-lease")
    assert (tables.rc, leases.rc) == (0, 0), tables.stderr + leases.stderr
    known = {"drill_" + re.sub("[^a-z0-9]", "_", lease) for lease in leases.stdout.split()}
    found = {line.split()[-1] for line in tables.stdout.splitlines() if " drill_" in line}
    assert found - known == set()
