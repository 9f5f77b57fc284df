"""What the load balancer saw of the fault's targets, as far as its statistics were read."""

from collections.abc import Iterable, Sequence

from drill_runner.model.base import Interval
from drill_runner.model.sample import PoolSample, Sample

SERVING = frozenset({"UP", "no check"})


def looks(samples: Iterable[Sample], until: float) -> tuple[PoolSample, ...]:
    """The answers of the statistics asked before `until`, in order."""
    found = (sample for sample in samples if isinstance(sample, PoolSample) and sample.servers)
    return tuple(sorted((look for look in found if look.asked < until), key=lambda look: (look.asked, repr(look))))


def replicas(seen: Sequence[PoolSample], targets: Sequence[str]) -> tuple[str, ...]:
    """The targets that the pool has ever named; all of them, if it has named none: then nothing can be told apart.

    A target that is no replica, such as a store, can neither leave the pool nor come back to it.
    """
    known = {server for look in seen for server in look.servers}
    return tuple(target for target in targets if target in known) or tuple(targets)


def left(seen: Sequence[PoolSample], target: str, since: float) -> Interval | None:
    """When `target` left the pool after `since`: between the last look that had it serving and the first that had not.

    None if it was never seen to leave, or had left before.
    """
    before: PoolSample | None = None
    for look in _of(seen, target):
        if look.answered >= since and not _serves(look, target):
            if before is None or not _serves(before, target):
                return None
            return Interval(lower=before.asked, upper=max(before.asked, look.answered))
        before = look
    return None


def came_back(seen: Sequence[PoolSample], target: str, since: float) -> Interval | None:
    """When `target` came back for good after `since`; None if it never left, or is not back at the end."""
    known = _of(seen, target)
    away = [look for look in known if look.answered >= since and not _serves(look, target)]
    back = [look for look in known if away and look.asked > away[-1].asked]
    return Interval(lower=away[-1].asked, upper=max(away[-1].asked, back[0].answered)) if back else None


def _of(seen: Sequence[PoolSample], target: str) -> tuple[PoolSample, ...]:
    return tuple(look for look in seen if target in look.servers)


def _serves(look: PoolSample, target: str) -> bool:
    return look.servers[target] in SERVING
