"""What a worker process of a loader does."""

from __future__ import annotations

import queue
import random
import signal
import sys
import threading
import traceback
from dataclasses import dataclass
from multiprocessing import connection, parent_process
from typing import Any

from .... import _core

__all__ = ["ExceptionWrapper", "WorkerInfo", "get_worker_info"]


@dataclass
class WorkerInfo:
    """About the worker that runs this: its number, how many there are, its seed and its copy of the dataset."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """The worker's `WorkerInfo`; None in the main process."""
    return _info


class KeyErrorMessage(str):
    """A message that a KeyError shows as it is, not as repr."""

    def __repr__(self) -> str:
        return str(self)


class ExceptionWrapper:
    """An exception on its way from a worker: its type and traceback as text."""

    def __init__(self, where: str) -> None:
        kind, _, _ = info = sys.exc_info()
        self.exc_type: Any = kind
        self.exc_msg = "".join(traceback.format_exception(*info))
        self.where = where

    def reraise(self) -> None:
        """Raises it here."""
        text = f"Caught {self.exc_type.__name__} {self.where}.\nOriginal {self.exc_msg}"
        if self.exc_type is KeyError:
            raise KeyError(KeyErrorMessage(text))
        try:
            error = self.exc_type(text)
        except Exception:
            # Its constructor wants something else.
            raise RuntimeError(text) from None
        raise error


@dataclass
class End:
    """This worker's iterable dataset has ended."""

    worker: int


class Fetcher:
    """Gives the batch of a list of indices, or the sample of one."""

    def __init__(self, dataset: Any, iterable: bool, batched: bool, collate_fn: Any, drop_last: bool) -> None:
        self.dataset, self.batched, self.collate_fn, self.drop_last = dataset, batched, collate_fn, drop_last
        self.iterator = iter(dataset) if iterable else None
        self.ended = False

    def fetch(self, index: Any) -> Any:
        """Raises StopIteration at the end of an iterable dataset."""
        if self.iterator is not None:
            return self._next(index)
        if not self.batched:
            return self.collate_fn(self.dataset[index])
        many = getattr(self.dataset, "__getitems__", None)
        return self.collate_fn(many(index) if callable(many) else [self.dataset[i] for i in index])

    def _next(self, index: Any) -> Any:
        if self.ended or self.iterator is None:
            raise StopIteration
        if not self.batched:
            return self.collate_fn(next(self.iterator))
        batch = []
        for _ in index:
            try:
                batch.append(next(self.iterator))
            except StopIteration:
                self.ended = True
                break
        if not batch or (self.drop_last and len(batch) < len(index)):
            raise StopIteration
        return self.collate_fn(batch)


def _seed(base_seed: int, worker_id: int) -> None:
    seed = base_seed + worker_id
    random.seed(seed)
    _core.manual_seed(seed)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        words = numpy.random.SeedSequence([worker_id, base_seed & 0xFFFFFFFF, base_seed >> 32, 0])
        numpy.random.seed(words.generate_state(4))


def _receive(pipe: Any, tasks: queue.SimpleQueue[Any]) -> None:
    """Takes tasks in, so that the main process never waits to give one; ends when that process does."""
    parent: Any = parent_process()
    try:
        while True:
            ready = connection.wait([pipe, parent.sentinel])
            if pipe not in ready:
                break
            task = pipe.recv()
            tasks.put(task)
            if task is None:
                return
    except (EOFError, OSError):
        pass
    tasks.put(None)


def loop(
    pipe: Any,
    dataset: Any,
    iterable: bool,
    fetching: tuple[Any, ...],
    base_seed: int,
    init_fn: Any,
    id: int,
    count: int,
) -> None:
    """The life of a worker: tasks (number, index) in, (number, batch) out. None ends it, "again" begins a new epoch."""
    global _info
    # Ctrl-C is for the main process, which then ends the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _core.set_num_threads(1)
    _seed(base_seed, id)
    _info = WorkerInfo(id=id, num_workers=count, seed=base_seed + id, dataset=dataset)
    tasks: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(pipe, tasks), daemon=True).start()
    failed: ExceptionWrapper | None = None
    fetcher: Fetcher | None = None
    try:
        if init_fn is not None:
            init_fn(id)
    except Exception:
        failed = ExceptionWrapper(f"in DataLoader worker process {id}")
    while (task := tasks.get()) is not None:
        if task == "again":
            fetcher = None
            continue
        number, index = task
        result: Any
        if failed is not None:
            result, failed = failed, None
        else:
            try:
                if fetcher is None:
                    fetcher = Fetcher(dataset, iterable, *fetching)
                result = fetcher.fetch(index)
            except StopIteration as stop:
                # The end of an iterable dataset; elsewhere an error like any other.
                result = (
                    End(id)
                    if iterable and stop.value is None
                    else ExceptionWrapper(f"in DataLoader worker process {id}")
                )
            except Exception:
                result = ExceptionWrapper(f"in DataLoader worker process {id}")
        try:
            pipe.send((number, result))
        except (BrokenPipeError, OSError):
            return
        except Exception:  # it cannot be pickled
            pipe.send((number, ExceptionWrapper(f"in DataLoader worker process {id}")))
