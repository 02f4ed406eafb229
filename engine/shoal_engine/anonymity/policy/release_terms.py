"""Terms of a release, as a person declares them: to whom, for what, how it is read, and why. They change no row."""

from shoal_engine.policy_values import PolicyValue


class ReleaseTerms(PolicyValue, frozen=True):
    """Section ``[release]`` of a policy; every part is text for people, and may be empty.

    Attributes
    ----------
    recipient : str
        Whoever gets the release, such as ``"University of X, under contract 7"`` or ``"the public"``.
    purpose : str
        What the recipient may do with it.
    access : str
        How it is read: public download, under agreement, in a secure room.
    reason : str
        Why these limits were chosen.

    Examples
    --------
    >>> ReleaseTerms(recipient="the public", access="download").stated()
    (('Recipient', 'the public'), ('Access', 'download'))
    """

    recipient: str = ""
    purpose: str = ""
    access: str = ""
    reason: str = ""

    def stated(self) -> tuple[tuple[str, str], ...]:
        """Return the parts that are declared, as heading and text."""
        parts = [(name.capitalize(), str(getattr(self, name)).strip()) for name in self.__struct_fields__]
        return tuple((heading, text) for heading, text in parts if text)
