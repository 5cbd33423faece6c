"""The rules' "no", as it travels from where it is found to where it is answered. Pure."""

from gateway.errors import HushgateError


class Refused(HushgateError):  # noqa: N818 - a decision, not a fault
    """The rules say no: the reason, the rules behind it, and when time heals it.

    `droppable`: they allow that what is refused is left out and the rest goes on.
    """

    def __init__(
        self,
        reason: str,
        detail: str = "",
        rules: tuple[str, ...] = (),
        retry_after: int | None = None,
        *,
        droppable: bool = False,
    ) -> None:
        super().__init__(reason, detail)
        self.rules = rules
        self.retry_after = retry_after
        self.droppable = droppable
