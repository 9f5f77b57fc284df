"""The stages of a drill, in order. Each does one thing, or raises DrillOverError with the reason why it is over."""

import time

from drill_runner.drill.folder import keep_evidence
from drill_runner.drill.session import DrillOverError, Session
from drill_runner.model.base import Interval
from drill_runner.model.fault import Scalar
from drill_runner.model.plan import Lease, Phase
from drill_runner.model.record import DelayDrawn, Detected, EffectMissing, EffectShown, EvidenceCollected, Whole

STEADY_WITHIN_S = 60.0
"""How long a service may take to be good without a break before the drill gives up on it."""
ALERTMANAGER_WITHIN_S = 5.0
"""It was asked all the time while the checks ran."""
NOTICE_S = 3.0
"""A replica that never left the pool so long after the effect was never missed by it."""
PLAYBOOK_SPARE_S = 120.0
EVIDENCE_WITHIN_S = 45.0
"""Evidence is worth no longer a wait: the revert comes after it."""
EVIDENCE_SPARE_S = 60.0
"""Hosts look back by their own clock, which may be off; older lines do no harm."""
LOAD_BALANCERS = "load_balancers"
"""The inventory's group."""


def steady_state(session: Session) -> None:
    """What must hold before anything is broken."""
    drill = session.plan.drill
    started = time.monotonic()
    with session.phase(Phase.STEADY_STATE):
        bad = [check for check in session.check(Phase.STEADY_STATE, drill.steady_state) if check.outcome != "passed"]
        if bad:
            raise DrillOverError(f"no steady state: {bad[0].name}: {bad[0].message or bad[0].outcome}")
        checked, view = time.monotonic(), session.view
        # Clients are watched while the checks run; one answer more shows that it did not end with them.
        good = session.wait(
            lambda: (
                min(view.good_for(time.monotonic()), time.monotonic() - started) >= drill.steady_s
                and view.last_good is not None
                and view.last_good >= checked
            ),
            f"{drill.steady_s:g} s of good answers without a break",
            drill.steady_s + STEADY_WITHIN_S,
        )
        if not good:
            raise DrillOverError(f"no steady state: clients were not answered well; last: {session.view.last_failure}")
        _enough_serve(session)
        _quiet(session)
        _drawn_wait(session)


def _enough_serve(session: Session) -> None:
    """The blast radius against the pool as it is, not as the inventory has it."""
    pool = session.view.pool
    if pool is None:
        return
    wanted = session.plan.drill.blast_radius.keep_serving
    left = [server for server, status in pool.servers.items() if status == "UP" and server not in session.plan.targets]
    if len(left) < wanted:
        states = ", ".join(f"{server} {status}" for server, status in sorted(pool.servers.items()))
        raise DrillOverError(f"{len(left)} would be left to serve, blast_radius.keep_serving is {wanted}; now {states}")


def _quiet(session: Session) -> None:
    """An alert that fires already, or cannot be seen, would detect nothing: then nothing is broken for it."""
    detection, view = session.plan.drill.detection, session.view
    if detection is None or detection.alert is None:
        return
    session.wait(lambda: view.firing is not None, "Alertmanager to answer", ALERTMANAGER_WITHIN_S)
    if view.firing is None:
        raise DrillOverError(f"no steady state: Alertmanager never answered; last: {view.alerts_problem}")
    if detection.alert in view.firing:
        raise DrillOverError(f"no steady state: alert {detection.alert} is firing already")


def _drawn_wait(session: Session) -> None:
    """Keep the fault from always meeting the same phase of whatever goes round: checks, probes, reloads, timers."""
    if session.delay is None:
        return
    session.write(DelayDrawn(at=time.monotonic(), delay=session.delay))
    session.wait(lambda: False, f"the moment that was drawn ({session.delay.seconds:.1f} s)", session.delay.seconds)


def inject(session: Session) -> dict[str, Interval]:
    """Arm and start every fault; returns when each target's took hold."""
    effects: dict[str, Interval] = {}
    session.view.count_from(time.monotonic())
    with session.phase(Phase.INJECT):
        for lease in session.plan.leases:
            effects = _inject(session, lease) | effects  # of several faults on a host, the first one's effect counts
    return effects


def _inject(session: Session, lease: Lease) -> dict[str, Interval]:
    limit = lease.limit_s + PLAYBOOK_SPARE_S
    run = session.run(Phase.INJECT, "fault_inject", lease.targets, _variables(session, lease), limit)
    shown = {on.host: on for on in run.effects if on.effect.shown}
    told = {on.host: on.effect.evidence for on in run.effects}
    for host, on in shown.items():
        session.write(
            EffectShown(
                at=time.monotonic(), lease=lease.id, host=host, took_hold=on.took_hold, evidence=on.effect.evidence
            )
        )
        session.progress.note(f"{lease.fault.name} took hold on {host}: {on.effect.evidence}")
    missing = [host for host in lease.targets if host not in shown]
    for host in missing:
        failed = next((text for text in run.failures if text.startswith(f"{host}: ")), None)
        why = failed or told.get(host) or (run.failures[0] if run.failures else "the target reported no effect")
        session.write(EffectMissing(at=time.monotonic(), lease=lease.id, host=host, why=why))
    if missing:
        raise DrillOverError(f"{lease.fault.name} did not take hold on {', '.join(missing)}")
    if not run.ok:
        raise DrillOverError(run.failures[0])
    return {host: on.took_hold for host, on in shown.items()}


def observe(session: Session, effects: dict[str, Interval]) -> None:
    """Wait until somebody other than this program has noticed."""
    detection = session.plan.drill.detection
    with session.phase(Phase.OBSERVE):
        if detection is None:
            return
        hosts = _replicas(session, effects) if detection.load_balancer else set()
        alerts = {detection.alert} if detection.alert else set()

        def noted(by: str, what: str, instant: Interval) -> None:
            session.write(Detected(at=time.monotonic(), by=by, what=what, instant=instant))
            session.progress.note(what)

        def noticed() -> bool:
            for host in sorted(hosts):
                if (left := session.view.left_pool(host, effects[host].lower)) is not None:
                    noted("load_balancer", f"{host} left the pool", left)
                    hosts.discard(host)
            for alert in sorted(alerts):
                if (fired := session.view.fired(alert, min(span.lower for span in effects.values()))) is not None:
                    noted("alert", f"alert {alert} fired", fired)
                    alerts.discard(alert)
            return not hosts and not alerts

        spent = time.monotonic() - max(span.upper for span in effects.values())
        waits = [f"the load balancer to take {', '.join(sorted(hosts))} out of its pool"] if hosts else []
        waits += [f"alert {alert} to fire" for alert in alerts]
        if not session.wait(noticed, " and ".join(waits), max(0.0, detection.within_s - spent)):
            session.progress.note(f"not noticed within {detection.within_s:g} s: {', '.join(sorted(hosts | alerts))}")


def _replicas(session: Session, effects: dict[str, Interval]) -> set[str]:
    """Those of the targets that the load balancer can take out; all of them, if it knows none: that is not noticed."""
    return {host for host in effects if session.view.replica(host)} or set(effects)


def recover(session: Session, effects: dict[str, Interval]) -> None:
    """Run the runbook, or leave the service to itself, until it is whole."""
    drill = session.plan.drill
    started = time.monotonic()
    with session.phase(Phase.RECOVER):
        if drill.recovery.playbook:
            targets = session.plan.targets
            run = session.run(
                Phase.RECOVER,
                drill.recovery.playbook,
                targets,
                {"recover_targets": ",".join(targets)},
                drill.recovery.within_s,
            )
            if not run.ok:
                raise DrillOverError(f"the recovery failed: {run.failures[0]}")
        left = drill.recovery.within_s - (time.monotonic() - started)
        if not session.wait(lambda: _whole(session, effects), "the service to be whole", max(0.0, left)):
            raise DrillOverError(f"the service was not whole {drill.recovery.within_s:g} s after recovery began")
        replicas = [host for host in effects if session.view.replica(host)]
        pool = f"{', '.join(replicas)} in the pool, " if replicas else ""
        what = f"{pool}{drill.probe.good_in_a_row} good answers in a row"
        session.write(Whole(at=time.monotonic(), what=what))
        session.progress.note(f"whole: {what}")
        session.wait(lambda: False, f"anything that comes after ({drill.settle_s:g} s)", drill.settle_s)


def _whole(session: Session, effects: dict[str, Interval]) -> bool:
    view, now = session.view, time.monotonic()
    watched = session.plan.inventory.endpoint.pool_stats_url is not None
    if watched and view.pool is None:
        return False
    for host, effect in effects.items():
        missed = view.left_pool(host, effect.lower) is not None
        # A target that is no replica, such as a store, is its recovery's business and the checks'.
        if view.replica(host) and not (view.up(host) and (missed or now > effect.upper + NOTICE_S)):
            return False
    after = max(effect.upper for effect in effects.values())
    return view.good_in_a_row >= session.plan.drill.probe.good_in_a_row and now > after + NOTICE_S


def postconditions(session: Session) -> None:
    """What must hold afterwards: the drill's checks, and each fault's own."""
    own = tuple(lease.fault.name for lease in session.plan.leases)
    available = [name for name in own if (session.project.roles / f"fault_{name}" / "checks").is_dir()]
    with session.phase(Phase.POSTCONDITIONS):
        session.check(Phase.POSTCONDITIONS, tuple(dict.fromkeys((*session.plan.drill.postconditions, *available))))


def evidence(session: Session) -> None:
    """Ask the hosts what they know, before the revert touches them. Whatever comes of it, the drill goes on."""
    asked = tuple(dict.fromkeys((*session.plan.targets, *_load_balancers(session))))
    looked_back = time.monotonic() - session.started + EVIDENCE_SPARE_S
    variables: dict[str, Scalar] = {"evidence_targets": ",".join(session.plan.targets), "evidence_since_s": looked_back}
    hosts: tuple[str, ...] = ()
    problem: str | None = None
    with session.phase(Phase.EVIDENCE):
        try:
            run = session.run(Phase.EVIDENCE, "evidence", asked, variables, EVIDENCE_WITHIN_S)
            keep_evidence(session.folder, run.evidence)
            hosts = tuple(sorted(one.host for one in run.evidence))
            silent = [host for host in asked if host not in hosts]
            problem = next(iter(run.failures), f"no answer from {', '.join(silent)}" if silent else None)
        except (DrillOverError, OSError) as error:
            problem = str(error)
        if problem:
            session.progress.note(f"evidence is incomplete: {problem}")
        session.write(EvidenceCollected(at=time.monotonic(), hosts=hosts, problem=problem))


def _load_balancers(session: Session) -> tuple[str, ...]:
    return tuple(host.name for host in session.plan.inventory.group(LOAD_BALANCERS))


def revert(session: Session, *, armed: bool) -> None:
    """Remove what is left of every fault. Safe when nothing was injected."""
    session.reverting = True
    session.clean = not armed  # until each of them was shown to be gone, whatever gets in the way
    with session.phase(Phase.REVERT):
        reverted = [_revert(session, lease) for lease in reversed(session.plan.leases if armed else ())]
        session.clean = all(reverted)


def _revert(session: Session, lease: Lease) -> bool:
    variables: dict[str, Scalar] = {
        "fault_name": lease.fault.name,
        "fault_targets": ",".join(lease.targets),
        "fault_lease_id": lease.id,
    }
    run = session.run(Phase.REVERT, "fault_revert", lease.targets, variables, PLAYBOOK_SPARE_S)
    if not run.ok:
        session.progress.note(f"NOT REVERTED: {run.failures[0]}; the target undoes it at its time limit")
    return run.ok


def _variables(session: Session, lease: Lease) -> dict[str, Scalar]:
    return {
        "fault_name": lease.fault.name,
        "fault_targets": ",".join(lease.targets),
        "fault_lease_id": lease.id,
        "fault_lease_limit_s": lease.limit_s,
        "fault_lease_renew_within_s": session.plan.drill.renew_within_s,
        "fault_lease_run": session.plan.run_id,
        **lease.variables,
    }
