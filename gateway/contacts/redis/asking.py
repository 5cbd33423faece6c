"""Lookups of one tenant on their way: a few at a time, and what is asked meanwhile goes together.

A queue of single questions would hold up what is heard over the same line; one question about many does not.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from gateway.contacts.model import Standing
from gateway.errors import StoreError

ABREAST: Final = 4
"""questions on their way at a time"""
MOST: Final = 256
"""subjects after which the next question is begun"""

Found = dict[str, Standing]
Ask = Callable[[list[str]], Awaitable[Found]]


class _Question:
    __slots__ = ("answer", "subjects")

    def __init__(self) -> None:
        self.subjects: dict[str, None] = {}
        self.answer: asyncio.Future[Found] = asyncio.get_running_loop().create_future()


class Asking:
    """Asks by `ask`, which raises StoreError."""

    __slots__ = ("_ask", "_tasks", "_waiting")

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: deque[_Question] = deque()

    async def about(self, subjects: Iterable[str]) -> Found:
        """Standings of these subjects, perhaps among others."""
        if not self._waiting or len(self._waiting[-1].subjects) >= MOST:
            self._waiting.append(_Question())
        question = self._waiting[-1]
        question.subjects.update(dict.fromkeys(subjects))
        if len(self._tasks) < ABREAST:
            task = asyncio.ensure_future(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(question.answer)

    async def _work(self) -> None:
        while self._waiting:
            question = self._waiting.popleft()
            try:
                question.answer.set_result(await self._ask(list(question.subjects)))
            except StoreError as error:
                question.answer.set_exception(error)
                question.answer.exception()  # whoever asked may have gone
            finally:
                if not question.answer.done():
                    question.answer.cancel()
