"""The accounts of one node, all that can be done with them: log-in, the own account, administration."""

from __future__ import annotations

from node.accounts.checking import WrongLogin
from node.accounts.log_ins import LoggedIn, LogIns
from node.accounts.own import OwnAccount

__all__ = ["Accounts", "LoggedIn", "WrongLogin"]


class Accounts(LogIns, OwnAccount):
    """The accounts of one node."""
