"""Members of set labels: looked up one by one, against texts within texts."""

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal
from shoal.recount.released_table import read_labels

texts = st.sampled_from(["a", "b", "a, b", "c,", " d", "null", "{x}", ""])


@given(
    st.lists(texts, unique=True, min_size=1), st.lists(st.lists(texts, unique=True, min_size=1), min_size=1), st.data()
)
@settings(max_examples=200, deadline=None)
def test_read_labels__sets_cover_the_texts_that_they_list(
    values: list[str], sets: list[list[str]], data: st.DataObject
) -> None:
    mixes, has_null = data.draw(st.booleans()), data.draw(st.booleans())
    role = shoal.QuasiIdentifier(nulls="generalize" if mixes else "apart")
    policy = shoal.Policy(k=2, quasi_identifiers={"x": role})
    written = [one[0] if len(one) == 1 else "{" + ", ".join(one) + "}" for one in sets] + ["*", None]
    domain = pl.Series("x", [*([None] if has_null else []), *sorted(values)], pl.String)
    reading = read_labels(pl.DataFrame({"x": written}), domain, "x", role, policy)
    for label, text in enumerate(written):
        fits = reading.fits(label, np.arange(domain.len())).tolist()
        listed = f", {text[1:-1]}, " if text is not None and text.startswith("{") else ""
        for value, found in zip(domain, fits, strict=True):
            if value is None:
                assert found == (text is None or (mixes and (text == "*" or ", null, " in listed)))
            else:
                assert found == (text is not None and (text in ("*", value) or f", {value}, " in listed))
