"""autograd.graph.saved_memory and draw."""

from __future__ import annotations

import pathlib
import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest

import rushlight

graph = rushlight.autograd.graph


def loss(x: Any, w: Any) -> Any:
    h = x.mm(w).tanh()
    return (h * h).sum()


def test_memory_by_node_and_line() -> None:
    x, w = rushlight.ones(10, 20, requires_grad=True), rushlight.ones(20, 30, requires_grad=True)
    memory = graph.saved_memory(loss(x, w))
    kept = {entry.name: entry for entry in memory}
    assert kept["MmBackward0"].bytes == 4 * (10 * 20 + 20 * 30)
    assert kept["TanhBackward0"].bytes == 4 * 10 * 30
    assert kept["MulBackward0"].bytes == 0, "tanh counts the memory that both keep"
    assert kept["MulBackward0"].shared == 2 * 4 * 10 * 30
    assert memory.bytes == 4 * (200 + 600 + 300)
    first = loss.__code__.co_firstlineno
    assert memory.by_line() == {f"{__file__}:{first + 1}": memory.bytes, f"{__file__}:{first + 2}": 0}
    assert [e.bytes for e in memory] == sorted((e.bytes for e in memory), reverse=True)


def test_memory_prints_as_a_table() -> None:
    x, w = rushlight.ones(10, 20, requires_grad=True), rushlight.ones(20, 30, requires_grad=True)
    lines = str(graph.saved_memory(loss(x, w))).splitlines()
    assert lines[0].split() == ["bytes", "node", "keeps", "line"]
    assert lines[1].split()[:2] == ["3,200", "MmBackward0"]
    assert lines[-1].split() == ["4,400", "in", "all"]


def test_memory_after_backward_and_of_a_leaf() -> None:
    x, w = rushlight.ones(10, 20, requires_grad=True), rushlight.ones(20, 30, requires_grad=True)
    y = loss(x, w)
    y.backward()
    assert graph.saved_memory(y).bytes == 0
    assert graph.saved_memory(x) == []


def test_memory_behind_hooks() -> None:
    x = rushlight.ones(1000, requires_grad=True)
    with graph.saved_tensors_hooks(lambda t: t.detach().half(), lambda t: t.float()):
        y = x.sin()
    assert graph.saved_memory(y).bytes == 2000
    with graph.saved_tensors_hooks(lambda t: "on disk", lambda t: rushlight.ones(1000)):
        y = x.sin()
    assert graph.saved_memory(y).bytes == 0


def test_text() -> None:
    x, w = rushlight.ones(10, 20, requires_grad=True), rushlight.ones(20, 30, requires_grad=True)
    first = loss.__code__.co_firstlineno
    text = graph.draw(loss(x, w), {"x": x, "w": w}, format="text")
    assert text.splitlines() == [
        f"Sum #1  {__file__}:{first + 2}",
        f"└─ Mul #2  {__file__}:{first + 2}",
        f"   ├─ Tanh #3  {__file__}:{first + 1}",
        f"   │  └─ Mm #4  {__file__}:{first + 1}",
        "   │     ├─ x [10, 20]",
        "   │     └─ w [20, 30]",
        "   └─ Tanh #3 (above)",
    ]


def test_svg(tmp_path: pathlib.Path) -> None:
    x, w = rushlight.ones(10, 20, requires_grad=True), rushlight.ones(20, 30, requires_grad=True)
    file = tmp_path / "graph.svg"
    picture = graph.draw(loss(x, w), {"x": x, "w": w}, title="a < b", file=file)
    assert file.read_text(encoding="utf-8") == picture
    texts = [e.text for e in ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")]
    assert {"x", "w", "Mm", "Tanh", "Mul", "Sum", "a < b"} <= set(texts)
    hints = [e.text for e in ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}title")]
    assert f"MmBackward0, made at {__file__}:{loss.__code__.co_firstlineno + 1}" in hints
    assert picture._repr_svg_() == picture, "notebooks show it"


def test_picture_of_a_leaf_and_of_a_deep_graph() -> None:
    x = rushlight.ones(1, requires_grad=True)
    assert graph.draw(x, format="text") == "no graph: the tensor is a leaf\n"
    y = x
    for _ in range(3000):
        y = y + x
    assert len(graph.draw(y, format="text").splitlines()) == 6001


def test_unknown_format() -> None:
    with pytest.raises(ValueError, match="format must be"):
        graph.draw(rushlight.ones(1), format="png")
