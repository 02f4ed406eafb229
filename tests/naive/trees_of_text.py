"""A table of three columns with small hierarchies, for tests of lattices."""

import hypothesis.strategies as st

import shoal

TREES = [
    {leaf: (leaf, leaf[0], "*") for leaf in ("aa", "ab", "ac", "ba", "bb", "ca")},
    {leaf: (leaf, leaf[:2], leaf[0], "*") for leaf in ("xxx", "xxy", "xyx", "yxx", "yyx")},
    {leaf: (leaf, "*") for leaf in ("m", "f")},
]
COLUMNS = ["one", "two", "three"]


def roles() -> dict[str, shoal.QuasiIdentifier]:
    return {
        name: shoal.QuasiIdentifier(hierarchy=shoal.NamedTree(nodes=_leaves_listed(tree)))
        for name, tree in zip(COLUMNS, TREES, strict=True)
    }


def _leaves_listed(tree: dict[str, tuple[str, ...]]) -> dict[str, object]:
    def below(prefix: tuple[str, ...], depth: int) -> object:
        children = sorted({path[depth] for path in tree.values() if path[depth + 1 :] == prefix})
        if depth == 0:
            return children
        return {child: below((child, *prefix), depth - 1) for child in children}

    height = len(next(iter(tree.values())))
    return {"*": below(("*",), height - 2)}


@st.composite
def rows_of(draw: st.DrawFn) -> list[tuple[str, ...]]:
    row = st.tuples(*(st.sampled_from(sorted(tree)) for tree in TREES), st.sampled_from("pqr"))
    return draw(st.lists(row, min_size=1, max_size=25))
