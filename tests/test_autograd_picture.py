"""autograd.graph.saved_memory and draw."""

from __future__ import annotations

import pathlib
import sys
import types
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
    picture = graph.draw(loss(x, w), {"x": x, "w": w}, title="a < b", file=file, layout="layers")
    assert file.read_text(encoding="utf-8") == picture
    texts = [e.text for e in ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")]
    assert {"x", "w", "Mm", "Tanh", "Mul", "Sum", "a < b"} <= set(texts)
    hints = [e.text for e in ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}title")]
    assert any(h.startswith("TanhBackward0 of shape [10, 30], made at ") for h in hints if h)
    assert f"MmBackward0, made at {__file__}:{loss.__code__.co_firstlineno + 1}" in hints
    assert picture._repr_svg_() == picture, "notebooks show it"


def test_picture_of_a_leaf_and_of_a_deep_graph() -> None:
    x = rushlight.ones(1, requires_grad=True)
    assert graph.draw(x, format="text") == "no graph: the tensor is a leaf\n"
    y = x
    for _ in range(3000):
        y = y + x
    assert len(graph.draw(y, format="text", fold=False).splitlines()) == 6001
    lines = graph.draw(y, format="text").splitlines()
    assert len(lines) <= 8 and any("×299" in line for line in lines), lines


class Block(rushlight.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = rushlight.nn.Linear(4, 4)
        self.second = rushlight.nn.Linear(4, 4)

    def forward(self, x: Any) -> Any:
        return x + self.second(self.first(x).tanh())


def test_repeated_parts_are_folded_and_modules_named() -> None:
    model = rushlight.nn.Sequential(*(Block() for _ in range(12)), rushlight.nn.Linear(4, 1))
    loss = model(rushlight.ones(3, 4)).sum()
    whole = graph.draw(loss, model, format="text", fold=False)
    assert whole.count("Tanh") == 12 and "7.second" in whole and "7.second.weight [4, 4]" in whole
    text = graph.draw(loss, model, format="text")
    assert text.count("Tanh") in (1, 2) and len(text) < len(whole) / 4
    assert "×11" in text or "×10" in text
    picture = graph.draw(loss, model, layout="layers")
    texts = [e.text for e in ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")]
    assert "× 11" in texts or "× 10" in texts
    assert "12.weight" in texts and "12" in texts, "parameters and their modules"


def test_what_does_not_repeat_is_not_folded() -> None:
    x = rushlight.ones(3, requires_grad=True)
    y = x.sin().exp().sin().exp() * x.cos()
    assert graph.draw(y, format="text") == graph.draw(y, format="text", fold=False)


def test_repeated_parts_of_other_shapes_are_not_folded() -> None:
    weights = [rushlight.ones(i + 1, i + 2, requires_grad=True) for i in range(6)]
    y = rushlight.ones(1, 1)
    for w in weights:
        y = (y @ w).tanh()
    text = graph.draw(y, {f"w{i}": w for i, w in enumerate(weights)}, format="text")
    assert text.count("Tanh") == 6


def test_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    x = rushlight.ones(3, requires_grad=True)
    y = x
    for _ in range(5):
        y = y.sin()
    dot = graph.draw(y, {'a "name"': x}, format="dot", title="t")
    assert dot.startswith("digraph {") and 'subgraph cluster0 { style=dashed; label="× 4"' in dot
    assert r"a \"name\"" in dot and "SinBackward0" in dot and "n1 -> n0;" in dot

    class Source:
        def __init__(self, source: str) -> None:
            self.source = source

        def pipe(self, format: str) -> bytes:
            return f"<svg><!-- {format} of {len(self.source)} --></svg>".encode()

    module = types.ModuleType("graphviz")
    module.Source = Source  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "graphviz", module)
    drawn = graph.draw(y, layout="graphviz")
    assert drawn.startswith("<svg><!-- svg of ") and drawn._repr_svg_() == drawn
    monkeypatch.setitem(sys.modules, "graphviz", None)
    with pytest.raises(ImportError, match="pip install graphviz"):
        graph.draw(y, layout="graphviz")
    assert "Sin" in graph.draw(y)
    with pytest.raises(ValueError, match="layout must be"):
        graph.draw(y, layout="round")


def test_unknown_format() -> None:
    with pytest.raises(ValueError, match="format must be"):
        graph.draw(rushlight.ones(1), format="png")
