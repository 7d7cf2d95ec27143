"""A radix tree over token ids: which of many kept beginnings shares most with a prompt.

Edges hold runs of tokens, so that a thousand prompts with one document in front cost its tokens
once (D. R. Morrison, PATRICIA, JACM 1968).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Value = TypeVar("Value")
Tokens = tuple[int, ...]


@dataclass(slots=True)
class _Node(Generic[Value]):
    run: Tokens  #: tokens between the parent and here
    value: Value | None = None
    children: dict[int, "_Node[Value]"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Match(Generic[Value]):
    """A kept value and how many leading tokens it shares with what was asked for."""

    value: Value
    length: int


class RadixTree(Generic[Value]):
    """Values by token sequences."""

    def __init__(self) -> None:
        self._root: _Node[Value] = _Node(())

    def put(self, tokens: Tokens, value: Value) -> None:
        """Set the value of exactly these tokens."""
        node, rest = self._root, tokens
        while rest:
            child = node.children.get(rest[0])
            if child is None:
                node.children[rest[0]] = _Node(rest, value)
                return
            shared = common_length(child.run, rest)
            if shared < len(child.run):
                child = _split(node, child, shared)
            node, rest = child, rest[shared:]
        node.value = value

    def remove(self, tokens: Tokens) -> None:
        """Forget the value of exactly these tokens, and branches that lead nowhere now."""
        path = self._path(tokens)
        if not path:
            return
        path[-1].value = None
        for parent, node in zip(reversed(path[:-1]), reversed(path[1:]), strict=True):
            if node.value is not None or len(node.children) > 1:
                break
            if node.children:
                (only,) = node.children.values()
                only.run = node.run + only.run
                parent.children[only.run[0]] = only
                break
            del parent.children[node.run[0]]

    def get(self, tokens: Tokens) -> Value | None:
        """The value of exactly these tokens."""
        path = self._path(tokens)
        return path[-1].value if path else None

    def beginning(self, tokens: Sequence[int]) -> Match[Value] | None:
        """The value of the longest kept beginning of `tokens`."""
        passed, length = self._walk(tokens)
        found, depth = None, 0
        for node in passed:
            depth += len(node.run)
            if node.value is not None and depth <= length:
                found = Match(node.value, depth)
        return found

    def nearest(self, tokens: Sequence[int]) -> Match[Value] | None:
        """A value that shares as many leading tokens with `tokens` as any does."""
        passed, length = self._walk(tokens)
        value = _any_value(passed[-1])
        return None if value is None or not length else Match(value, length)

    def _path(self, tokens: Tokens) -> list[_Node[Value]]:
        """The nodes from the root to exactly these tokens; empty when they are not there."""
        path, rest = [self._root], tokens
        while rest:
            child = path[-1].children.get(rest[0])
            if child is None or rest[: len(child.run)] != child.run:
                return []
            path.append(child)
            rest = rest[len(child.run) :]
        return path

    def _walk(self, tokens: Sequence[int]) -> tuple[list[_Node[Value]], int]:
        """The nodes passed from the root on, and how many tokens were shared on the way."""
        passed, depth = [self._root], 0
        while depth < len(tokens) and (child := passed[-1].children.get(tokens[depth])) is not None:
            shared = common_length(child.run, tokens[depth : depth + len(child.run)])
            depth += shared
            passed.append(child)
            if shared < len(child.run):
                break
        return passed, depth


def _split(parent: _Node[Value], child: _Node[Value], length: int) -> _Node[Value]:
    """A new node in the middle of the way to `child`."""
    upper: _Node[Value] = _Node(child.run[:length])
    child.run = child.run[length:]
    upper.children[child.run[0]] = child
    parent.children[upper.run[0]] = upper
    return upper


def _any_value(node: _Node[Value]) -> Value | None:
    while node.value is None and node.children:
        node = next(iter(node.children.values()))
    return node.value


def common_length(left: Sequence[int], right: Sequence[int]) -> int:
    """How many leading tokens two sequences share."""
    shared = 0
    for ours, theirs in zip(left, right, strict=False):
        if ours != theirs:
            break
        shared += 1
    return shared
