"""How a delimited file is written: encoding, separator, quotes, header, and texts that stand for null."""

import codecs
from collections.abc import Sequence
from typing import Annotated, TypeAlias

from msgspec import Meta

from shoal_engine.declarations.policy_values import PolicyValue
from shoal_engine.errors import PolicyError

Sign: TypeAlias = Annotated[str, Meta(min_length=1, max_length=1)]


class FileFormat(PolicyValue, frozen=True):
    r"""Format of a delimited file; undeclared parts are taken from the file's name and first lines.

    Attributes
    ----------
    encoding : str, optional
        Such as utf-8, cp1252 or utf-16. Default: UTF-8, or as a byte order mark says.
    separator : str, optional
        One character; a tab for .tsv, else the one of comma, semicolon, tab and bar that parts the header.
    quote : str
        The character around values that hold separators or line ends; empty for no quoting.
    nulls : sequence of str
        Texts that stand for null in every column, in addition to an empty value: ``["NA", "?", "-9"]``.
    comment : str, optional
        Lines that begin with it are passed over.
    skip : int
        Lines to pass over before the header.
    header : bool
        Whether the first line names the columns; without it they are named by `unnamed`.
    unnamed : str
        What columns without a name are called, followed by their place: ``unnamed_1``. With ``"drop"`` they are
        left out.

    Examples
    --------
    >>> FileFormat(encoding="cp1252", separator=";", nulls=["NA", "-9"]).nulls
    ('NA', '-9')
    """

    encoding: str | None = None
    separator: Sign | None = None
    quote: Annotated[str, Meta(max_length=1)] = '"'
    nulls: Sequence[str] = ()
    comment: Annotated[str, Meta(min_length=1)] | None = None
    skip: Annotated[int, Meta(ge=0)] = 0
    header: bool = True
    unnamed: Annotated[str, Meta(min_length=1)] = "unnamed_"

    def _check(self) -> None:
        """Check that the encoding is known, and that no character has two meanings."""
        if self.encoding is not None:
            try:
                codecs.lookup(self.encoding)
            except LookupError:
                msg = f"there is no encoding {self.encoding!r}; name one such as utf-8, cp1252, latin-1 or utf-16"
                raise PolicyError(msg) from None
        for sign, name in ((self.separator, "separator"), (self.quote, "quote")):
            if sign and (sign in "\r\n\0" or not sign.isascii()):
                msg = f"`{name}` is one ASCII character that ends no line, for example ';' or '\\t'"
                raise PolicyError(msg)
        if self.quote and self.quote == self.separator:
            msg = "`separator` and `quote` are one character; leave `quote` empty if the file quotes nothing"
            raise PolicyError(msg)
        if "" in self.nulls:
            msg = "an empty value is null by itself; leave it out of `nulls`"
            raise PolicyError(msg)
