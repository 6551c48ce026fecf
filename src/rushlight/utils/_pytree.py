"""Trees of containers: nested dicts, lists, tuples, … as a flat list of leaves and a description of the rest.

``leaves, spec = tree_flatten(tree)``, and ``tree_unflatten(leaves, spec)`` is the tree again. What is no registered
container is a leaf (None is one, too). `register_pytree_node` adds containers of your own.
"""

from __future__ import annotations

import json
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import Any, NamedTuple

__all__ = [
    "Context",
    "GetAttrKey",
    "KeyEntry",
    "KeyPath",
    "LeafSpec",
    "MappingKey",
    "PyTree",
    "SequenceKey",
    "TreeSpec",
    "key_get",
    "keystr",
    "register_constant",
    "register_dataclass",
    "register_pytree_node",
    "tree_all",
    "tree_all_only",
    "tree_any",
    "tree_any_only",
    "tree_flatten",
    "tree_flatten_with_path",
    "tree_is_leaf",
    "tree_iter",
    "tree_leaves",
    "tree_leaves_with_path",
    "tree_map",
    "tree_map_",
    "tree_map_only",
    "tree_map_only_",
    "tree_map_with_path",
    "tree_structure",
    "tree_unflatten",
    "treespec_dumps",
    "treespec_loads",
    "treespec_pprint",
]

PyTree = Any
Context = Any
KeyEntry = Any
KeyPath = tuple[Any, ...]
IsLeaf = Callable[[Any], bool] | None


class NodeDef(NamedTuple):
    """How a container comes apart and together."""

    type: type
    flatten_fn: Callable[[Any], tuple[list[Any], Any]]
    unflatten_fn: Callable[[Iterable[Any], Any], Any]
    flatten_with_keys_fn: Callable[[Any], tuple[list[tuple[Any, Any]], Any]] | None
    name: str
    dump: Callable[[Any], Any] | None
    load: Callable[[Any], Any] | None


SUPPORTED_NODES: dict[Any, NodeDef] = {}
CONSTANT_NODES: set[type] = set()


# --- paths --------------------------------------------------------------------------------------------------------------


class SequenceKey(NamedTuple):
    """A place in a list or tuple."""

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx!r}]"

    def get(self, sequence: Any) -> Any:
        return sequence[self.idx]


class MappingKey(NamedTuple):
    """A key of a dict."""

    key: Any

    def __str__(self) -> str:
        return f"[{self.key!r}]"

    def get(self, mapping: Any) -> Any:
        return mapping[self.key]


class GetAttrKey(NamedTuple):
    """An attribute."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"

    def get(self, obj: Any) -> Any:
        return getattr(obj, self.name)


def keystr(kp: KeyPath) -> str:
    """A path as one would write it: ``['a'][0].x``."""
    return "".join(map(str, kp))


def key_get(obj: Any, kp: KeyPath) -> Any:
    """What is at a path."""
    for k in kp:
        obj = k.get(obj)
    return obj


# --- containers -----------------------------------------------------------------------------------------------------------


def register_pytree_node(
    cls: type,
    flatten_fn: Callable[[Any], tuple[list[Any], Any]],
    unflatten_fn: Callable[[Iterable[Any], Any], Any],
    *,
    serialized_type_name: str | None = None,
    to_dumpable_context: Callable[[Any], Any] | None = None,
    from_dumpable_context: Callable[[Any], Any] | None = None,
    flatten_with_keys_fn: Callable[[Any], tuple[list[tuple[Any, Any]], Any]] | None = None,
) -> None:
    """Makes a class a container.

    flatten_fn(obj) gives its children and a context; unflatten_fn(children, context) the object again. The dumpable
    context is what `treespec_dumps` writes, under the serialized name; flatten_with_keys_fn gives pairs of key and child.
    """
    if cls in SUPPORTED_NODES:
        raise ValueError(f"{cls} is already registered as pytree node.")
    if (to_dumpable_context is None) != (from_dumpable_context is None):
        raise ValueError(f"Both to_dumpable_context and from_dumpable_context for {cls} must be None or registered.")
    name = serialized_type_name or f"{cls.__module__}.{cls.__qualname__}"
    SUPPORTED_NODES[cls] = NodeDef(
        cls, flatten_fn, unflatten_fn, flatten_with_keys_fn, name, to_dumpable_context, from_dumpable_context
    )


_register_pytree_node = register_pytree_node
_private_register_pytree_node = register_pytree_node


def _deregister_pytree_node(cls: type) -> None:
    del SUPPORTED_NODES[cls]
    CONSTANT_NODES.discard(cls)


def register_dataclass(
    cls: type, *, field_names: list[str] | None = None, drop_field_names: list[str] | None = None, **options: Any
) -> None:
    """Makes a dataclass a container of its fields, but for those to be dropped."""
    import dataclasses

    if field_names is None:
        if not dataclasses.is_dataclass(cls):
            raise ValueError(f"field_names must be specified with a list of all fields used to initialize {cls}.")
        dropped = drop_field_names or []
        field_names = [f.name for f in dataclasses.fields(cls) if f.init and f.name not in dropped]
    names = tuple(field_names)

    def flatten(obj: Any) -> tuple[list[Any], Any]:
        there = [n for n in names if getattr(obj, n) is not None]
        return [getattr(obj, n) for n in there], (there, [n for n in names if n not in there])

    def unflatten(values: Iterable[Any], context: Any) -> Any:
        there, absent = context
        return cls(**dict(zip(there, values, strict=True)), **dict.fromkeys(absent))

    def with_keys(obj: Any) -> tuple[list[tuple[Any, Any]], Any]:
        children, context = flatten(obj)
        return [(GetAttrKey(n), v) for n, v in zip(context[0], children, strict=True)], context

    register_pytree_node(cls, flatten, unflatten, flatten_with_keys_fn=with_keys, **options)


class _Constant:
    """An object as the context of a node without children."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Constant) and bool(self.value == other.value)

    def __hash__(self) -> int:
        return hash(self.value)


def register_constant(cls: type) -> None:
    """Makes a class, whose objects can be compared and hashed, part of a tree's description instead of a leaf."""
    for name in ("__eq__", "__hash__"):
        if getattr(cls, name) in (None, getattr(object, name)):
            raise TypeError(f"register_constant(cls) expects `cls` to have a non-default `{name}` implementation.")
    register_pytree_node(
        cls,
        lambda x: ([], _Constant(x)),
        lambda _, context: context.value,
        flatten_with_keys_fn=lambda x: ([], _Constant(x)),
    )
    CONSTANT_NODES.add(cls)


def is_namedtuple_class(cls: Any) -> bool:
    """Whether a class was made by `namedtuple`."""
    return isinstance(cls, type) and issubclass(cls, tuple) and isinstance(getattr(cls, "_fields", None), tuple)


def is_namedtuple(obj: Any) -> bool:
    """Whether an object is a named tuple, or its class."""
    return is_namedtuple_class(obj if isinstance(obj, type) else type(obj))


def is_namedtuple_instance(obj: Any) -> bool:
    """Whether an object is a named tuple."""
    return is_namedtuple_class(type(obj))


def _node_type(tree: Any) -> Any:
    cls = type(tree)
    if cls in SUPPORTED_NODES:
        return cls
    if cls.__base__ is tuple and is_namedtuple_class(cls):
        return NamedTuple
    return cls


def _pairs(keys: Iterable[Any], make: Callable[[Any], Any], children: Iterable[Any]) -> list[tuple[Any, Any]]:
    return [(make(k), v) for k, v in zip(keys, children, strict=True)]


def _keyed(flatten: Callable[[Any], Any], keys: Callable[[Any], Iterable[Any]], make: Callable[[Any], Any]) -> Any:
    def with_keys(tree: Any) -> tuple[list[tuple[Any, Any]], Any]:
        children, context = flatten(tree)
        return _pairs(keys(tree), make, children), context

    return with_keys


def _basic(
    cls: Any, flatten: Any, unflatten: Any, keys: Any, make: Any, name: str, dump: Any = None, load: Any = None
) -> None:
    SUPPORTED_NODES[cls] = NodeDef(cls, flatten, unflatten, _keyed(flatten, keys, make), name, dump, load)


def _refuse_dump(context: Any) -> Any:
    raise NotImplementedError(
        f"Can't serialize TreeSpec of namedtuple class {context} because we didn't register a serializated_type_name. "
        "Please register using `_register_namedtuple`."
    )


def _places(tree: Any) -> range:
    return range(len(tree))


_basic(tuple, lambda t: (list(t), None), lambda v, _: tuple(v), _places, SequenceKey, "builtins.tuple")
_basic(list, lambda t: (list(t), None), lambda v, _: list(v), _places, SequenceKey, "builtins.list")
_basic(
    dict,
    lambda t: (list(t.values()), list(t)),
    lambda v, keys: dict(zip(keys, v, strict=True)),
    list,
    MappingKey,
    "builtins.dict",
)
_basic(
    OrderedDict,
    lambda t: (list(t.values()), list(t)),
    lambda v, keys: OrderedDict(zip(keys, v, strict=True)),
    list,
    MappingKey,
    "collections.OrderedDict",
)
_basic(
    defaultdict,
    lambda t: (list(t.values()), [t.default_factory, list(t)]),
    lambda v, context: defaultdict(context[0], dict(zip(context[1], v, strict=True))),
    list,
    MappingKey,
    "collections.defaultdict",
    lambda context: {
        "default_factory_module": context[0].__module__,
        "default_factory_name": context[0].__qualname__,
        "dict_context": context[1],
    },
    lambda context: [
        getattr(import_module(context["default_factory_module"]), context["default_factory_name"]),
        context["dict_context"],
    ],
)
_basic(
    deque,
    lambda t: (list(t), t.maxlen),
    lambda v, maxlen: deque(v, maxlen=maxlen),
    _places,
    SequenceKey,
    "collections.deque",
)
_basic(
    NamedTuple,
    lambda t: (list(t), type(t)),
    lambda v, cls: cls._make(v) if hasattr(cls, "_make") else cls(v),  # results with names have no _make
    lambda t: t._fields,
    GetAttrKey,
    "collections.namedtuple",
    _refuse_dump,
    _refuse_dump,
)


# --- descriptions ---------------------------------------------------------------------------------------------------------


class TreeSpec:
    """A tree without its leaves: the type of the root, its context, and the children's descriptions."""

    __slots__ = ("_children", "_context", "_type", "num_leaves", "num_nodes")

    num_nodes: int
    num_leaves: int

    def __init__(self, type: Any, context: Any, children: Sequence[TreeSpec]) -> None:
        self._type, self._context, self._children = type, context, list(children)
        self.num_nodes = 1 + sum(c.num_nodes for c in self._children)
        self.num_leaves = 1 if type is None else sum(c.num_leaves for c in self._children)

    @property
    def num_children(self) -> int:
        return len(self._children)

    @property
    def type(self) -> Any:
        return self._type

    @property
    def context(self) -> Any:
        return self._context

    @property
    def children_specs(self) -> list[TreeSpec]:
        return self._children

    def children(self) -> list[TreeSpec]:
        return list(self._children)

    def child(self, index: int) -> TreeSpec:
        return self._children[index]

    def is_leaf(self) -> bool:
        return self._type is None

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, TreeSpec):
            return NotImplemented
        return (
            self._type is other._type
            and self._context == other._context
            and self.num_leaves == other.num_leaves
            and self._children == other._children
        )

    def __hash__(self) -> int:
        context = self._context
        if isinstance(context, list):
            context = repr(context)
        return hash((self._type, context, tuple(self._children)))

    def __repr__(self) -> str:
        return self._text(0)

    def _text(self, indent: int) -> str:
        if self._type is None:
            return "*"
        name = "namedtuple" if self._type is NamedTuple else self._type.__name__
        start = f"TreeSpec({name}, {self._context}, ["
        indent += 2
        if not self._children:
            return start + "])"
        rest = [c._text(indent) for c in self._children[1:]]
        text = self._children[0]._text(indent)
        if rest:
            space = " " * indent
            text += ",\n" + ",\n".join(space + r for r in rest)
        return start + text + "])"

    def flatten_up_to(self, tree: Any) -> list[Any]:
        """The subtrees of `tree` that stand where this tree has its leaves."""
        found: list[Any] = []
        self._flatten_up_to(tree, found)
        return found

    def _flatten_up_to(self, tree: Any, found: list[Any]) -> None:
        if self._type is None:
            found.append(tree)
            return
        kind = _node_type(tree)
        dicts = (dict, OrderedDict, defaultdict)
        if kind is not self._type and not (kind in dicts and self._type in dicts):
            expected = self._context if self._type is NamedTuple else self._type
            raise ValueError(f"Node type mismatch; expected {expected!r}, but got {type(tree)!r}.")
        if kind not in SUPPORTED_NODES:
            raise ValueError(f"Node type mismatch; expected {self._type!r}, but got {type(tree)!r}.")
        children, context = SUPPORTED_NODES[kind].flatten_fn(tree)
        if kind in dicts:
            keys = self._context[1] if self._type is defaultdict else self._context
            if set(keys) != set(tree):
                missing, extra = set(keys) - set(tree), set(tree) - set(keys)
                text = f"; missing key(s): {missing}" if missing else ""
                text += f"; extra key(s): {extra}" if extra else ""
                raise ValueError(f"Node keys mismatch{text}.")
            children = [tree[k] for k in keys]
        elif len(children) != len(self._children):
            raise ValueError(f"Node arity mismatch; expected {len(self._children)}, but got {len(children)}.")
        elif kind is not deque and context != self._context:
            raise ValueError(f"Node context mismatch for custom node type {self._type!r}.")
        for spec, child in zip(self._children, children, strict=True):
            spec._flatten_up_to(child, found)

    def unflatten(self, leaves: Iterable[Any]) -> Any:
        """The tree with these leaves."""
        if not isinstance(leaves, (list, tuple)):
            leaves = list(leaves)
        if len(leaves) != self.num_leaves:
            raise ValueError(
                f"treespec.unflatten(leaves): `leaves` has length {len(leaves)} but the spec refers to a pytree that holds "
                f"{self.num_leaves} items ({self})."
            )
        return self._build(iter(leaves))

    def _build(self, leaves: Any) -> Any:
        if self._type is None:
            return next(leaves)
        return SUPPORTED_NODES[self._type].unflatten_fn([c._build(leaves) for c in self._children], self._context)


def LeafSpec() -> TreeSpec:
    """The description of a leaf."""
    return _LEAF


_LEAF = TreeSpec(None, None, [])
_ONE = TreeSpec(tuple, None, [_LEAF])


# --- flat and back --------------------------------------------------------------------------------------------------------


def _flatten(tree: Any, leaves: list[Any], is_leaf: IsLeaf) -> TreeSpec:
    cls = type(tree)
    node = SUPPORTED_NODES.get(cls)
    if node is None and cls.__base__ is tuple and is_namedtuple_class(cls):
        cls, node = NamedTuple, SUPPORTED_NODES[NamedTuple]
    if node is None or (is_leaf is not None and is_leaf(tree)):
        leaves.append(tree)
        return _LEAF
    children, context = node.flatten_fn(tree)
    return TreeSpec(cls, context, [_flatten(c, leaves, is_leaf) for c in children])


def tree_flatten(tree: PyTree, is_leaf: IsLeaf = None) -> tuple[list[Any], TreeSpec]:
    """The leaves in order and the description of the rest. `is_leaf`: what else is not to be taken apart."""
    leaves: list[Any] = []
    spec = _flatten(tree, leaves, is_leaf)
    return leaves, spec


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> PyTree:
    """The tree of this description with these leaves."""
    if not isinstance(treespec, TreeSpec):
        raise TypeError(f"Expected `treespec` to be an instance of PyTreeSpec but got item of type {type(treespec)}.")
    return treespec.unflatten(leaves)


def tree_iter(tree: PyTree, is_leaf: IsLeaf = None) -> Iterable[Any]:
    """The leaves, one after the other."""
    yield from tree_flatten(tree, is_leaf)[0]


def tree_leaves(tree: PyTree, is_leaf: IsLeaf = None) -> list[Any]:
    """The leaves."""
    return tree_flatten(tree, is_leaf)[0]


def tree_structure(tree: PyTree, is_leaf: IsLeaf = None) -> TreeSpec:
    """The description."""
    return tree_flatten(tree, is_leaf)[1]


def tree_is_leaf(tree: PyTree, is_leaf: IsLeaf = None) -> bool:
    """Whether the tree is but a leaf."""
    return (is_leaf is not None and is_leaf(tree)) or _node_type(tree) not in SUPPORTED_NODES


def arg_tree_leaves(*args: PyTree, **kwargs: PyTree) -> list[Any]:
    """The leaves of all arguments."""
    return tree_leaves((args, kwargs))


def tree_map(func: Callable[..., Any], tree: PyTree, *rests: PyTree, is_leaf: IsLeaf = None) -> PyTree:
    """The tree of func(leaf, …), with what the other trees have at each place."""
    leaves, spec = tree_flatten(tree, is_leaf)
    return spec.unflatten(list(map(func, leaves, *(spec.flatten_up_to(r) for r in rests))))


def tree_map_(func: Callable[..., Any], tree: PyTree, *rests: PyTree, is_leaf: IsLeaf = None) -> PyTree:
    """Calls func(leaf, …) for all leaves and gives the tree itself."""
    leaves, spec = tree_flatten(tree, is_leaf)
    for _ in map(func, leaves, *(spec.flatten_up_to(r) for r in rests)):
        pass
    return tree


def _only(kinds: Any) -> Callable[[Any], bool]:
    if callable(kinds) and not isinstance(kinds, type):
        import types

        if not isinstance(kinds, types.UnionType):
            return kinds
    return lambda x: isinstance(x, kinds)


def map_only(type_or_types_or_pred: Any, /) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    """A decorator: the function where the condition holds, else the thing itself."""
    applies = _only(type_or_types_or_pred)
    return lambda func: lambda x: func(x) if applies(x) else x


def tree_map_only(type_or_types_or_pred: Any, /, func: Any, tree: PyTree, is_leaf: IsLeaf = None) -> PyTree:
    """tree_map over the leaves of these types, or for which the predicate holds; others stay."""
    return tree_map(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_map_only_(type_or_types_or_pred: Any, /, func: Any, tree: PyTree, is_leaf: IsLeaf = None) -> PyTree:
    """tree_map_ over the leaves of these types."""
    return tree_map_(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_all(pred: Callable[[Any], bool], tree: PyTree, is_leaf: IsLeaf = None) -> bool:
    """Whether pred holds for all leaves."""
    return all(map(pred, tree_leaves(tree, is_leaf)))


def tree_any(pred: Callable[[Any], bool], tree: PyTree, is_leaf: IsLeaf = None) -> bool:
    """Whether pred holds for some leaf."""
    return any(map(pred, tree_leaves(tree, is_leaf)))


def tree_all_only(type_or_types: Any, /, pred: Callable[[Any], bool], tree: PyTree, is_leaf: IsLeaf = None) -> bool:
    """Whether pred holds for all leaves of these types."""
    applies = _only(type_or_types)
    return all(pred(x) for x in tree_leaves(tree, is_leaf) if applies(x))


def tree_any_only(type_or_types: Any, /, pred: Callable[[Any], bool], tree: PyTree, is_leaf: IsLeaf = None) -> bool:
    """Whether pred holds for some leaf of these types."""
    applies = _only(type_or_types)
    return any(pred(x) for x in tree_leaves(tree, is_leaf) if applies(x))


# --- with paths -------------------------------------------------------------------------------------------------------------


def _with_paths(path: KeyPath, tree: Any, is_leaf: IsLeaf) -> Iterable[tuple[KeyPath, Any]]:
    if tree_is_leaf(tree, is_leaf):
        yield path, tree
        return
    node = SUPPORTED_NODES[_node_type(tree)]
    if node.flatten_with_keys_fn is None:
        raise ValueError(
            f"Did not find a flatten_with_keys_fn for type: {type(tree)}. Please pass a flatten_with_keys_fn."
        )
    for key, child in node.flatten_with_keys_fn(tree)[0]:
        yield from _with_paths((*path, key), child, is_leaf)


def tree_flatten_with_path(tree: PyTree, is_leaf: IsLeaf = None) -> tuple[list[tuple[KeyPath, Any]], TreeSpec]:
    """tree_flatten, each leaf with its path."""
    return list(_with_paths((), tree, is_leaf)), tree_structure(tree, is_leaf)


def tree_leaves_with_path(tree: PyTree, is_leaf: IsLeaf = None) -> list[tuple[KeyPath, Any]]:
    """The leaves, each with its path."""
    return list(_with_paths((), tree, is_leaf))


def tree_map_with_path(func: Callable[..., Any], tree: PyTree, *rests: PyTree, is_leaf: IsLeaf = None) -> PyTree:
    """The tree of func(path, leaf, …)."""
    found, spec = tree_flatten_with_path(tree, is_leaf)
    others = (spec.flatten_up_to(r) for r in rests)
    return spec.unflatten(list(map(func, [p for p, _ in found], [x for _, x in found], *others)))


def _broadcast_to_and_flatten(tree: PyTree, treespec: TreeSpec, is_leaf: IsLeaf = None) -> list[Any] | None:
    """The leaves of a tree that may have a leaf where the description has a subtree, repeated; None if it does not fit."""
    if tree_is_leaf(tree, is_leaf):
        return [tree] * treespec.num_leaves
    if treespec.is_leaf() or _node_type(tree) is not treespec.type:
        return None
    children, context = SUPPORTED_NODES[treespec.type].flatten_fn(tree)
    if len(children) != treespec.num_children or context != treespec.context:
        return None
    found: list[Any] = []
    for child, spec in zip(children, treespec.children_specs, strict=True):
        part = _broadcast_to_and_flatten(child, spec, is_leaf)
        if part is None:
            return None
        found += part
    return found


# --- text -----------------------------------------------------------------------------------------------------------------


def _to_json(spec: TreeSpec) -> dict[str, Any]:
    if spec.is_leaf():
        return {"type": None, "context": None, "children_spec": []}
    node = SUPPORTED_NODES[spec.type]
    context = node.dump(spec.context) if node.dump is not None else spec.context
    return {
        "type": node.name,
        "context": json.dumps(context),
        "children_spec": [_to_json(c) for c in spec.children_specs],
    }


def treespec_dumps(treespec: TreeSpec, protocol: int | None = None) -> str:
    """The description as JSON."""
    if not isinstance(treespec, TreeSpec):
        raise TypeError(f"Expected `treespec` to be an instance of PyTreeSpec but got item of type {type(treespec)}.")
    if protocol not in (None, 1):
        raise ValueError(f"Unknown protocol {protocol}. Available protocols: [1]")
    return json.dumps([1, _to_json(treespec)])


def _from_json(data: dict[str, Any]) -> TreeSpec:
    if data["type"] is None and data["context"] is None and not data["children_spec"]:
        return _LEAF
    for cls, node in SUPPORTED_NODES.items():
        if node.name == data["type"]:
            context = json.loads(data["context"])
            if node.load is not None:
                context = node.load(context)
            return TreeSpec(cls, context, [_from_json(c) for c in data["children_spec"]])
    raise NotImplementedError(
        f"Deserializing {data['type']} in pytree is not registered. Register it with `register_pytree_node`."
    )


def treespec_loads(serialized: str) -> TreeSpec:
    """What treespec_dumps wrote."""
    protocol, data = json.loads(serialized)
    if protocol != 1:
        raise ValueError(f"Unknown protocol {protocol}. Available protocols: [1]")
    return _from_json(data)


class _Star:
    def __repr__(self) -> str:
        return "*"


def treespec_pprint(treespec: TreeSpec) -> str:
    """The tree with stars for leaves."""
    star = _Star()
    return repr(treespec.unflatten([star] * treespec.num_leaves))
