"""A watch: the client's place without a drill, for maintenance windows, real outages, and breakages by hand."""

import time
from collections.abc import Callable
from pathlib import Path

from drill_runner.drill.folder import new_folder
from drill_runner.drill.judged import judged, utc_now
from drill_runner.drill.progress import Progress
from drill_runner.drill.versions import versions
from drill_runner.journal import Journal
from drill_runner.model.plan import Phase, Watch
from drill_runner.model.record import Interrupted, PhaseEnded, PhaseStarted, RunEnded, RunStarted
from drill_runner.model.result import Result
from drill_runner.observe.process import Observer, ObserverDiedError, config_for

LOOK_EVERY_S = 0.1


def watch(watch: Watch, folder: Path, *, progress: Progress, stop: Callable[[], str | None]) -> Result:
    """Watch until the time is over or somebody ends it, and judge what was seen.

    Being ended is how a watch ends: it is judged by what it saw until then.

    Args:
        watch: What to watch, and how.
        folder: For what it leaves; made if it is not there, and must be empty.
        progress: Told what happens.
        stop: Why to end it, once there is a reason; asked all the time.

    Raises:
        UsageError: The folder is not empty, or cannot be written.
    """
    new_folder(folder, watch)
    with Journal(folder / "journal.jsonl") as journal:
        journal.write(RunStarted(at=time.monotonic(), utc=utc_now(), run_id=watch.run_id, versions=versions(watch)))
        observer = Observer(config_for(watch.endpoint, watch.probe), folder / "samples.jsonl")
        problem: str | None = None
        try:
            with observer:
                journal.write(PhaseStarted(at=time.monotonic(), phase=Phase.OBSERVE))
                progress.phase(Phase.OBSERVE, watch.summary)
                _look(watch, observer, progress, stop)
        except ObserverDiedError as error:
            problem = str(error)
            progress.note(problem)
            journal.write(Interrupted(at=time.monotonic(), why=problem))
        finally:
            journal.write(PhaseEnded(at=time.monotonic(), phase=Phase.OBSERVE, problem=problem))
            journal.write(RunEnded(at=time.monotonic(), utc=utc_now(), reverted=True))
    return judged(folder)


def _look(watch: Watch, observer: Observer, progress: Progress, stop: Callable[[], str | None]) -> None:
    started = time.monotonic()
    progress.doing(f"watching for {watch.seconds:g} s" if watch.seconds else "watching until Ctrl-C")
    while watch.seconds is None or time.monotonic() - started < watch.seconds:
        progress.seen(observer.poll())
        if why := stop():
            progress.note(f"the watch ends: {why}")
            return
        time.sleep(LOOK_EVERY_S)
