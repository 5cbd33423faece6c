"""How old a list may be before it is no longer relied on. Pure."""

from dataclasses import dataclass
from typing import Final, Literal

from gateway.listlimit import ListLimit

DAY: Final = 86_400.0
State = Literal["fresh", "ageing", "stale"]


@dataclass(frozen=True, slots=True)
class Age:
    """A list's age in seconds, and what follows from its limit: `ageing` is a warning, `stale` a refusal."""

    name: str
    dated: float
    age: float
    state: State
    limit: ListLimit | None

    @property
    def said(self) -> str:
        """In words, for people."""
        days = f"the list {self.name} is {self.age / DAY:.0f} days old"
        if self.limit is None or self.state == "fresh":
            return days
        if self.state == "stale":
            return f"{days}: older than the {self.limit.max_age / DAY:.0f} days it may be"
        return f"{days}, and may be {self.limit.max_age / DAY:.0f}"


def aged(name: str, dated: float, limit: ListLimit | None, now: float) -> Age:
    """The age at `now` of a list made at `dated`. Without a limit every list is fresh."""
    age = now - dated
    state: State = "fresh"
    if limit is not None:
        state = "stale" if age > limit.max_age else "ageing" if age > limit.warn_after else "fresh"
    return Age(name, dated, age, state, limit)
