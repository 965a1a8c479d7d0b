"""The parts of a node, as typed keys of the aiohttp application; `node/app.py` puts them there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web

from node.clock import Clock
from node.keyring import Keyring
from node.publishing.publish import Publisher
from node.settings import Settings
from node.store.db import Store
from node.sync.accept import Acceptor
from node.sync.custody import Custodian
from node.trusted import Trusted

if TYPE_CHECKING:
    from node.web.signed import Callers

SETTINGS = web.AppKey("settings", Settings)
STORE = web.AppKey("store", Store)
CLOCK: web.AppKey[Clock] = web.AppKey("clock")
KEYRING = web.AppKey("keyring", Keyring)
TRUSTED = web.AppKey("trusted", Trusted)
PUBLISHER = web.AppKey("publisher", Publisher)
ACCEPTOR = web.AppKey("acceptor", Acceptor)
CUSTODIAN = web.AppKey("custodian", Custodian)
CALLERS: web.AppKey[Callers] = web.AppKey("callers")
NEWS = web.AppKey("news", asyncio.Event)
"""Set when something arrived or was published, so that jobs run at once."""
UPLOADS = web.AppKey("uploads", asyncio.Semaphore)
"""Uploads that may run at the same time."""
