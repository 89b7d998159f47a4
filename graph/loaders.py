"""
What nested fields read, gathered: as many statements as there are kinds of things asked for, however many rows ask.

Nothing is remembered from one round to the next: after a mutation, and over a WebSocket that stays open for hours, the
same loader reads what is there now.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from sqlmodel import col
from strawberry.dataloader import DataLoader

import db.batteries
import db.imports
import db.parks
import db.reports
import db.sites
import db.vpps
from db.engine import AnyRow, Database, Read
from db.imports import Import
from db.parks import Park
from db.reach import Reach
from db.sites import Site
from db.vpps import Vpp
from graph.paging import Column, Order, Page, PageRequest, page_request

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


@dataclass(frozen=True, eq=False)
class OwnedList:
    """A list each of many owners has: how it is read for some, within a reach, and which column tells the owner."""

    read: Callable[..., Read]
    owner: Column
    order: Order


@dataclass(frozen=True)
class FirstPage:
    """The first page of one owner's list."""

    owned: OwnedList
    owner_id: UUID
    filter: tuple[Hashable, ...]
    request: PageRequest


class Loaders:
    """The loaders of one request, which load what its caller can reach."""

    def __init__(self, database: Database, reach: Reach) -> None:
        self._database = database.held_to(reach)
        self._whole_database = database
        self._reach = reach
        self.vpp = _loader(self._vpps)
        self.site = _loader(self._sites)
        self.import_ = _loader(self._imports)
        self.park = _loader(self._parks)
        self.price_schedules = _loader(self._price_schedules)
        self.memberships = _loader(self._memberships)
        self.vpp_of_site = _loader(self._vpps_of_sites)
        self.batteries_of_site = _loader(self._batteries_of_sites)
        self.capacity_of_site = _loader(self._capacities_of_sites)
        self.identity = _loader(self._identities)
        self._first_page = _loader(self._first_pages)

    async def page(
        self, owned: OwnedList, owner_id: UUID, *filter_: Hashable, limit: int | None, next_token: str | None
    ) -> Page:
        """Load a page of one owner's list; first pages of many owners are read at once."""
        request = page_request(limit, next_token, order=owned.order, of=(owned.owner, owner_id, filter_))
        if request.after is not None:
            return await request.read(self._database, owned.read(self._reach, [owner_id], *filter_))
        return await self._first_page.load(FirstPage(owned, owner_id, filter_, request))

    async def _vpps(self, keys: list[tuple[UUID, date]]) -> list[AnyRow | None]:
        """Load VPPs with the terms in force on a day."""
        found: dict[tuple[UUID, date], AnyRow] = {}
        for day, vpp_ids in _by_day(keys):
            for row in await self._database.rows(db.vpps.vpps(self._reach, today=day).where(col(Vpp.id).in_(vpp_ids))):
                found[row.id, day] = row
        return [found.get(key) for key in keys]

    async def _sites(self, ids: list[UUID]) -> list[AnyRow | None]:
        rows = await self._database.rows(db.sites.sites(self._reach).where(col(Site.id).in_(set(ids))))
        return _one_each(ids, rows, key=lambda row: row.id)

    async def _imports(self, ids: list[UUID]) -> list[AnyRow | None]:
        rows = await self._database.rows(db.imports.imports(self._reach).where(col(Import.id).in_(set(ids))))
        return _one_each(ids, rows, key=lambda row: row.id)

    async def _parks(self, ids: list[UUID]) -> list[AnyRow | None]:
        rows = await self._database.rows(db.parks.parks(self._reach).where(col(Park.id).in_(set(ids))))
        return _one_each(ids, rows, key=lambda row: row.id)

    async def _price_schedules(self, vpp_ids: list[UUID]) -> list[list[AnyRow]]:
        rows = await self._database.rows(db.vpps.price_schedules(self._reach, list(set(vpp_ids))))
        return _all_each(vpp_ids, rows, key=lambda row: row.vpp_id)

    async def _memberships(self, site_ids: list[UUID]) -> list[list[AnyRow]]:
        rows = await self._database.rows(db.sites.memberships(self._reach, list(set(site_ids))))
        return _all_each(site_ids, rows, key=lambda row: row.site_id)

    async def _vpps_of_sites(self, keys: list[tuple[UUID, date]]) -> list[UUID | None]:
        """Load the id of the VPP each site belongs to on a day."""
        found: dict[tuple[UUID, date], UUID] = {}
        for day, site_ids in _by_day(keys):
            for row in await self._database.rows(db.sites.vpps_of_sites(self._reach, site_ids, on=day)):
                found[row.site_id, day] = row.vpp_id
        return [found.get(key) for key in keys]

    async def _batteries_of_sites(self, keys: list[tuple[UUID, date]]) -> list[list[AnyRow]]:
        found: dict[tuple[UUID, date], list[AnyRow]] = defaultdict(list)
        for day, site_ids in _by_day(keys):
            for row in await self._database.rows(db.batteries.batteries_of_sites(self._reach, site_ids, on=day)):
                found[row.site_id, day].append(row)
        return [found[key] for key in keys]

    async def _capacities_of_sites(self, keys: list[tuple[UUID, date]]) -> list[Decimal]:
        found: dict[tuple[UUID, date], Decimal] = {}
        for day, site_ids in _by_day(keys):
            for row in await self._database.rows(db.batteries.capacities_of_sites(self._reach, site_ids, on=day)):
                found[row.site_id, day] = row.capacity_kwh
        return [found.get(key, Decimal(0)) for key in keys]

    async def _identities(self, keys: list[tuple[UUID, date]]) -> list[str | None]:
        """
        Load the identity of what a VPP's month would be settled from now.

        That is made of all that is there, whoever asks: it tells no more than whether it is the same as before.
        """
        rows = await self._whole_database.rows(db.reports.identities(list(set(keys))))
        found = {(row.vpp_id, row.month): row.identity for row in rows}
        return [found.get(key) for key in keys]

    async def _first_pages(self, keys: list[FirstPage]) -> list[Page]:
        found: dict[FirstPage, list[AnyRow]] = defaultdict(list)
        lists = defaultdict(list)
        for key in set(keys):
            lists[key.owned, key.filter, key.request.limit].append(key)
        for (owned, filter_, _), asked in lists.items():
            by_owner = {key.owner_id: key for key in asked}
            owner_ids = list(by_owner)
            read = owned.read(self._reach, owner_ids, *filter_)
            for row in await self._database.rows(asked[0].request.first_of_each(read, owned.owner, owner_ids)):
                found[by_owner[row.owner]].append(row)
        return [key.request.page(found[key]) for key in keys]


def _loader(load: Callable[[list[Key]], Awaitable[Sequence[Value]]]) -> DataLoader[Key, Value]:
    return DataLoader(load_fn=load, cache=False)


def _one_each(keys: Iterable[Hashable], rows: Sequence[AnyRow], *, key: Callable[[AnyRow], Any]) -> list[AnyRow | None]:
    found = {key(row): row for row in rows}
    return [found.get(each) for each in keys]


def _all_each(keys: Iterable[Hashable], rows: Sequence[AnyRow], *, key: Callable[[AnyRow], Any]) -> list[list[AnyRow]]:
    found: dict[Any, list[AnyRow]] = defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    return [found[each] for each in keys]


def _by_day(keys: Iterable[tuple[UUID, date]]) -> Iterable[tuple[date, list[UUID]]]:
    days: dict[date, list[UUID]] = defaultdict(list)
    for id, day in set(keys):
        days[day].append(id)
    return days.items()
