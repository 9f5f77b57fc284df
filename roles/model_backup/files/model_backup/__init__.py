"""Back up what a host serves with restic, say how fresh that is, and bring it back verified.

Only weights whose SHA-256 stands in the manifest are archived, and only such weights are put in place: rot neither gets
into a backup that counts as good, nor out of one into service.
"""
