"""torch.utils.data against PyTorch: datasets, samplers and their streams, collating, loaders with and without workers."""

from __future__ import annotations

import collections
import os
import signal
import time
from typing import Any

import numpy as np
import pytest

import rushlight
from both import agree
from rushlight.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset, get_worker_info

torch = pytest.importorskip("torch")


def data(library: Any) -> Any:
    import importlib

    return importlib.import_module(f"{library.__name__}.utils.data")


def tensors(library: Any, n: int = 10) -> Any:
    x = library.arange(float(2 * n)).reshape(n, 2)
    return data(library).TensorDataset(x, library.arange(n))


# --- datasets and samplers -------------------------------------------------------------------------------------------


def test_datasets() -> None:
    def scenario(library: Any) -> Any:
        d, one, two = data(library), tensors(library), tensors(library, 3)
        both = one + two
        stack = d.StackDataset(a=one, b=one)
        subset = d.Subset(one, [3, 1, 4])
        return [
            len(both), both[11], both[-1], both.cumulative_sizes, stack[2], len(stack), d.StackDataset(one, one)[1],
            d.StackDataset(one, subset.dataset).__getitems__([1, 2]), stack.__getitems__([0]),
            subset[1], subset.__getitems__([0, 2]), len(subset),
        ]  # fmt: skip

    agree(scenario)


@pytest.mark.parametrize(
    "make",
    [
        lambda d, one: d.TensorDataset(one[0][0], one[1][1]),
        lambda d, one: d.StackDataset(),
        lambda d, one: d.StackDataset(one, a=one),
        lambda d, one: d.StackDataset(one, d.Subset(one, [1])),
        lambda d, one: d.ConcatDataset([]),
        lambda d, one: d.ConcatDataset([d.ChainDataset([])]),
        lambda d, one: (one + one)[-30],
        lambda d, one: list(d.ChainDataset([one])),
        lambda d, one: d.Dataset()[0],
        lambda d, one: d.random_split(one, [3, 3]),
        lambda d, one: d.random_split(one, [1.5, -0.5]),
        lambda d, one: d.RandomSampler(one, replacement=1),
        lambda d, one: d.RandomSampler([]),
        lambda d, one: d.WeightedRandomSampler([1.0], 0),
        lambda d, one: d.WeightedRandomSampler([[1.0]], 1),
        lambda d, one: d.BatchSampler([1], 0, False),
        lambda d, one: d.BatchSampler([1], 2, 1),
        lambda d, one: d.DataLoader(one, num_workers=-1),
        lambda d, one: d.DataLoader(one, timeout=-1),
        lambda d, one: d.DataLoader(one, prefetch_factor=2),
        lambda d, one: d.DataLoader(one, persistent_workers=True),
        lambda d, one: d.DataLoader(one, shuffle=True, sampler=[1]),
        lambda d, one: d.DataLoader(one, batch_sampler=[[1]], drop_last=True),
        lambda d, one: d.DataLoader(one, batch_size=None, drop_last=True),
        lambda d, one: d.DataLoader(d.ChainDataset([]), shuffle=True),
        lambda d, one: d.DataLoader(d.ChainDataset([]), sampler=3),
        lambda d, one: d.DataLoader(one, multiprocessing_context="fork"),
        lambda d, one: d.DataLoader(one, num_workers=1, multiprocessing_context="x"),
        lambda d, one: setattr(d.DataLoader(one), "batch_size", 3),
        lambda d, one: d.default_collate([object()]),
        lambda d, one: d.default_collate([[1], [1, 2]]),
        lambda d, one: d.default_collate([np.array(["a"])]),
    ],
)
def test_errors(make: Any) -> None:
    agree(lambda library: make(data(library), tensors(library)) and None)


def test_random_streams() -> None:
    def scenario(library: Any) -> Any:
        d, one = data(library), tensors(library)
        library.manual_seed(3)
        generator = library.Generator().manual_seed(5)
        return [
            list(d.RandomSampler(one)),
            list(d.RandomSampler(one, replacement=True, num_samples=70)),
            list(d.RandomSampler(one, num_samples=25, generator=generator)),
            list(d.SubsetRandomSampler([5, 7, 9])),
            list(d.WeightedRandomSampler([0.1, 0.9, 2.0], 8)),
            list(d.WeightedRandomSampler([0.1, 0.9, 2.0], 3, replacement=False, generator=generator)),
            list(d.BatchSampler(d.SequentialSampler(one), 3, False)),
            list(d.BatchSampler(d.SequentialSampler(one), 3, True)),
            len(d.BatchSampler(d.SequentialSampler(one), 3, True)),
            [s.indices for s in d.random_split(one, [0.5, 0.3, 0.2])],
            [s.indices for s in d.random_split(one, [7, 3], generator=library.Generator().manual_seed(1))],
            [[x, y] for x, y in d.DataLoader(one, batch_size=3, shuffle=True)],
            library.rand(2),
        ]

    agree(scenario)


# --- collating -------------------------------------------------------------------------------------------------------

Pair = collections.namedtuple("Pair", "a b")


@pytest.mark.parametrize(
    "batch",
    [
        lambda t: [t.ones(2), t.zeros(2)],
        lambda t: [1, 2],
        lambda t: [1.5, 2],
        lambda t: [True, False],
        lambda t: ["a", b"b"],
        lambda t: [{"x": 1, "y": [t.ones(1), "s"]}, {"x": 2, "y": [t.zeros(1), "t"]}],
        lambda t: [(1, t.ones(2)), (2, t.ones(2))],
        lambda t: [[1, 2], [3, 4]],
        lambda t: [Pair(1, 2.0), Pair(3, 4.0)],
        lambda t: [np.ones(2), np.zeros(2)],
        lambda t: [np.float32(1), np.float32(2)],
        lambda t: [collections.OrderedDict(a=1), collections.OrderedDict(a=2)],
    ],
)
def test_collate(batch: Any) -> None:
    agree(lambda t: data(t).default_collate(batch(t)))
    agree(lambda t: [str(type(data(t).default_collate(batch(t)))).replace("rushlight", "torch")])
    agree(lambda t: data(t).default_convert(batch(t)))


# --- workers ---------------------------------------------------------------------------------------------------------


class Numbers(Dataset):  # type: ignore[type-arg]
    """Samples that say who made them and with which random numbers."""

    def __len__(self) -> int:
        return 20

    def __getitem__(self, i: int) -> Any:
        info = get_worker_info()
        return i, -1 if info is None else info.id, rushlight.randint(1000, (1,))


class Stream(IterableDataset):  # type: ignore[type-arg]
    def __iter__(self) -> Any:
        info = get_worker_info()
        assert info is not None
        return iter(range(info.id, 11, info.num_workers))


class Fails(Numbers):
    def __getitem__(self, i: int) -> Any:
        if i == 5:
            raise KeyError("five is bad")
        return i


class Dies(Numbers):
    def __getitem__(self, i: int) -> Any:
        if i == 5:
            os.kill(os.getpid(), signal.SIGKILL)
        return i


class Sleeps(Numbers):
    def __getitem__(self, i: int) -> Any:
        time.sleep(60)
        return i


class Large(Numbers):
    def __getitem__(self, i: int) -> Any:
        return rushlight.full((100_000,), float(i))


def twice(batch: Any) -> Any:
    return [2 * b for b in batch]


def seen(worker: int) -> None:
    rushlight.manual_seed(100 + worker)


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_workers(context: str) -> None:
    loader = DataLoader(Numbers(), batch_size=3, num_workers=2, multiprocessing_context=context)
    batches = list(loader)
    assert [i for batch in batches for i in batch[0].tolist()] == list(range(20))
    assert [batch[1].tolist()[0] for batch in batches] == [0, 1, 0, 1, 0, 1, 0]
    assert len(loader) == 7


def test_worker_streams_are_pytorchs() -> None:
    def scenario(library: Any) -> Any:
        d = data(library)

        class Draws(d.Dataset):  # type: ignore[name-defined,misc]
            def __len__(self) -> int:
                return 6

            def __getitem__(self, i: int) -> Any:
                import random

                info = d.get_worker_info()
                return library.randint(1000, (2,)), random.random(), np.random.randint(1000), info.id, info.seed

        library.manual_seed(7)
        loader = d.DataLoader(Draws(), batch_size=2, num_workers=2, shuffle=True, multiprocessing_context="fork")
        generated = d.DataLoader(Draws(), num_workers=1, generator=library.Generator().manual_seed(1))
        return [list(loader), list(loader), list(generated), library.rand(1)]

    agree(scenario)


def test_iterable_workers_and_unbatched() -> None:
    loader = DataLoader(Stream(), batch_size=2, num_workers=3)
    assert sorted(i for batch in loader for i in batch.tolist()) == list(range(11))
    assert sorted(DataLoader(Stream(), batch_size=None, num_workers=2)) == list(range(11))
    assert list(DataLoader(range(4), batch_size=None)) == [0, 1, 2, 3]  # type: ignore[arg-type]


def test_collate_and_init_functions() -> None:
    assert list(DataLoader(range(4), batch_size=2, num_workers=1, collate_fn=twice)) == [[0, 2], [4, 6]]
    loader = DataLoader(Numbers(), batch_size=None, num_workers=1, worker_init_fn=seen)
    drawn = next(iter(loader))[2].item()
    rushlight.manual_seed(100)
    assert drawn == rushlight.randint(1000, (1,)).item()


def test_persistent_workers_stay() -> None:
    loader = DataLoader(Numbers(), batch_size=4, num_workers=2, persistent_workers=True)
    first = iter(loader)
    pids = [p.pid for p in first.processes]  # type: ignore[attr-defined]
    next(first)  # an epoch that is not finished
    again = list(loader)
    assert [i for batch in again for i in batch[0].tolist()] == list(range(20))
    assert [p.pid for p in iter(loader).processes] == pids  # type: ignore[attr-defined]


def test_errors_of_workers_come_with_their_traceback() -> None:
    loader = DataLoader(Fails(), batch_size=2, num_workers=2)
    with pytest.raises(KeyError) as caught:
        list(loader)
    text = str(caught.value)
    assert text.startswith(
        "Caught KeyError in DataLoader worker process 0.\nOriginal Traceback (most recent call last):"
    )
    assert "five is bad" in text and "test_data.py" in text


def test_a_killed_worker_is_an_error() -> None:
    begun = time.time()
    with pytest.raises(RuntimeError, match=r"DataLoader worker \(pid\(s\) \d+\) exited unexpectedly"):
        list(DataLoader(Dies(), batch_size=2, num_workers=2))
    assert time.time() - begun < 20


def test_timeout() -> None:
    with pytest.raises(RuntimeError, match="DataLoader timed out after 0.5 seconds"):
        next(iter(DataLoader(Sleeps(), num_workers=1, timeout=0.5)))


def test_long_tasks_and_large_batches_do_not_block() -> None:
    # Both more than a pipe holds.
    loader = DataLoader(Large(), batch_sampler=[list(range(20)) * 2] * 4, num_workers=2, prefetch_factor=3)
    assert [batch.shape[0] for batch in loader] == [40] * 4


def test_workers_end_with_the_iterator() -> None:
    iterator: Any = iter(DataLoader(Numbers(), num_workers=2))
    processes = iterator.processes
    next(iterator)
    del iterator
    assert not any(p.is_alive() for p in processes)


def test_ctrl_c_ends_all(python: Any) -> None:
    done = python(
        """
        import os, signal, threading, time
        import rushlight
        from rushlight.utils.data import DataLoader

        class Slow:
            def __len__(self): return 1000
            def __getitem__(self, i):
                time.sleep(0.2)
                return i

        iterator = iter(DataLoader(Slow(), num_workers=2))
        pids = [p.pid for p in iterator.processes]
        threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        try:
            for batch in iterator: pass
        except KeyboardInterrupt:
            print("stopped")
        del iterator
        time.sleep(0.1)
        print([os.path.exists(f"/proc/{p}") for p in pids])
        """,
        timeout=30,
    )
    assert done.stdout.splitlines() == ["stopped", "[False, False]"]


def test_length_that_is_wrong_warns() -> None:
    class Wrong(IterableDataset):  # type: ignore[type-arg]
        def __iter__(self) -> Any:
            return iter(range(5))

        def __len__(self) -> int:
            return 3

    loader = DataLoader(Wrong())
    assert len(loader) == 3
    with pytest.warns(UserWarning, match="was reported to be 3"):
        list(loader)


def test_a_loader_of_tensors() -> None:
    x = rushlight.arange(6.0)
    assert [b[0].tolist() for b in DataLoader(TensorDataset(x), batch_size=4, pin_memory=True)] == [
        [0, 1, 2, 3],
        [4, 5],
    ]
