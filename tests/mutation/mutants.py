"""Mutants of a source file: one comparison, operator, constant or condition changed, nothing else."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
}


@dataclass(frozen=True)
class Mutant:
    """A change of one expression: where it is, what it was, what it is now, and the whole source with it."""

    line: int
    before: str
    after: str
    source: str

    @property
    def change(self) -> str:
        """Key of the change: stays the same when lines move."""
        return f"{self.before} -> {self.after}"


def replaced(node: ast.expr) -> ast.expr | None:
    """Return the mutated expression, or None if there is nothing to mutate."""
    match node:
        case ast.Compare(ops=[operator], left=left, comparators=comparators):
            return ast.Compare(left, [COMPARISONS[type(operator)]()], comparators)
        case ast.Compare(ops=[first, *rest], left=left, comparators=comparators):
            return ast.Compare(left, [COMPARISONS[type(first)](), *rest], comparators)
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in OPERATORS and not is_text(node):
            return ast.BinOp(left, OPERATORS[type(operator)](), right)
        case ast.BoolOp(op=ast.And(), values=values):
            return ast.BoolOp(ast.Or(), values)
        case ast.BoolOp(values=values):
            return ast.BoolOp(ast.And(), values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return operand
        case ast.Constant(value=bool(value)):
            return ast.Constant(not value)
        case ast.Constant(value=int(value)):
            return ast.Constant(value + 1)
        case ast.Constant(value=float(value)):
            return ast.Constant(value + 1.0)
        case _:
            return None


def is_text(node: ast.BinOp) -> bool:
    """Whether text is put together, or types are joined: neither is arithmetic."""
    return any(isinstance(side, ast.JoinedStr | ast.List) or side_is_text(side) for side in (node.left, node.right))


def side_is_text(side: ast.expr) -> bool:
    return isinstance(side, ast.Constant) and (side.value is None or isinstance(side.value, str | bytes))


def expressions(node: ast.AST) -> Iterator[ast.expr]:
    """Yield what runs: no annotation, type alias, message or docstring."""
    if isinstance(node, ast.Constant | ast.Compare | ast.BinOp | ast.BoolOp | ast.UnaryOp):
        yield node
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list"} or isinstance(node, ast.JoinedStr | ast.Raise):
            continue
        if isinstance(node, ast.Assign) and is_alias(node):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from expressions(child)


def is_alias(node: ast.Assign) -> bool:
    """Whether `Name = int | float` or `Name = Array[np.int64]` is assigned."""
    return isinstance(node.value, ast.BinOp) and isinstance(node.value.op, ast.BitOr)


def mutants(source: str) -> list[Mutant]:
    """Return all mutants of a source, in its order."""
    lines = source.encode().splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    raw = source.encode()
    found: list[Mutant] = []
    for node in expressions(ast.parse(source)):
        changed = replaced(node)
        if changed is None or node.end_lineno is None or node.end_col_offset is None:
            continue
        begin = starts[node.lineno - 1] + node.col_offset
        end = starts[node.end_lineno - 1] + node.end_col_offset
        after = ast.unparse(changed)
        text = raw[:begin] + f"({after})".encode() + raw[end:]
        line = lines[node.lineno - 1].decode().strip()
        before = ast.unparse(node)
        context = "" if not isinstance(node, ast.Constant) else f" in `{line}`"
        found.append(Mutant(node.lineno, before, after + context, text.decode()))
    return found


def sampled(source: str, seed: str, n: int) -> list[Mutant]:
    """Return `n` mutants of a source drawn under a seed, or all if `n` is 0 or there are fewer."""
    found = mutants(source)
    if not 0 < n < len(found):
        return found
    return sorted(Random(seed).sample(found, n), key=lambda mutant: mutant.line)
