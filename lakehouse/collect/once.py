"""The same callback is sent once, as far as this process remembers."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable


class Once:
    """Remembers the last ``size`` identifiers that were sent. In memory: a restart forgets them."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._sent: OrderedDict[str, None] = OrderedDict()
        self._underway: dict[str, asyncio.Future[None]] = {}

    async def send(self, identifier: str, send: Callable[[], Awaitable[None]]) -> bool:
        """Await ``send()`` and remember the identifier; False, without sending, if it was sent before.

        While another call sends the same identifier, waits for it. What ``send`` raises is raised, and forgotten.
        """
        while (underway := self._underway.get(identifier)) is not None:
            await asyncio.wait((underway,))
        if identifier in self._sent:
            return False
        marker = self._underway[identifier] = asyncio.get_running_loop().create_future()
        try:
            await send()
            self._sent[identifier] = None
            if len(self._sent) > self._size:
                self._sent.popitem(last=False)
        finally:
            del self._underway[identifier]
            marker.set_result(None)
        return True
