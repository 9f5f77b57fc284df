"""What keeps a drill from doing more than was agreed on. Each rail refuses the plan, or says what it found."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from drill_runner.errors import UsageError
from drill_runner.model.drill import Drill
from drill_runner.model.inventory import Inventory
from drill_runner.model.plan import BACKUP_CHECK, GuardRail, Lease
from drill_runner.plan.leases import until_recovered_s


@dataclass(frozen=True)
class Draft:
    """A plan that may still be refused."""

    where: str
    """The drill's file, as messages call it."""
    drill: Drill
    leases: tuple[Lease, ...]
    inventory: Inventory

    @property
    def faults_on(self) -> Counter[str]:
        """How many faults meet on each target."""
        return Counter(name for lease in self.leases for name in dict.fromkeys(lease.targets))

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups that are broken, once each: of those that a fault is for, the ones that its targets are in."""
        return tuple(dict.fromkeys(group for lease in self.leases for group in self._broken(lease)))

    def _broken(self, lease: Lease) -> Iterator[str]:
        for group in lease.fault.manifest.groups:
            if any(host.name in lease.targets for host in self.inventory.group(group)):
                yield group


def guard_rails(draft: Draft) -> tuple[GuardRail, ...]:
    """What every rail says of the draft.

    Raises:
        UsageError: One of them refuses it.
    """
    return tuple(rail for check in CHECKS for rail in check(draft))


def with_backup_check(drill: Drill, leases: tuple[Lease, ...]) -> Drill:
    """The drill, which checks the backups before it takes bytes away."""
    if not _destructive(leases) or BACKUP_CHECK in drill.steady_state:
        return drill
    return replace(drill, steady_state=(*drill.steady_state, BACKUP_CHECK))


def _targets(draft: Draft) -> Iterator[GuardRail]:
    known = {host.name: host for host in draft.inventory.hosts}
    for index, lease in enumerate(draft.leases):
        where, groups = f"{draft.where}: faults[{index}].targets", lease.fault.manifest.groups
        for name in lease.targets:
            if name not in known:
                raise UsageError(
                    f"{where}: {name} is not in {draft.inventory.source}; expected one of {', '.join(known)}"
                )
            if known[name].groups.isdisjoint(groups):
                hosts = dict.fromkeys(host.name for group in groups for host in draft.inventory.group(group))
                fits, which = ", ".join(hosts) or "which has no hosts here", "group" if len(groups) == 1 else "groups"
                raise UsageError(
                    f"{where}: {name} is not in {' or '.join(groups)}, the {which} that {lease.fault.name} breaks; "
                    f"expected {fits}"
                )
            if not known[name].drill_allowed:
                raise UsageError(
                    f"{draft.inventory.source}: drill_allowed of {name}: must be true before {lease.fault.name} "
                    "may break it"
                )
    yield GuardRail(name="drill_allowed", says=f"{', '.join(draft.faults_on)}: the inventory allows it")


def _limits(draft: Draft) -> Iterator[GuardRail]:
    for index, lease in enumerate(draft.leases):
        needed = until_recovered_s(draft.drill, [later.fault for later in draft.leases[index:]])
        if lease.limit_s < needed:
            raise UsageError(
                f"{draft.where}: faults[{index}].time_limit_s: {lease.limit_s:g} s; expected at least the {needed:g} s "
                "that effect, detection and recovery may take, or the target's own undo could pass for the recovery"
            )
        yield GuardRail(
            name=f"faults[{index}].time_limit_s",
            says=f"the targets undo {lease.fault.name} by themselves after {lease.limit_s:g} s",
        )


def _faults_per_host(draft: Draft) -> Iterator[GuardRail]:
    most = draft.drill.blast_radius.faults_per_host
    for name, count in draft.faults_on.items():
        if count > most:
            uses = [f"faults[{index}]" for index, lease in enumerate(draft.leases) if name in lease.targets]
            raise UsageError(
                f"{draft.where}: blast_radius.faults_per_host: {' and '.join(uses)} would meet on {name}; "
                f"expected at most {most} on a host"
            )
    yield GuardRail(
        name="blast_radius.faults_per_host", says=f"{max(draft.faults_on.values())} on a host, at most {most}"
    )


def _max_hosts(draft: Draft) -> Iterator[GuardRail]:
    broken, most = draft.faults_on, draft.drill.blast_radius.max_hosts
    if len(broken) > most:
        raise UsageError(
            f"{draft.where}: blast_radius.max_hosts: {len(broken)} hosts ({', '.join(broken)}) would be broken; "
            f"expected at most {most}"
        )
    yield GuardRail(name="blast_radius.max_hosts", says=f"{len(broken)} would be broken, at most {most}")


def _max_percent(draft: Draft) -> Iterator[GuardRail]:
    most = draft.drill.blast_radius.max_percent
    if most is None:
        return
    for group in draft.groups:
        members = draft.inventory.group(group)
        broken = sum(host.name in draft.faults_on for host in members)
        share = f"{broken} of {len(members)} hosts of {group} ({100 * broken / len(members):.3g} %)"
        if 100 * broken > most * len(members):
            raise UsageError(
                f"{draft.where}: blast_radius.max_percent: {share} would be broken; expected at most {most:g} %"
            )
        yield GuardRail(name="blast_radius.max_percent", says=f"{share} would be broken, at most {most:g} %")


def _keep_serving(draft: Draft) -> Iterator[GuardRail]:
    least = draft.drill.blast_radius.keep_serving
    for group in draft.groups:
        left = sum(host.name not in draft.faults_on for host in draft.inventory.group(group))
        if left < least:
            raise UsageError(
                f"{draft.where}: blast_radius.keep_serving: {left} of {group} would be left untouched; "
                f"expected at least {least}"
            )
        yield GuardRail(
            name="blast_radius.keep_serving", says=f"{left} of {group} would be left untouched, at least {least}"
        )


def _backup(draft: Draft) -> Iterator[GuardRail]:
    if names := _destructive(draft.leases):
        added = "" if BACKUP_CHECK in draft.drill.steady_state else "; added, since the drill does not name it"
        yield GuardRail(
            name=BACKUP_CHECK,
            says=f"{', '.join(names)} takes bytes away, so the steady state includes fresh and verified backups{added}",
        )


def _windows(draft: Draft) -> Iterator[GuardRail]:
    """Whether one is open is asked when the run starts."""
    said: dict[str, list[str]] = {}
    for host in draft.inventory.hosts:
        if host.name in draft.faults_on:
            said.setdefault(", ".join(host.drill_windows) or "at any time", []).append(host.name)
    for when, names in said.items():
        yield GuardRail(name="drill_windows", says=f"{', '.join(names)}: {when}")


def _approvers(draft: Draft) -> Iterator[GuardRail]:
    """Whether somebody did is asked when the run starts."""
    named = draft.inventory.drill_approvers
    says = f"somebody of {named} must approve it, other than who runs it" if named else "nobody else has to approve it"
    yield GuardRail(name="drill_approvers", says=says)


def _destructive(leases: tuple[Lease, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(lease.fault.name for lease in leases if lease.fault.manifest.destructive))


CHECKS: tuple[Callable[[Draft], Iterator[GuardRail]], ...] = (
    _targets,
    _limits,
    _faults_per_host,
    _max_hosts,
    _max_percent,
    _keep_serving,
    _backup,
    _windows,
    _approvers,
)
"""In the order in which a person would want to know."""
