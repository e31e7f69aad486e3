"""Workers as actors of Ray (extra ``ray``), on this machine or on a cluster.

Ray Data's own readers give no row numbers, and what they cannot read ends the work. Rows are
therefore read as by every command, and a bounded number of them is one task of an actor.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator

from arae_toolkit.bulk.tasks import Task
from arae_toolkit.bulk.workers import MOST_ATTEMPTS, Part, Record, Worker
from arae_toolkit.errors import ToolkitError

ADDRESS_VARIABLE = "RAY_ADDRESS"


def by_ray(task: Task, output: str, parts: Iterable[Part], workers: int) -> Iterator[Record]:
    """Have parts answered by actors, and yield the record of each as it is done.

    Ray starts an actor anew that was killed, and gives it its part again. Ray itself is started
    here unless it runs already or ``RAY_ADDRESS`` names a cluster.

    Args:
        task: What is asked of the model.
        output: Address of the output folder.
        parts: Read one by one, as actors come free.
        workers: How many actors.

    Raises:
        ToolkitError: If Ray is not installed; what a worker could not do; or if workers are killed
            over a part again and again.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent to anyone
    os.environ.setdefault("RAY_worker_niceness", "0")  # at Ray's 15, other programs come first
    try:
        import ray
        from ray.exceptions import RayActorError, RayTaskError
        from ray.util import ActorPool
    except ImportError as error:
        raise ToolkitError(
            "--engine ray needs the extra ray: pip install 'arae-toolkit[ray]'"
        ) from error
    is_ours = not ray.is_initialized()
    if is_ours:
        here = {} if os.environ.get(ADDRESS_VARIABLE) else {"num_cpus": workers}
        ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR, **here)
    try:
        gpus = 0.0 if task.device == "cpu" else ray.cluster_resources().get("GPU", 0.0)
        actor = ray.remote(Worker).options(
            num_cpus=1,
            num_gpus=min(1.0, gpus / workers),
            max_restarts=-1,
            max_task_retries=MOST_ATTEMPTS - 1,
        )
        # An actor sees its own GPU alone, so that all are the first.
        pool = ActorPool([actor.remote(task, output) for _ in range(workers)])
        source = iter(parts)
        while True:
            while pool.has_free() and (part := next(source, None)) is not None:
                pool.submit(lambda one, part: one.answer.remote(part), part)
            if not pool.has_next():
                return
            yield pool.get_next_unordered()
    except RayTaskError as error:
        if isinstance(error.cause, ToolkitError):
            raise error.cause from None
        raise
    except RayActorError as error:
        raise ToolkitError(
            f"workers were killed {MOST_ATTEMPTS} times over a part; if memory is short, take "
            f"fewer --workers or a smaller --batch-size ({str(error).splitlines()[0]})"
        ) from error
    finally:
        if is_ours:
            ray.shutdown()
