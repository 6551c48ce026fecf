"""`rushlight info`: what is installed, what the machine gave it, what things weigh."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["facts", "main", "package_bytes", "resident_bytes"]


def resident_bytes() -> int | None:
    """Resident memory of this process, or None where the system does not tell."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


def package_bytes() -> int:
    """Size of the installed package, caches of compiled Python apart; a core that is kept elsewhere (editable install) counts."""
    import rushlight

    files = {os.path.realpath(rushlight._core.__file__)} if hasattr(rushlight._core, "__file__") else set()
    for top in rushlight.__path__:
        for folder, subfolders, names in os.walk(top):
            subfolders[:] = [name for name in subfolders if name != "__pycache__"]
            files.update(os.path.realpath(os.path.join(folder, name)) for name in names)
    return sum(os.path.getsize(file) for file in files if os.path.isfile(file))


def facts() -> dict[str, str]:
    """Label and value of each line that `rushlight info` prints."""
    resident = resident_bytes()  # before the imports of this function add to it
    import rushlight

    rows = {
        "rushlight": rushlight.__version__,
        "Python": f"{platform.python_version()} ({platform.python_implementation()}, {sys.executable})",
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
    }
    native: Mapping[str, Any] = rushlight._core.info() if hasattr(rushlight._core, "info") else {}
    for key, value in _flat(native):
        rows.setdefault(_label(key), _shown(key, value))
    rows.setdefault("threads", str(rushlight.get_num_threads()))
    rows.setdefault("default dtype", str(rushlight.get_default_dtype()))
    rows["package"] = _size(package_bytes())
    rows["resident memory"] = "unknown" if resident is None else f"{_size(resident)} (Python and rushlight)"
    return rows


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}_")
        else:
            yield f"{prefix}{key}", value


def _label(key: str) -> str:
    words = key.removesuffix("_bytes").replace("_", " ")
    return words.replace("blas", "BLAS").replace("cpu", "CPU")


def _shown(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if key.endswith("_bytes") and isinstance(value, int):
        return _size(value)
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return str(value)


def _size(count: int) -> str:
    if count < 10_000:
        return f"{count} bytes"
    return f"{count / 1e3:.0f} kB" if count < 1e6 else f"{count / 1e6:.1f} MB"


def main() -> int:
    rows = facts()
    width = max(map(len, rows))
    for label, value in rows.items():
        print(f"{label:<{width}}  {value}")
    return 0
