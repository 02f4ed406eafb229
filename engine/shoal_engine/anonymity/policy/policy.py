"""The policy: what a release promises, and the role of every column that it keeps.

A policy is a frozen value. It is written in Python or in TOML::

    k = 10
    suppress = 0.01

    [identifier.name]

    [quasi_identifier.age]
    output = "bounds"

    [quasi_identifier.zip]
    hierarchy = { kind = "prefix" }

    [sensitive.diagnosis]
    models = [{ kind = "distinct", l = 3 }]

A column that the policy does not name is dropped. There is no default `k`.
"""

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from shoal_engine.anonymity.policy.hierarchies import Hierarchy
from shoal_engine.anonymity.policy.methods import FullDomain
from shoal_engine.anonymity.policy.people_models import DeltaPresence, check_countable
from shoal_engine.anonymity.policy.release_terms import ReleaseTerms
from shoal_engine.anonymity.policy.roles import (
    Closeness,
    Distinct,
    Entropy,
    Identifier,
    Insensitive,
    Model,
    QuasiIdentifier,
    Role,
    Sensitive,
    SetValued,
    Undecided,
)
from shoal_engine.anonymity.policy.table_models import TableModel, of_people
from shoal_engine.declarations import ColumnFormat, Declarations, FileFormat, column_formats, file_format
from shoal_engine.errors import PolicyError
from shoal_engine.finding import CODES, EXAMPLE, unknown_code
from shoal_engine.policy_values import MOST
from shoal_engine.transforming.specs import grouped_columns

T = TypeVar("T")

_SECTIONS: dict[str, tuple[str, type[Role]]] = {
    "identifier": ("identifiers", Identifier),
    "quasi_identifier": ("quasi_identifiers", QuasiIdentifier),
    "sensitive": ("sensitive", Sensitive),
    "set_valued": ("set_valued", SetValued),
    "insensitive": ("insensitive", Insensitive),
    "undecided": ("undecided", Undecided),
}
_EXAMPLES = {
    "models": "models = [{ kind = 'distinct', l = 3 }, { kind = 'closeness', t = 0.2 }]",
    "hierarchy": "hierarchy = { kind = 'intervals', width = [5, 10], lower = 0, upper = 120 }, "
    "{ kind = 'order', values = ['low', 'high'] }, { kind = 'prefix' }, { kind = 'redaction', redact = 'left' }, "
    "{ kind = 'date' }, { kind = 'tree', file = 'tree.csv' }, { kind = 'priority' } or { kind = 'auto', fanout = 3 }",
    "transform": "transform = { kind = 'microaggregate', k = 5 }, { kind = 'top-bottom', upper = 90 }, "
    "{ kind = 'round', base = 10 }, { kind = 'pram', pd = 0.8 }, { kind = 'rank-swap', share = 0.05 } "
    "or { kind = 'noise', variance = 0.1 }",
    "k": "k = 10, a whole number of at least 1",
    "suppress": "suppress = 0.01, a share of rows, at least 0 and below 1",
    "unit": "unit = 'patient_id', the column that names the person (or household) of each row",
    "population": "population = 'people.parquet' with models = [{ kind = 'k-map', k = 5 }]",
    "order": "order = 'shuffled' or order = 'sorted'",
    "identifier": "[identifier.name] with action = 'drop', or action = 'pseudonym' and key_env = 'SHOAL_KEY'",
    "quasi_identifier": "[quasi_identifier.age] with kind = 'number', output = 'label', nulls = 'apart'",
    "sensitive": "[sensitive.diagnosis] with l = 3, t = 0.2, or models = [{ kind = 'distinct', l = 3 }]",
    "set_valued": "[set_valued.diagnoses] with m = 2, and a hierarchy of the items if there is one",
    "insensitive": "[insensitive.cost] with nothing in it",
    "undecided": "[undecided.cost] with proposal = 'quasi_identifier', or nothing in it",
    "accept": EXAMPLE,
    "full_domain": "[full_domain] with objective = 'loss', balance = 0.5, weights = { age = 2 }",
    "release": "[release] with recipient = 'University of X', purpose = 'teaching', access = 'under agreement'",
}


class Policy(
    Struct,
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    rename={"identifiers": "identifier", "quasi_identifiers": "quasi_identifier"},
):
    """What a release promises, and what becomes of each column.

    Attributes
    ----------
    k : int
        Rows, or units where `unit` names them, that every class holds at least; 1 only where another model protects
        them.
    unit : str
        The column that names the unit of each row, such as a person or a household: every model then counts units, and
        a class of one person's rows is one person; see `shoal_engine.anonymity.table.units`. Empty where every row is
        somebody else. The column is an identifier, or named nowhere else: then it is read, used and dropped. A row
        without unit is refused.
    suppress : float
        Share of the rows that may be left out where that lowers the total loss; at least 0, below 1.
    order : str
        Order of the output's rows: shuffled, from the secure source, or sorted, by class.
    models : sequence of TableModel
        What binds the table as a whole, besides k; see `shoal_engine.anonymity.policy.table_models`.
    population : str
        A file of the people that the table was drawn from, itself included, with the same quasi-identifiers; where
        a model is counted in them (k-map, delta-presence), unless the call brings another.
    identifiers, quasi_identifiers, sensitive, set_valued, insensitive : mapping of str to the role's value
        Columns by role; the order of the quasi-identifiers breaks ties between them.
    undecided : mapping of str to Undecided
        Columns whose role is still to be decided: nothing is released before.
    accept : mapping of str to str
        Findings that are accepted, by code, each with the reason.
    full_domain : FullDomain
        How method full-domain chooses among the levels of the hierarchies.
    release : ReleaseTerms
        Recipient, purpose, access and reason, for those who sign the release; no row depends on them.
    file : FileFormat
        How delimited files are written: the table's, and that of its population.
    column : mapping of str to ColumnFormat
        What the texts of columns stand for, whatever their role.
    folder : str
        Where relative files of the policy are looked for; not a part of its TOML.

    Raises
    ------
    PolicyError
        A value is out of range, a column has two roles, there is no quasi-identifier, or a finding is accepted that
        does not exist or without a reason.

    Examples
    --------
    >>> policy = Policy(k=5, quasi_identifiers={"age": QuasiIdentifier(output="bounds")})
    >>> Policy.from_toml(policy.to_toml()) == policy
    True
    """

    k: Annotated[int, Meta(ge=1, le=MOST)]
    suppress: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    order: Literal["shuffled", "sorted"] = "shuffled"
    unit: str = ""
    models: Sequence[TableModel] = ()
    population: str = ""
    identifiers: Mapping[str, Identifier] = msgspec.field(default_factory=dict)
    quasi_identifiers: Mapping[str, QuasiIdentifier] = msgspec.field(default_factory=dict)
    sensitive: Mapping[str, Sensitive] = msgspec.field(default_factory=dict)
    set_valued: Mapping[str, SetValued] = msgspec.field(default_factory=dict)
    insensitive: Mapping[str, Insensitive] = msgspec.field(default_factory=dict)
    undecided: Mapping[str, Undecided] = msgspec.field(default_factory=dict)
    accept: Mapping[str, str] = msgspec.field(default_factory=dict)
    full_domain: FullDomain = FullDomain()
    release: ReleaseTerms = ReleaseTerms()
    file: FileFormat = FileFormat()
    column: Mapping[str, ColumnFormat] = msgspec.field(default_factory=dict)
    folder: str = ""

    def __post_init__(self) -> None:
        """Check every value and freeze the mappings."""
        _converted(self.k, Annotated[int, Meta(ge=1, le=MOST)], "k")
        suppress = _converted(self.suppress, Annotated[float, Meta(ge=0, lt=1)], "suppress")
        if suppress != suppress:
            msg = f"`suppress` must be a number; write {_EXAMPLES['suppress']}"
            raise PolicyError(msg)
        msgspec.structs.force_setattr(self, "suppress", suppress)
        _converted(self.order, Literal["shuffled", "sorted"], "order")
        chosen = _converted(msgspec.to_builtins(self.full_domain, enc_hook=_plain), FullDomain, "full_domain")
        msgspec.structs.force_setattr(self, "full_domain", chosen)
        terms = _converted(msgspec.to_builtins(self.release, enc_hook=_plain), ReleaseTerms, "release")
        msgspec.structs.force_setattr(self, "release", terms)
        msgspec.structs.force_setattr(self, "file", file_format(self.file))
        msgspec.structs.force_setattr(self, "column", MappingProxyType(column_formats(self.column)))
        table_models = tuple(_converted(msgspec.to_builtins(self.models, enc_hook=_plain), list[TableModel], "models"))
        if len({type(model) for model in table_models}) < len(table_models):
            msg = "two models of the table are of one kind; keep the stricter one"
            raise PolicyError(msg)
        msgspec.structs.force_setattr(self, "models", table_models)
        _converted(self.population, str, "population")
        if self.population and not of_people(table_models):
            msg = "`population` names a table of people, and no model is counted in one; leave it out, or write "
            raise PolicyError(msg + _EXAMPLES["population"])
        seen: dict[str, str] = {}
        for section, (field, role) in _SECTIONS.items():
            columns = _columns(section, getattr(self, field), role)
            for column in columns:
                if column in seen:
                    msg = f"column `{column}` is both {seen[column]} and {section}; keep one of the two roles"
                    raise PolicyError(msg)
                seen[column] = section
            msgspec.structs.force_setattr(self, field, MappingProxyType(columns))
        msgspec.structs.force_setattr(self, "accept", MappingProxyType(_reasons(self.accept)))
        grouped_columns(self.quasi_identifiers)
        if of_people(table_models):
            check_countable(self.quasi_identifiers)
        self._check_unit(seen)
        if not self.quasi_identifiers and not self.undecided:
            msg = f"the policy names no quasi-identifier; add {_EXAMPLES['quasi_identifier']}"
            raise PolicyError(msg)
        for column in self.set_valued:
            if self.k_of(column) == 1:
                msg = f"`set_valued.{column}` takes the policy's k = 1, which protects nobody; give it a `k` of its own"
                raise PolicyError(msg)
        if self.k == 1 and not self.models and not any(role.models for role in self.sensitive.values()):
            msg = "k = 1 protects nobody by itself; raise k, or bind a sensitive column with " + _EXAMPLES["models"]
            raise PolicyError(msg)

    def _check_unit(self, roles: Mapping[str, str]) -> None:
        """Check that the unit is an identifier or nothing else, and that every model can count units."""
        _converted(self.unit, str, "unit")
        if not self.unit:
            return
        role = roles.get(self.unit, "identifier")
        if role not in ("identifier", "undecided"):
            msg = (
                f"`unit` names column `{self.unit}`, which is {role} and would be released; a unit names a person: "
                "make it an identifier, or name it nowhere else"
            )
            raise PolicyError(msg)
        grassberger = [
            column
            for column, one in self.sensitive.items()
            if any(isinstance(model, Entropy) and model.estimator == "grassberger" for model in one.models)
        ]
        if grassberger:
            msg = (
                f"the estimator grassberger of `sensitive.{grassberger[0]}` corrects for the number of rows, and with "
                "`unit` no rows are counted; use estimator = 'shannon'"
            )
            raise PolicyError(msg)
        if any(isinstance(model, DeltaPresence) for model in self.models):
            msg = "delta-presence holds rows against people, one each; leave out `unit`, and give one row a person"
            raise PolicyError(msg)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by the TOML: frozen mappings cannot be pickled themselves."""
        return _restore, (self.to_toml(), self.folder)

    @classmethod
    def of(
        cls,
        *,
        k: int,
        quasi_identifiers: Sequence[str],
        sensitive: Sequence[str] = (),
        insensitive: Sequence[str] = (),
        l: int | None = None,
        t: float | None = None,
        suppress: float = 0.0,
        unit: str = "",
    ) -> "Policy":
        """Return the policy that column names alone describe.

        Parameters
        ----------
        k : int
            Rows, or units where `unit` names them, that every class holds at least.
        quasi_identifiers, sensitive, insensitive : sequence of str
            Columns by role.
        l : int, optional
            Distinct values of each sensitive column that every class holds at least.
        t : float, optional
            Largest variational distance of a class to the table, for each sensitive column.
        suppress : float
            Share of the rows that may be left out.
        unit : str
            Column that names the person, or other unit, of each row.

        Raises
        ------
        PolicyError
            As for `Policy`; also for a column named twice, and for `l` or `t` without sensitive column.
        """
        if (l is not None or t is not None) and not sensitive:
            msg = "l and t bind sensitive columns, and none is named; name one, or leave l and t out"
            raise PolicyError(msg)
        for names in (quasi_identifiers, sensitive, insensitive):
            if isinstance(names, str) or len(set(names)) != len(names):
                msg = "columns of a role are a list that names each of them once"
                raise PolicyError(msg)
        models: list[Model] = [] if l is None else [Distinct(l=l)]
        models += [] if t is None else [Closeness(t=_converted(t, float, "t"))]
        return cls(
            k=k,
            suppress=suppress,
            unit=unit,
            quasi_identifiers={name: QuasiIdentifier() for name in quasi_identifiers},
            sensitive={name: Sensitive(models=models) for name in sensitive},
            insensitive={name: Insensitive() for name in insensitive},
        )

    @classmethod
    def load(cls, path: str | Path) -> "Policy":
        """Read a policy from a TOML file; its relative files are looked for beside it.

        Raises
        ------
        PolicyError
            The file cannot be read, is not TOML, or is not a policy.
        """
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            msg = f"policy `{path}` cannot be read: {reason}"
            raise PolicyError(msg) from error
        return cls.from_toml(text, folder=path.parent)

    @classmethod
    def from_toml(cls, text: str, *, folder: str | Path = "") -> "Policy":
        """Read a policy from TOML text; relative files are looked for in `folder`.

        Raises
        ------
        PolicyError
            The text is not TOML, or not a policy; the message holds the path of the key.
        """
        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            msg = f"the policy is not TOML: {error}"
            raise PolicyError(msg) from None
        return cls.from_builtins(document, folder=folder)

    @classmethod
    def from_builtins(cls, document: Mapping[str, Any], *, folder: str | Path = "") -> "Policy":
        """Return the policy that plain tables and lists describe, as `to_builtins` returns them.

        Raises
        ------
        PolicyError
            They are not a policy; the message holds the path of the key.

        Examples
        --------
        >>> Policy.from_builtins({"k": 5, "quasi_identifier": {"age": {}}}).k
        5
        """
        known = ["k", "suppress", "order", "unit", "models", "population", *_SECTIONS, "accept"]
        known += ["full_domain", "release", "file", "column"]
        for key in document:
            if key not in known:
                close = difflib.get_close_matches(key, known, n=1)
                msg = f"`{key}` is not a key of a policy; " + (
                    f"did you mean `{close[0]}`?" if close else f"there are {', '.join(known)}"
                )
                raise PolicyError(msg)
        if "k" not in document:
            msg = f"the policy has no `k`, and there is no default; add {_EXAMPLES['k']}"
            raise PolicyError(msg)
        fields = {_SECTIONS[key][0] if key in _SECTIONS else key: value for key, value in document.items()}
        return cls(**fields, folder=str(folder))

    def to_toml(self) -> str:
        """Return the policy as TOML text, without its folder."""
        import tomli_w

        return tomli_w.dumps(self.to_builtins())

    def to_builtins(self) -> dict[str, Any]:
        """Return the policy as plain tables and lists, as its TOML reads, without its folder."""
        document = _without_absent(msgspec.to_builtins(self, enc_hook=_plain))
        if self.full_domain == FullDomain():
            document.pop("full_domain")
        if self.release == ReleaseTerms():
            document.pop("release")
        if self.file == FileFormat():
            document.pop("file")
        return {key: value for key, value in document.items() if key != "folder" and value not in ({}, "")}

    def locate(self, file: str) -> Path:
        """Return where a file named by this policy is."""
        return Path(self.folder) / file

    @property
    def columns(self) -> dict[str, Role]:
        """Return the role of every column that the policy names."""
        groups = [getattr(self, field) for field, _ in _SECTIONS.values()]
        return {name: role for columns in groups for name, role in columns.items()}

    @property
    def declarations(self) -> Declarations:
        """Return what the policy declares of files and columns."""
        return Declarations(self.file, self.column)

    def link_of(self, column: str) -> str:
        """Return which rows share the pseudonym of a value of an identifier: those of a class, or of the table."""
        return self.identifiers[column].link or ("class" if self.unit else "table")

    def k_of(self, column: str) -> int:
        """Return the rows that every combination of items of a set-valued column needs."""
        return self.set_valued[column].k or self.k


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of a policy's TOML."""
    schema = msgspec.json.schema(Policy)
    schema["$defs"]["Policy"]["properties"].pop("folder")
    return schema


def hierarchy_of(description: Any) -> Hierarchy:
    """Return the hierarchy that a table as in a policy's TOML, or a value of its classes, describes.

    Raises
    ------
    PolicyError
        There is no such kind, or a field is missing or out of range.

    Examples
    --------
    >>> hierarchy_of({"kind": "redaction", "redact": "left"}).redact
    'left'
    """
    return _converted(msgspec.to_builtins(description, enc_hook=_plain), Hierarchy, "hierarchy")


def _columns(section: str, columns: Any, role: type[T]) -> dict[str, T]:
    """Return the checked columns of one section."""
    if not isinstance(columns, Mapping):
        msg = f"`{section}` must be a table of columns; write {_EXAMPLES[section]}"
        raise PolicyError(msg)
    checked: dict[str, T] = {}
    for column, value in columns.items():
        if not isinstance(column, str) or not column:
            msg = f"`{section}` has a column without name; write {_EXAMPLES[section]}"
            raise PolicyError(msg)
        path = f"{section}.{column}"
        if isinstance(value, Struct) and not isinstance(value, role):
            msg = f"`{path}` must be of type {role.__name__}, not {type(value).__name__}"
            raise PolicyError(msg)
        checked[column] = _converted(msgspec.to_builtins(value, enc_hook=_plain), role, path)
    return checked


def _reasons(accept: Any) -> dict[str, str]:
    """Return the checked reasons for which findings are accepted, by code."""
    reasons = _converted(_plain(accept) if isinstance(accept, Mapping) else accept, dict[str, str], "accept")
    for code, reason in reasons.items():
        if code not in CODES:
            msg = f"`accept.{code}`: {unknown_code(code)}"
            raise PolicyError(msg)
        if not reason.strip():
            msg = f"`accept.{code}` gives no reason; write why it is acceptable, as in {EXAMPLE}"
            raise PolicyError(msg)
    return reasons


def _converted(value: Any, kind: Any, path: str) -> Any:
    """Return `value` as `kind`, or raise PolicyError with the path of the key and an example."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        found = re.fullmatch(r"(.*?)(?: - at `(?:key in )?\$(.*)`)?", str(error), flags=re.DOTALL)
        reason, tail = found.groups(default="") if found else (str(error), "")
    keys = [key for key in _EXAMPLES if re.search(rf"(^|\.){key}\b", tail)] or [path.split(".")[0]]
    example = _EXAMPLES.get(keys[0])
    msg = f"`{path}{tail}`: {reason[:1].lower()}{reason[1:]}" + (f"; write {example}" if example else "")
    raise PolicyError(msg)


def _plain(value: Any) -> Any:
    """Encode what msgspec does not: frozen mappings."""
    if isinstance(value, Mapping):
        return dict(value)
    msg = f"a policy cannot hold a {type(value).__name__}"
    raise PolicyError(msg)


def _without_absent(value: Any) -> Any:
    """Drop what was not given: None, which TOML cannot say, and empty lists."""
    if isinstance(value, dict):
        return {key: _without_absent(entry) for key, entry in value.items() if entry not in (None, [], ())}
    return [_without_absent(entry) for entry in value] if isinstance(value, list | tuple) else value


def _restore(text: str, folder: str) -> Policy:
    return Policy.from_toml(text, folder=folder)
