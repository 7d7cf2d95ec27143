"""The radix tree finds what a search through all keys finds."""

from hypothesis import given
from hypothesis import strategies as st

from workers.engine.radix import RadixTree, Tokens, common_length

#: Few different tokens, so that keys share much.
KEYS = st.lists(st.integers(0, 2), max_size=8).map(tuple)
CHANGES = st.lists(st.tuples(st.booleans(), KEYS), max_size=40)


def grown(changes: list[tuple[bool, Tokens]]) -> tuple[RadixTree[Tokens], set[Tokens]]:
    """A tree and the keys it should hold; each value is its key."""
    tree: RadixTree[Tokens] = RadixTree()
    keys: set[Tokens] = set()
    for added, key in changes:
        if added:
            tree.put(key, key)
            keys.add(key)
        else:
            tree.remove(key)
            keys.discard(key)
    return tree, keys


@given(CHANGES, KEYS)
def test_finds_exactly_what_is_there(changes: list[tuple[bool, Tokens]], asked: Tokens) -> None:
    tree, keys = grown(changes)
    assert tree.get(asked) == (asked if asked in keys else None)
    assert all(tree.get(key) == key for key in keys)


@given(CHANGES, KEYS)
def test_finds_the_longest_beginning(changes: list[tuple[bool, Tokens]], asked: Tokens) -> None:
    tree, keys = grown(changes)
    found = tree.beginning(list(asked))
    beginnings = [key for key in keys if asked[: len(key)] == key]
    if found is None:
        assert not beginnings
    else:
        assert found.value == max(beginnings, key=len)
        assert found.length == len(found.value)


@given(CHANGES, KEYS)
def test_finds_one_that_shares_most(changes: list[tuple[bool, Tokens]], asked: Tokens) -> None:
    tree, keys = grown(changes)
    most = max((common_length(key, asked) for key in keys), default=0)
    found = tree.nearest(list(asked))
    if found is None:
        assert not most
    else:
        assert found.value in keys
        assert found.length == common_length(found.value, asked) == most


@given(CHANGES)
def test_keeps_no_branch_that_leads_nowhere(changes: list[tuple[bool, Tokens]]) -> None:
    tree, _ = grown(changes)
    nodes = [tree._root]
    for node in nodes:
        nodes.extend(node.children.values())
        if node is not tree._root:
            assert node.run
            assert node.value is not None or len(node.children) > 1


def test_a_key_set_again_has_the_new_value() -> None:
    tree: RadixTree[str] = RadixTree()
    tree.put((1, 2, 3), "old")
    tree.put((1, 2), "shorter")
    tree.put((1, 2, 3), "new")
    assert (tree.get((1, 2)), tree.get((1, 2, 3))) == ("shorter", "new")


def test_counts_shared_tokens() -> None:
    assert common_length([1, 2, 4], (1, 2, 3)) == 2
    assert common_length((1, 2), [1, 2, 3]) == 2
    assert common_length([], (1,)) == 0
