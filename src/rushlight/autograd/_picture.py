"""What a graph looks like and what it keeps: a picture as SVG or text, and the memory by node.

The picture has boxes in layers, leaves above what uses them, the result at the bottom.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from html import escape
from typing import Any

from .. import _core
from .._core import Tensor

__all__ = ["SavedMemory", "draw", "saved_memory", "svg", "text"]

# All lengths are in the picture's own units, about one pixel each.
CHAR, PAD, GAP = 7.6, 13, 26
LAYER, MARGIN, TITLE = 74, 28, 34
FONT = "Helvetica, Arial, 'DejaVu Sans', sans-serif"
COLOURS = {  # fill, line
    "leaf": ("#fdf1d8", "#c78a1b"),
    "operator": ("#e9f0fa", "#4a74ad"),
    "result": ("#e3f3e6", "#3d8a4f"),
}


class Picture(str):
    """A picture as SVG: text, which notebooks show as what it draws."""

    __slots__ = ()

    def _repr_svg_(self) -> str:
        return str(self)


@dataclass(eq=False)
class _Box:
    kind: str  # "leaf", "operator", "result", or "bend": a place where an edge that spans layers passes through one
    lines: list[str] = field(default_factory=list)
    hint: str = ""  # shown when the pointer is on it
    line: str = ""
    scope: str = ""
    shape: list[int] = field(default_factory=list)  # of leaves
    layer: int = 0
    x: float = 0.0
    inputs: list[_Box] = field(default_factory=list)
    users: list[_Box] = field(default_factory=list)

    @property
    def width(self) -> float:
        return 10.0 if self.kind == "bend" else max(map(len, self.lines)) * CHAR + 2 * PAD

    @property
    def weight(self) -> float:
        """How much it holds its place: leaves give way, so that chains of operators run straight down."""
        return 0.02 if self.kind == "leaf" else 1.0

    @property
    def height(self) -> float:
        return 0 if self.kind == "bend" else 42 if len(self.lines) > 1 else 30


@dataclass
class _Graph:
    """Boxes, and which of them stand for several: (boxes of the first occurrence, how many there are)."""

    boxes: list[_Box]
    folded: list[tuple[list[_Box], int]] = field(default_factory=list)


def draw(
    tensor: Tensor,
    names: Any = None,
    *,
    title: str = "",
    format: str = "svg",
    file: Any = None,
    fold: bool = True,
    layout: str = "auto",
) -> str:
    """The graph that made `tensor`, as a picture.

    names: names of tensors, as in ``{"x": x}``, or a module, whose parameters' names and scopes the picture shows. format:
    "svg" (notebooks show it; a pointer on a box shows its line), "text" for a tree in which each node has its line, or "dot"
    for Graphviz. file: a path to which the result is written as well. fold: parts that come three times or more in a row are
    shown once. layout: "graphviz" has the picture laid out by the package graphviz from PyPI, "layers" by rushlight; "auto"
    takes Graphviz where it is installed.

    Example:
        >>> x = torch.ones(2, requires_grad=True)
        >>> print(torch.autograd.graph.draw((x * x).sum(), {"x": x}, format="text").partition("  ")[0])
        Sum
    """
    if format not in ("svg", "text", "dot"):
        raise ValueError(f"format must be 'svg', 'text' or 'dot', not {format!r}")
    if layout not in ("auto", "layers", "graphviz"):
        raise ValueError(f"layout must be 'auto', 'layers' or 'graphviz', not {layout!r}")
    if hasattr(names, "named_parameters"):
        names = dict(names.named_parameters())
    result = text(tensor, names, fold) if format == "text" else ""
    if format != "text":
        graph = _collect(tensor, names or {}, "result", fold)
        if format == "dot":
            result = _dot(graph, title)
        elif layout == "layers" or not (graphviz := _graphviz(layout == "graphviz")):
            result = Picture(_laid_out(graph, title))
        else:
            result = Picture(graphviz.Source(_dot(graph, title)).pipe(format="svg").decode())
    if file is not None:
        with open(file, "w", encoding="utf-8") as out:
            out.write(result)
    return result


def _graphviz(wanted: bool) -> Any:
    """The package graphviz, if it is there with its program; None, or an error if it is `wanted`."""
    import importlib
    import shutil

    try:
        graphviz = importlib.import_module("graphviz")
    except ImportError:
        if wanted:
            raise ImportError("layout='graphviz' needs the package graphviz: pip install graphviz") from None
        return None
    if shutil.which("dot") is None and not wanted:
        return None
    return graphviz


def text(tensor: Tensor, names: Mapping[str, Tensor] | None = None, fold: bool = True) -> str:
    """The graph as a tree: each operator with the line that called it, its inputs below it; what came before is referred to."""
    if tensor.grad_fn is None:
        return "no graph: the tensor is a leaf\n"
    graph = _collect(tensor, names or {}, "result", fold)
    times = {id(box): count for boxes, count in graph.folded for box in boxes}
    numbers: dict[int, int] = {}
    lines = []
    stack: list[tuple[_Box, str, str]] = [(graph.boxes[0].inputs[0], "", "")]
    while stack:
        box, head, indent = stack.pop()
        several = f" ×{times[id(box)]}" if id(box) in times else ""
        if box.kind == "leaf":
            lines.append(f"{head}{box.lines[0]}{several} {box.shape}")
            continue
        label = box.lines[0] + several
        if id(box) in numbers:
            lines.append(f"{head}{label} #{numbers[id(box)]} (above)")
            continue
        numbers[id(box)] = len(numbers) + 1
        scope = f"  {box.scope}" if box.scope else ""
        lines.append(f"{head}{label} #{numbers[id(box)]}{scope}  {box.line}")
        for i, above in reversed(list(enumerate(box.inputs))):
            last = i == len(box.inputs) - 1
            stack.append((above, indent + ("└─ " if last else "├─ "), indent + ("   " if last else "│  ")))
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class _Kept:
    """What one node keeps: its name, the line that made it, its saved tensors' names, and their bytes.

    Memory that several nodes keep counts for the one that was recorded first; `shared` is what others count.
    """

    node: Any
    name: str
    line: str
    tensors: tuple[str, ...]
    bytes: int
    shared: int


class SavedMemory(list[_Kept]):
    """What the nodes of a graph keep for backward, the largest first; prints as a table."""

    @property
    def bytes(self) -> int:
        """All that the graph keeps, each piece of memory counted once."""
        return sum(kept.bytes for kept in self)

    def by_line(self) -> dict[str, int]:
        """The bytes by the line of the program whose operators keep them, the largest first."""
        total: dict[str, int] = {}
        for kept in self:
            total[kept.line] = total.get(kept.line, 0) + kept.bytes
        return dict(sorted(total.items(), key=lambda item: -item[1]))

    def __str__(self) -> str:
        rows = [("bytes", "node", "keeps", "line")]
        for kept in self:
            rows.append((f"{kept.bytes:,}", kept.name, ", ".join(kept.tensors), kept.line))
        rows.append((f"{self.bytes:,}", "in all", "", ""))
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        return "\n".join(f"{a:>{widths[0]}}  {b:<{widths[1]}}  {c:<{widths[2]}}  {d}".rstrip() for a, b, c, d in rows)


def saved_memory(tensor: Tensor) -> SavedMemory:
    """What the graph of `tensor` keeps for backward: a list of nodes with the bytes they keep and the lines that made them.

    Memory that is a leaf's, or that several nodes share, is counted once. What hooks have packed counts if it is a tensor.

    Example:
        >>> x = torch.ones(1000, requires_grad=True)
        >>> torch.autograd.graph.saved_memory(x.sin().sum()).bytes
        4000
    """
    result = SavedMemory()
    if tensor.grad_fn is None:
        return result
    nodes, seen = [tensor.grad_fn], {tensor.grad_fn}
    for node in nodes:
        for below, _ in node.next_functions:
            if below is not None and below not in seen:
                seen.add(below)
                nodes.append(below)
    counted: set[int] = set()
    for node in sorted(nodes, key=lambda n: n._sequence_nr()):
        names, own, shared = [], 0, 0
        for name, raw, size, address in _core._saved(node):
            names.append(name)
            if address == 0:
                packed = raw.data
                if not isinstance(packed, Tensor):
                    continue
                address, size = _core._storage_span(packed)
            if address in counted:
                shared += size
            else:
                counted.add(address)
                own += size
        if names:
            result.append(_Kept(node, node.name(), node.line, tuple(names), own, shared))
    result.sort(key=lambda kept: -kept.bytes)
    return result


def svg(tensor: Any, names: Mapping[str, Any] | None = None, title: str = "", result: str = "result") -> str:
    """The graph that made `tensor`. `names` gives the names of leaves, `result` that of the tensor itself."""
    return _laid_out(_collect(tensor, names or {}, result, False), title)


def _laid_out(graph: _Graph, title: str) -> str:
    layers = _in_layers(graph.boxes)
    _order(layers)
    _place(layers)
    return _render(layers, title, graph.folded)


def _collect(tensor: Any, names: Mapping[str, Any], result: str, fold: bool) -> _Graph:
    """A box for each node that the tensor's grad_fn reaches, inputs first known after the loop; no recursion."""
    leaf_names = {id(value): name for name, value in names.items()}
    bottom = _Box("result", [result], hint=f"shape {list(tensor.shape)}")
    boxes = [bottom]
    if tensor.grad_fn is None:
        return _Graph(boxes)
    known: dict[Any, _Box] = {}
    edges: list[tuple[_Box, Any]] = [(bottom, tensor.grad_fn)]
    while edges:
        user, node = edges.pop()
        box = known.get(node)
        if box is None:
            box = known[node] = _box(node, leaf_names)
            boxes.append(box)
            edges.extend((box, below) for below, _ in reversed(node.next_functions) if below is not None)
        user.inputs.append(box)
        box.users.append(user)
    order = _topological(bottom)
    _find_scopes(order)
    order = _topological(bottom, _depths(order))
    return _folded(bottom, order) if fold else _Graph(boxes)


def _box(node: Any, leaf_names: Mapping[int, str]) -> _Box:
    variable = getattr(node, "variable", None)
    if variable is not None:
        shape = list(variable.shape)
        lines = [leaf_names.get(id(variable), "leaf"), " × ".join(map(str, shape)) or "scalar"]
        return _Box("leaf", lines, shape=shape)
    raw = getattr(node, "_raw_saved_result", None)
    saved = None if raw is None else raw.data
    of = f" of shape {list(saved.shape)}" if isinstance(saved, Tensor) else ""
    return _Box("operator", [_stem(node)], hint=f"{type(node).__name__}{of}, made at {node.line}", line=node.line)


def _stem(node: Any) -> str:
    """The operator's name: Mul of MulBackward0."""
    name = type(node).__name__
    return name.rstrip("0123456789").removesuffix("Backward") or name


def _topological(bottom: _Box, depth: Mapping[int, int] | None = None) -> list[_Box]:
    """All boxes but the result's, users before what they use, in an order that the structure alone decides.

    With `depth`, what is nearest to the leaves comes first: what hangs on a chain comes before its next link.
    """
    waiting: dict[int, int] = {}
    order: list[_Box] = []
    counter = 0
    ready: list[tuple[int, int, _Box]] = []
    fresh = list(bottom.inputs)
    while ready or fresh:
        for box in fresh:
            counter += 1
            heappush(ready, (depth[id(box)] if depth is not None else 0, counter, box))
        box = heappop(ready)[2]
        order.append(box)
        fresh = []
        for above in box.inputs:
            left = waiting.get(id(above), len(above.users)) - 1
            waiting[id(above)] = left
            if not left:
                fresh.append(above)
    return order


def _depths(order: list[_Box]) -> dict[int, int]:
    """The longest way from each box to a leaf."""
    depth: dict[int, int] = {}
    for box in reversed(order):
        depth[id(box)] = max((depth[id(above)] + 1 for above in box.inputs), default=0)
    return depth


def _find_scopes(order: list[_Box]) -> None:
    """The module of each operator: the one whose parameters it takes, directly or through views and the like."""
    only: dict[int, str | None] = {}  # of what is computed from parameters alone: their module
    for box in reversed(order):
        if box.kind == "leaf":
            only[id(box)] = box.lines[0].rpartition(".")[0] or None
            continue
        scopes = {only.get(id(above)) for above in box.inputs} - {None}
        box.scope = scopes.pop() or "" if len(scopes) == 1 else ""
        if box.scope:
            box.lines.append(box.scope)
            if all(only.get(id(above)) == box.scope for above in box.inputs):
                only[id(box)] = box.scope


# --- folding: what comes again and again in a row ---------------------------------------------------------------------------


def _folded(bottom: _Box, order: list[_Box]) -> _Graph:
    """The graph with each part that comes three times or more in a row once.

    Where all paths from the result to the leaves go through one operator, the graph can be cut. The parts between the cuts are
    compared by their structure: names of operators, edges, shapes of leaves.
    """
    parts = _parts(order)
    numbers: dict[Any, int] = {}
    kinds = [numbers.setdefault(_structure(part), len(numbers)) for part in parts]
    graph = _Graph([])
    gone: set[int] = set()
    at = 0
    while at < len(parts):
        period, count = _repeats(kinds, at)
        if count < 3:
            at += 1
            continue
        kept, after = parts[at : at + period], parts[at + period * count]
        graph.folded.append(([box for part in kept for box in part], count))
        gone |= {id(box) for part in parts[at + period : at + period * count] for box in part}
        cut = parts[at + period][0]
        for box in kept[-1]:
            box.inputs = [after[0] if above is cut else above for above in box.inputs]
        at += period * count
    graph.boxes = [bottom, *(box for box in order if id(box) not in gone)]
    for box in graph.boxes:
        box.users.clear()
    for box in graph.boxes:
        for above in box.inputs:
            above.users.append(box)
    graph.boxes = [box for box in graph.boxes if box is bottom or box.users]
    left = {id(box) for box in graph.boxes}
    graph.folded = [([box for box in boxes if id(box) in left], count) for boxes, count in graph.folded]
    return graph


def _parts(order: list[_Box]) -> list[list[_Box]]:
    """The boxes between cuts. A part begins with the operator at the cut; leaves are in the first part that uses them."""
    parts: list[list[_Box]] = []
    waiting: set[int] = set()
    for box in order:
        if box.kind == "leaf":
            continue
        if not waiting - {id(box)}:
            parts.append([])
        waiting.discard(id(box))
        parts[-1].append(box)
        waiting.update(id(above) for above in box.inputs if above.kind != "leaf")
    seen: set[int] = set()
    for part in parts:
        for box in list(part):
            for above in box.inputs:
                if above.kind == "leaf" and id(above) not in seen:
                    seen.add(id(above))
                    part.append(above)
    return parts


def _structure(part: list[_Box]) -> Any:
    places = {id(box): i for i, box in enumerate(part)}
    return tuple(
        (
            box.kind if box.kind == "leaf" else box.lines[0],
            tuple(box.shape),
            tuple((above.kind, places.get(id(above), -1), tuple(above.shape)) for above in box.inputs),
        )
        for box in part
    )


def _repeats(kinds: list[int], at: int) -> tuple[int, int]:
    """The period and the number of the repetitions from here on that cover most; what follows them is not among them."""
    best = (1, 1)
    for period in range(1, min(32, (len(kinds) - at) // 3) + 1):
        count = 1
        while kinds[at + period * count : at + period * (count + 1)] == kinds[at : at + period]:
            count += 1
        if at + period * count >= len(kinds):
            count -= 1
        if count >= 3 and period * count > best[0] * best[1]:
            best = (period, count)
    return best


def _dot(graph: _Graph, title: str) -> str:
    """The graph in Graphviz' language."""

    def quoted(value: str) -> str:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'

    names = {id(box): f"n{i}" for i, box in enumerate(graph.boxes)}
    lines = ["digraph {", '  node [style=filled, fontname="Helvetica", shape=box];']
    if title:
        lines.append(f"  label={quoted(title)}; labelloc=t;")
    for box in graph.boxes:
        fill, line = COLOURS[box.kind]
        lines.append(
            f"  {names[id(box)]} [label={quoted(chr(10).join(box.lines))}, fillcolor={quoted(fill)}, color={quoted(line)}, "
            f"tooltip={quoted(box.hint)}];"
        )
    for i, (boxes, count) in enumerate(graph.folded):
        inside = " ".join(f"{names[id(box)]};" for box in boxes)
        lines.append(f'  subgraph cluster{i} {{ style=dashed; label="× {count}"; {inside} }}')
    lines += [f"  {names[id(above)]} -> {names[id(box)]};" for box in graph.boxes for above in box.inputs]
    return "\n".join([*lines, "}"]) + "\n"


# --- layout -----------------------------------------------------------------------------------------------------------------


def _in_layers(boxes: list[_Box]) -> list[list[_Box]]:
    """Every box one layer above its highest user; edges that span more get a bend in each layer they cross."""
    waiting = {box: len(box.users) for box in boxes}
    ready = [box for box in boxes if not waiting[box]]
    while ready:
        box = ready.pop()
        for above in box.inputs:
            above.layer = max(above.layer, box.layer + 1)
            waiting[above] -= 1
            if not waiting[above]:
                ready.append(above)
    for box in list(boxes):
        for index, above in enumerate(box.inputs):
            below, slot = box, index
            for layer in range(box.layer + 1, above.layer):
                bend = _Box("bend", layer=layer, inputs=[above], users=[below])
                above.users[above.users.index(below)] = bend
                below.inputs[slot] = bend
                boxes.append(bend)
                below, slot = bend, 0
    layers: list[list[_Box]] = [[] for _ in range(1 + max(box.layer for box in boxes))]
    for box in boxes:
        layers[box.layer].append(box)
    return layers


def _order(layers: list[list[_Box]], sweeps: int = 12) -> None:
    """Fewer crossings: each layer sorted by where its neighbours stand, upwards and downwards in turn; the best sweep stays."""
    best = [list(layer) for layer in layers]
    fewest = _crossings(layers)
    for sweep in range(sweeps):
        upwards = sweep % 2 == 0
        for index in range(1, len(layers)) if upwards else range(len(layers) - 2, -1, -1):
            reference = layers[index - 1 if upwards else index + 1]
            place = {box: at for at, box in enumerate(reference)}
            old = {box: at for at, box in enumerate(layers[index])}

            def centre(
                box: _Box, place: dict[_Box, int] = place, old: dict[_Box, int] = old, up: bool = upwards
            ) -> float:
                # An input's position among its user's inputs decides ties, so that `a - b` has a on the left.
                spots = [
                    place[n] + (0.01 * n.inputs.index(box) if up else 0)
                    for n in (box.users if up else box.inputs)
                    if n in place
                ]
                return sum(spots) / len(spots) if spots else old[box]

            layers[index].sort(key=centre)
        crossings = _crossings(layers)
        if crossings < fewest:
            fewest, best = crossings, [list(layer) for layer in layers]
    for layer, ordered in zip(layers, best, strict=True):
        layer[:] = ordered


def _crossings(layers: list[list[_Box]]) -> int:
    count = 0
    for lower, upper in zip(layers, layers[1:], strict=False):
        place = {box: at for at, box in enumerate(upper)}
        ends = [place[above] for box in lower for above in sorted(box.inputs, key=place.__getitem__)]
        count += sum(a > b for i, a in enumerate(ends) for b in ends[i + 1 :])
    return count


def _place(layers: list[list[_Box]], sweeps: int = 40) -> None:
    """Positions: each box is drawn to the mean of its neighbours, and pushed apart from the boxes beside it."""
    for layer in layers:
        x = 0.0
        for box in layer:
            box.x = x + box.width / 2
            x += box.width + GAP
        for box in layer:
            box.x -= x / 2
    for sweep in range(sweeps):
        for layer in layers if sweep % 2 else reversed(layers):
            for box in layer:
                near = box.inputs + box.users
                if near:
                    box.x = sum(other.x * other.weight for other in near) / sum(other.weight for other in near)
            _spread(layer)


def _spread(layer: list[_Box]) -> None:
    """The least movement that leaves GAP between neighbours: boxes that collide become one block around their mean."""
    blocks: list[tuple[float, list[tuple[_Box, float]]]] = []  # centre of the block; boxes with their offsets from it
    for box in layer:
        centre, members = box.x, [(box, 0.0)]
        while blocks:
            before, others = blocks[-1]
            last, last_offset = others[-1]
            first, first_offset = members[0]
            room = (centre + first_offset - first.width / 2) - (before + last_offset + last.width / 2)
            if room >= GAP:
                break
            blocks.pop()
            shift = (
                last_offset + last.width / 2 + GAP + first.width / 2 - first_offset
            )  # of members, seen from others' centre
            merged = others + [(b, offset + shift) for b, offset in members]
            old, new = sum(b.weight for b, _ in others), sum(b.weight for b, _ in members)
            centre, members = (before * old + (centre - shift) * new) / (old + new), merged
        blocks.append((centre, members))
    for centre, members in blocks:
        for box, offset in members:
            box.x = centre + offset


def _render(layers: list[list[_Box]], title: str, folded: list[tuple[list[_Box], int]]) -> str:
    boxes: list[_Box] = [box for layer in layers for box in layer]
    left = min(box.x - box.width / 2 for box in boxes) - MARGIN
    right = max(box.x + box.width / 2 for box in boxes) + MARGIN
    width = max(right - left, len(title) * CHAR * 1.15 + 2 * MARGIN)
    left -= (width - (right - left)) / 2
    top = TITLE if title else 0
    height = top + (len(layers) - 1) * LAYER + 2 * MARGIN + 42

    def at(box: _Box) -> tuple[float, float]:
        return box.x - left, top + MARGIN + 21 + (len(layers) - 1 - box.layer) * LAYER

    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="{FONT}" font-size="13">',
            f"<title>{escape(title or 'computation graph')}</title>",
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
            '<path d="M0,0.5 L8,4 L0,7.5 z" fill="#7c8794"/></marker></defs>',
            '<rect width="100%" height="100%" fill="#ffffff"/>',
            *([f'<text x="{MARGIN}" y="34" font-size="15" fill="#2b333b">{escape(title)}</text>'] if title else []),
            *(line for inside, count in folded for line in _frame(inside, count, at)),
            *_edges(boxes, at),
            *(line for box in boxes if box.kind != "bend" for line in _drawn(box, *at(box))),
            "</svg>\n",
        ]
    )


def _frame(boxes: list[_Box], count: int, at: Any) -> list[str]:
    """Around boxes that stand for several."""
    places = [(at(box), box) for box in boxes]
    left = min(x - box.width / 2 for (x, _), box in places) - 10
    right = max(x + box.width / 2 for (x, _), box in places) + 10
    top = min(y - box.height / 2 for (_, y), box in places) - 10
    bottom = max(y + box.height / 2 for (_, y), box in places) + 10
    return [
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}" rx="10" fill="#f6f7f9" '
        'stroke="#7c8794" stroke-dasharray="5 4"/>',
        f'<text x="{right - 6:.1f}" y="{top + 15:.1f}" text-anchor="end" fill="#6b7683" font-size="12">× {count}</text>',
    ]


def _edges(boxes: Iterable[_Box], at: Any) -> list[str]:
    """One path for each edge, from the input down to its user, through the bends."""
    paths = []
    for box in boxes:
        if box.kind == "bend":
            continue
        for slot, above in enumerate(box.inputs):
            points = [at(box)]
            while above.kind == "bend":
                points.append(at(above))
                above = above.inputs[0]
            points.append(at(above))
            points.reverse()
            # Arrows that enter one box spread over its upper side.
            spread = (slot - (len(box.inputs) - 1) / 2) * min(18, box.width / (len(box.inputs) + 1))
            (x0, y0), (x1, y1) = points[0], points[-1]
            points[0] = (x0, y0 + above.height / 2)
            points[-1] = (x1 + spread, y1 - box.height / 2 - 1)
            d = f"M{points[0][0]:.1f},{points[0][1]:.1f}"
            for (xa, ya), (xb, yb) in zip(points, points[1:], strict=False):
                middle = (ya + yb) / 2
                d += f" C{xa:.1f},{middle:.1f} {xb:.1f},{middle:.1f} {xb:.1f},{yb:.1f}"
            paths.append(f'<path d="{d}" fill="none" stroke="#7c8794" stroke-width="1.3" marker-end="url(#tip)"/>')
    return paths


def _drawn(box: _Box, x: float, y: float) -> list[str]:
    fill, line = COLOURS[box.kind]
    radius = {"leaf": 4, "operator": 8, "result": 15}[box.kind]
    drawn = [
        "<g>",
        *([f"<title>{escape(box.hint)}</title>"] if box.hint else []),
        f'<rect x="{x - box.width / 2:.1f}" y="{y - box.height / 2:.1f}" width="{box.width:.1f}" height="{box.height}" '
        f'rx="{radius}" fill="{fill}" stroke="{line}" stroke-width="1.2"/>',
    ]
    for index, text in enumerate(box.lines):
        baseline = y + 4.6 + (index - (len(box.lines) - 1) / 2) * 16
        style = 'fill="#6b7683" font-size="12"' if index else 'fill="#1f262d"'
        drawn.append(f'<text x="{x:.1f}" y="{baseline:.1f}" text-anchor="middle" {style}>{escape(text)}</text>')
    drawn.append("</g>")
    return drawn
