"""Grad modes as decorators."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

__all__ = ["decorate"]


def decorate(mode: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, run inside a fresh copy of `mode` at each call; a generator function keeps it between yields only."""
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def generator(*args: Any, **kwargs: Any) -> Any:
            inner = function(*args, **kwargs)
            sent: Any = None
            while True:
                try:
                    with mode.clone():
                        value = inner.send(sent)
                except StopIteration as stop:
                    return stop.value
                try:
                    sent = yield value
                except GeneratorExit:
                    inner.close()
                    raise

        return generator

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with mode.clone():
            return function(*args, **kwargs)

    return wrapper
