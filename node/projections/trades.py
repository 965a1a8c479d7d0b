"""Trade records -> `trade_view`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from node.domain.disclosure import of_imported
from node.domain.record import Amount, Document, Party
from node.domain.trades import Trade, TradeCandidates, TradeListing, TradeNotice, TradeResult
from node.projections.shape import Place, Projection, Row, address, amount_words, day, fen, name, search, text
from node.store.tables import TradeView, table


def winners(trade: Trade) -> Sequence[Party]:
    """Who won, or for a list of candidates who stands first."""
    if isinstance(trade, TradeCandidates):
        return [candidate.party for candidate in trade.candidates if candidate.rank == 1]
    return trade.winners if isinstance(trade, TradeResult | TradeNotice) else ()


def amount(trade: Trade) -> Amount | None:
    """The sum that matters most: the award where there is one, else the first offer, budget or asking price."""
    if isinstance(trade, TradeCandidates):
        return next((candidate.price for candidate in trade.candidates if candidate.rank == 1), None)
    if isinstance(trade, TradeNotice):
        return trade.award or trade.amount
    return trade.amount if isinstance(trade, TradeResult | TradeListing) else None


def title(document: Document[Any]) -> str:
    return text(document.body.title)


def row(place: Place, document: Document[Any]) -> Row:
    trade: Trade = document.body
    parties = [trade.owner, trade.agency, *winners(trade)]
    if isinstance(trade, TradeCandidates):
        parties += [party for each in trade.candidates for party in (each.party, *each.members)]
    named = list(dict.fromkeys(party for party in parties if party))
    return place.key() | {
        "kind": place.kind,
        "category": text(trade.category),
        "stage": text(trade.stage),
        "title": title(document),
        "project_code": text(trade.project_code),
        "section_code": text(trade.section_code),
        "division": text(trade.division, 12),
        "division_name": text(trade.division_name),
        "owner": name(trade.owner),
        "agency": name(trade.agency),
        "winner": text("、".join(party.name for party in winners(trade))),
        "amount_fen": fen(amount(trade)),
        "amount_text": amount_words(amount(trade)),
        "published_on": day(trade.published_on),
        "source_url": address(document.source.url),
        "disclosure": of_imported(place.kind, trade.stage),
        "trade": "",
        "project_name": text(trade.project_name),
        "flags": len(document.flags),
        "made_up": document.made_up,
        "search": search(
            [
                trade.title,
                trade.project_name,
                trade.project_code,
                trade.section_code,
                trade.division_name,
                trade.location,
                *(party.name for party in named),
                *(party.uscc for party in named),
            ]
        ),
    }


PROJECTION = Projection(table(TradeView), row, title)
