"""Playbooks, and what they tell a drill: effects, leases, evidence, backups, failures."""

from drill_runner.execute.playbook import answering, run_playbook
from drill_runner.execute.told import Effect, EffectOn, LeaseFound, PlaybookRun, RenewalOn, Status

__all__ = ["Effect", "EffectOn", "LeaseFound", "PlaybookRun", "RenewalOn", "Status", "answering", "run_playbook"]
