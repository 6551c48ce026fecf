"""Batches of a dataset, made here or by worker processes."""

from __future__ import annotations

import multiprocessing
import os
import warnings
from collections.abc import Iterator
from multiprocessing import connection
from typing import Any

from ... import _core
from ._utils import worker as _worker
from ._utils.collate import default_collate, default_convert
from ._utils.worker import End, ExceptionWrapper, Fetcher, get_worker_info
from .dataset import IterableDataset
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]


class _InfiniteConstantSampler(Sampler[Any]):
    """None for ever: an iterable dataset has no indices."""

    def __iter__(self) -> Iterator[Any]:
        while True:
            yield None


class DataLoader:
    """Iterates over batches of a dataset.

    Args:
        dataset: gives samples by index, or is an `IterableDataset`.
        batch_size: samples in a batch; None: single samples.
        shuffle: in random order.
        sampler, batch_sampler: give the indices instead.
        num_workers: processes that make batches; 0: this one does.
        collate_fn: makes a batch of a list of samples.
        pin_memory, pin_memory_device: accepted; the CPU's memory is what it is.
        drop_last: leave out a last batch that is shorter.
        timeout: seconds to wait for a worker; 0: for ever.
        worker_init_fn: called in each worker with its number.
        multiprocessing_context: "fork", "spawn", "forkserver" or a context.
        generator: draws the order and the workers' seeds.
        prefetch_factor: batches that each worker makes ahead; 2.
        persistent_workers: keep the workers from one epoch to the next.
        in_order: give the batches in order; False: as they are ready.
    """

    __initialized = False

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Any = None,
        batch_sampler: Any = None,
        num_workers: int = 0,
        collate_fn: Any = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Any = None,
        multiprocessing_context: Any = None,
        generator: Any = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        if num_workers < 0:
            raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
        if timeout < 0:
            raise ValueError("timeout option should be non-negative")
        if num_workers == 0 and prefetch_factor is not None:
            raise ValueError(
                "prefetch_factor option could only be specified in multiprocessing.let num_workers > 0 to enable "
                "multiprocessing, otherwise set prefetch_factor to None."
            )
        if num_workers > 0 and prefetch_factor is None:
            prefetch_factor = 2
        elif prefetch_factor is not None and prefetch_factor < 0:
            raise ValueError("prefetch_factor option should be non-negative")
        if persistent_workers and num_workers == 0:
            raise ValueError("persistent_workers option needs num_workers > 0")
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.in_order = in_order
        self.multiprocessing_context = multiprocessing_context
        self._iterable = isinstance(dataset, IterableDataset)
        if self._iterable:
            what = "DataLoader with IterableDataset: expected unspecified"
            if shuffle not in (False, None):
                raise ValueError(f"{what} shuffle option, but got shuffle={shuffle}")
            if sampler is not None:
                raise ValueError(f"{what} sampler option, but got sampler={sampler}")
            if batch_sampler is not None:
                raise ValueError(f"{what} batch_sampler option, but got batch_sampler={batch_sampler}")
        shuffle = bool(shuffle)
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
                )
            batch_size = None
            drop_last = False
        elif batch_size is None and drop_last:
            raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
        if sampler is None:
            if self._iterable:
                sampler = _InfiniteConstantSampler()
            elif shuffle:
                sampler = RandomSampler(dataset, generator=generator)
            else:
                sampler = SequentialSampler(dataset)
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.generator = generator
        if collate_fn is None:
            collate_fn = default_collate if self._auto_collation else default_convert
        self.collate_fn = collate_fn
        self.persistent_workers = persistent_workers
        self.__initialized = True
        self._length_asked: int | None = None
        self._iterator: _WorkersIterator | None = None

    @property
    def multiprocessing_context(self) -> Any:
        return self.__context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context: Any) -> None:
        if context is not None:
            if self.num_workers == 0:
                raise ValueError(
                    "multiprocessing_context can only be used with multi-process loading (num_workers > 0), but got "
                    f"num_workers={self.num_workers}"
                )
            if isinstance(context, str):
                valid = multiprocessing.get_all_start_methods()
                if context not in valid:
                    raise ValueError(
                        f"multiprocessing_context option should specify a valid start method in {valid!r}, but got "
                        f"multiprocessing_context={context!r}"
                    )
                context = multiprocessing.get_context(context)
            if not isinstance(context, multiprocessing.context.BaseContext):
                raise TypeError(
                    "multiprocessing_context option should be a valid context object or a string specifying the start "
                    f"method, but got multiprocessing_context={context}"
                )
        self.__context = context

    def __setattr__(self, attr: str, val: Any) -> None:
        if self.__initialized and attr in (
            "batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers",
        ):  # fmt: skip
            raise ValueError(f"{attr} attribute should not be set after {type(self).__name__} is initialized")
        super().__setattr__(attr, val)

    @property
    def _auto_collation(self) -> bool:
        return self.batch_sampler is not None

    @property
    def _index_sampler(self) -> Any:
        return self.batch_sampler if self._auto_collation else self.sampler

    def _fetching(self) -> tuple[Any, ...]:
        return self._auto_collation, self.collate_fn, self.drop_last

    def __iter__(self) -> Iterator[Any]:
        if self.num_workers == 0:
            return _OwnIterator(self)
        if not self.persistent_workers:
            return _WorkersIterator(self)
        if self._iterator is None or self._iterator.closed:
            self._iterator = _WorkersIterator(self)
        else:
            self._iterator.begin(self)
        return self._iterator

    def __len__(self) -> int:
        if not self._iterable:
            return len(self._index_sampler)
        length = self._length_asked = len(self.dataset)
        if self.batch_size is None:
            return length
        return length // self.batch_size if self.drop_last else -(-length // self.batch_size)


class _BaseIterator:
    def __init__(self, loader: DataLoader) -> None:
        self.loader = loader
        self.indices = iter(loader._index_sampler)
        # Drawn with workers or without, so that what comes after it is the same.
        seed = _core.empty((), dtype=_core.int64).random_(generator=loader.generator)
        self.base_seed = int(seed.item())
        self.given = 0

    def __iter__(self) -> Any:
        return self

    def __len__(self) -> int:
        return len(self.loader._index_sampler)

    def count(self) -> None:
        self.given += 1
        loader = self.loader
        asked = loader._length_asked
        if loader._iterable and asked is not None and self.given > len(loader):
            text = (
                f"Length of IterableDataset {loader.dataset} was reported to be {asked}(when accessing len(dataloader)), "
                f"but {self.given} samples have been fetched. "
            )
            if loader.num_workers > 0:
                text += (
                    "For multiprocessing data-loading, this could be caused by not properly configuring the "
                    "IterableDataset replica at each worker. Please see "
                    "https://pytorch.org/docs/stable/data.html#torch.utils.data.IterableDataset for examples."
                )
            warnings.warn(text, stacklevel=3)


class _OwnIterator(_BaseIterator):
    """Makes the batches itself."""

    def __init__(self, loader: DataLoader) -> None:
        super().__init__(loader)
        self.fetcher = Fetcher(loader.dataset, loader._iterable, *loader._fetching())

    def __next__(self) -> Any:
        batch = self.fetcher.fetch(next(self.indices))
        self.count()
        return batch


class _WorkersIterator(_BaseIterator):
    """Gives each worker some batches to make, in turns, and takes them in order."""

    def __init__(self, loader: DataLoader) -> None:
        super().__init__(loader)
        context = loader.multiprocessing_context or multiprocessing.get_context()
        self.pipes: list[Any] = []
        self.processes: list[Any] = []
        self.closed = False
        self.owner = os.getpid()
        fetching = loader._fetching()
        count = loader.num_workers
        try:
            for i in range(count):
                ours, theirs = context.Pipe()
                arguments = (
                    theirs, loader.dataset, loader._iterable, fetching, self.base_seed, loader.worker_init_fn, i, count,
                )  # fmt: skip
                process = context.Process(target=_worker.loop, args=arguments, daemon=True)
                process.start()
                theirs.close()
                self.pipes.append(ours)
                self.processes.append(process)
        except BaseException:
            self.close()
            raise
        self.number = 0
        self.start()

    def begin(self, loader: DataLoader) -> None:
        """A new epoch with the same workers."""
        while self.waiting:  # what an epoch that was not finished has asked for
            self.receive()
        self.indices = iter(loader._index_sampler)
        self.given = 0
        for pipe in self.pipes:
            pipe.send("again")
        self.start()

    def start(self) -> None:
        self.active = list(range(len(self.pipes)))
        self.turn = 0
        self.waiting: dict[int, int] = {}  # number of a batch: worker that makes it
        self.ready: dict[int, Any] = {}
        self.order: list[int] = []
        self.exhausted = False
        for _ in range((self.loader.prefetch_factor or 1) * len(self.pipes)):
            self.ask()

    def ask(self) -> None:
        """Gives the next worker one more batch to make."""
        if self.exhausted or not self.active:
            return
        try:
            index = next(self.indices)
        except StopIteration:
            self.exhausted = True
            return
        worker = self.active[self.turn % len(self.active)]
        self.turn += 1
        number = self.number
        self.number += 1
        self.waiting[number] = worker
        self.order.append(number)
        try:
            self.pipes[worker].send((number, index))
        except OSError:
            self.fail()

    def fail(self) -> None:
        # A pipe may end a moment before its process does.
        ending = connection.wait([p.sentinel for p in self.processes], 5)
        for process in self.processes:
            if process.sentinel in ending:
                process.join(5)
        dead = [p for p in self.processes if not p.is_alive()]
        pids = ", ".join(str(p.pid) for p in dead)
        self.close()
        raise RuntimeError(f"DataLoader worker (pid(s) {pids}) exited unexpectedly")

    def receive(self) -> None:
        """Waits for one batch at least."""
        timeout = self.loader.timeout
        sentinels = [p.sentinel for p in self.processes]
        found: list[Any] = connection.wait([*self.pipes, *sentinels], timeout if timeout > 0 else None)
        if not found:
            self.close()
            raise RuntimeError(f"DataLoader timed out after {timeout} seconds")
        pipes = [pipe for pipe in found if pipe in self.pipes]
        if not pipes:
            self.fail()
        for pipe in pipes:
            try:
                number, batch = pipe.recv()
            except (EOFError, OSError):
                self.fail()
            self.waiting.pop(number)
            self.ready[number] = batch

    def next_number(self) -> int | None:
        if self.loader.in_order:
            return self.order[0] if self.order[0] in self.ready else None
        return next(iter(self.ready), None)

    def __next__(self) -> Any:
        while self.order:
            if self.closed:
                raise StopIteration
            number = self.next_number()
            if number is None:
                self.receive()
                continue
            batch = self.ready.pop(number)
            self.order.remove(number)
            if isinstance(batch, End):
                self.retire(batch.worker)
                continue
            self.ask()
            if isinstance(batch, ExceptionWrapper):
                if not self.loader.persistent_workers:
                    self.close()
                batch.reraise()
            self.count()
            return batch
        if not self.loader.persistent_workers:
            self.close()
        raise StopIteration

    def retire(self, worker: int) -> None:
        """This worker's dataset has ended: the others get its turns. Its later batches are ends, too."""
        if worker in self.active:
            self.active.remove(worker)
        self.ask()

    def close(self) -> None:
        """Ends the workers."""
        if self.closed or os.getpid() != self.owner:
            return
        self.closed = True
        for pipe in self.pipes:
            try:
                pipe.send(None)
            except OSError:
                pass
            pipe.close()
        for process in self.processes:
            process.join(0.5)
            if process.is_alive():
                process.terminate()
                process.join(1)
                if process.is_alive():
                    process.kill()
                    process.join(1)

    def __del__(self) -> None:
        if hasattr(self, "owner"):
            self.close()
