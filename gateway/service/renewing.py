"""How a worker comes to serve by other rules: on SIGHUP all is read again, and without being told what was
decided since about sub-processors and suspended rules."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from gateway.errors import HushgateError, Problem
from gateway.planes.reverse.worker import Worker
from gateway.service.boot import Loaded, again, redecided
from gateway.service.deciding import Mark, mark
from gateway.service.interception import Minting

log = logging.getLogger("hushgate.worker")

LOOK: Final = 0.5
"""seconds between two looks at what was decided"""


class Renewal:
    """What a worker serves by. `certificate` shows the listener's own as its files have it (or False)."""

    def __init__(
        self,
        worker: Worker,
        number: int,
        loaded: Loaded,
        minting: Minting | None,
        certificate: Callable[[], bool],
    ) -> None:
        self._worker = worker
        self._number = number
        self._loaded = loaded
        self._minting = minting
        self._certificate = certificate
        self._tried: Mark = loaded.told.mark

    async def run(self, wanted: asyncio.Event) -> None:
        """Read rules again off the loop's thread; traffic goes on under the old ones meanwhile. `wanted` is
        set where everything is to be read."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(wanted.wait(), LOOK)
            if wanted.is_set():
                wanted.clear()
                await self._renew(all_of_it=True)
            elif (now := mark(self._loaded.config)) not in (self._loaded.told.mark, self._tried):
                self._tried = now
                await self._renew(all_of_it=False)

    async def _renew(self, *, all_of_it: bool) -> None:
        problems: tuple[Problem, ...] = ()
        shown = self._certificate() if all_of_it else True
        try:
            if all_of_it:
                self._loaded, problems = await asyncio.to_thread(again, self._loaded)
            else:
                self._loaded = await asyncio.to_thread(redecided, self._loaded)
            self._worker.replace(await asyncio.to_thread(self._loaded.snapshot))
            if self._minting is not None and all_of_it:
                await asyncio.to_thread(self._minting.renew)
        except HushgateError as error:
            log.error("worker %d keeps its old rules: %s", self._number, error)
            self._worker.metrics.add("hushgate_reloads", "failed")
        else:
            self._worker.metrics.add("hushgate_reloads", "partial" if problems or not shown else "ok")
