"""The parts of a node, as typed keys of the aiohttp application; `node/running/application.py` puts them there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from node.accounts.audit import Audit
from node.accounts.bindings import Bindings
from node.accounts.desk import Accounts
from node.accounts.orders import Ordering
from node.attachments.desk import Attachments
from node.clock import Clock
from node.keyring import Keyring
from node.publishing.publish import Publisher
from node.routing.issuing import Issuer
from node.routing.placing import Placing
from node.rule_records import RuleRecords
from node.rules import Rules
from node.settings import Settings
from node.store.db import Store
from node.sync.accept import Acceptor
from node.sync.bulletin import Bulletin
from node.sync.custody import Custodian
from node.sync.enrol import Invitations
from node.sync.pressure import Pressure
from node.trading.desk import Desk
from node.trusted import Trusted
from node.web.limits import Limits

if TYPE_CHECKING:
    from node.web.signed import Callers


@dataclass(frozen=True)
class Worker:
    """This process among those that answer for the node: its number, from 1, of how many.

    `jobs` gives "here" where this one runs the jobs, "elsewhere" where another does, or none.
    """

    number: int
    of: int
    jobs: Callable[[], str]


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
BULLETIN = web.AppKey("bulletin", Bulletin)
"""What nodes below wait for, with a request held open."""
LIMITS = web.AppKey("limits", Limits)
"""How often one log may be submitted from one address."""
ENROL_LIMITS = web.AppKey("enrol_limits", Limits)
"""How often one address may answer an invitation."""
REGISTER_LIMITS = web.AppKey("register_limits", Limits)
"""How often one address may register an account."""
INVITATIONS = web.AppKey("invitations", Invitations)
PRESSURE = web.AppKey("pressure", Pressure)
"""How busy the node is with uploads."""
ISSUER = web.AppKey("issuer", Issuer)
"""Gives out numbers of trades."""
RULES = web.AppKey("rules", Rules)
"""The rule book, calendar and tariff now held."""
PLACING = web.AppKey("placing", Placing)
"""Says which centre a trade belongs to."""
RULE_RECORDS = web.AppKey("rule_records", RuleRecords)
"""Rules that came as records, and which of them this node takes over."""
TAKE_OVER_RULES: web.AppKey[Callable[[], Awaitable[int]]] = web.AppKey("take_over_rules")
"""Projects what was published here and takes its rules over at once."""
DESK = web.AppKey("desk", Desk)
"""Judges and publishes acts of this node's own trades."""
WORKER = web.AppKey("worker", Worker)
ACCOUNTS = web.AppKey("accounts", Accounts)
"""Accounts of persons and their sessions."""
BINDINGS = web.AppKey("bindings", Bindings)
"""Notes down and revokes identities that were seen by papers (核验主体身份)."""
ORDERING = web.AppKey("ordering", Ordering)
"""Gives the orders of a supervising department."""
AUDIT = web.AppKey("audit", Audit)
"""Writes down what persons do: `await request.app[AUDIT].note(person, action, object, detail)`."""
ATTACHMENTS = web.AppKey("attachments", Attachments)
"""Files that records list."""
