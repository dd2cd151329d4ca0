# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sheets a refinement understands: their names, and which column means what.

Columns that are named here as read must exist. Those named as unread belong to the sheet and are left alone. Any
other column, and any other sheet, is reported as ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class SheetShape:
    """One kind of sheet: one row is one organisation, or a detail (contact, address) of one in the parent sheet.

    `fields` maps what a cell means to the columns it can stand in; of several columns the first filled one counts,
    except for `contact_name`, whose columns are the parts of a name. `dates` are the columns that say when a row was
    last touched; the latest counts. `flag` marks a detail that must not be used.
    """

    sheet: str
    fields: Mapping[str, tuple[str, ...]]
    dates: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    parent: str | None = None
    flag: str | None = None
    columns: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        flags = (self.flag,) if self.flag else ()
        read = [column for columns in self.fields.values() for column in columns]
        object.__setattr__(self, "columns", tuple(dict.fromkeys((*read, *self.dates, *flags))))


_SHAPES = (
    SheetShape(
        "Organisation",
        {
            "key": ("ID",),
            "name": ("Organisation Name",),
            "area": ("Area",),
            "address": ("Address",),
            "category": ("Type",),
            "website": ("Website",),
            "planes": ("Planes",),
            "description": ("Description Type",),
            "notes": ("Notes",),
        },
        dates=("Reachout Date",),
        unread=("Recent_Touch_Ind", "Distance", "Open Questions"),
    ),
    SheetShape(
        "Contact Info",
        {
            "key": ("ID",),
            "name": ("Organisation Name",),
            "contact_name": ("Firstname", "Surname"),
            "contact_role": ("Position",),
            "phone": ("Phone", "WhatsApp"),
            "email": ("Email",),
        },
        dates=("Reachout Date",),
        parent="Organisation",
        flag="Invalid",
    ),
    SheetShape(
        "Company_Cat",
        {
            "key": ("C_ID",),
            "name": ("Company",),
            "category": ("Category",),
            "status": ("Status",),
            "website": ("Website",),
        },
        dates=("Last_Order_Date", "LoadDate"),
        unread=("QuickNooks_Name", "Strat", "Priority", "Checked"),
    ),
    SheetShape(
        "Company_Contacts",
        {
            "key": ("C_ID",),
            "name": ("Company",),
            "contact_name": ("FirstName", "Surname"),
            "contact_role": ("Position",),
            "phone": ("Cellnumber", "Landline"),
            "email": ("Email",),
        },
        unread=("Status",),
        parent="Company_Cat",
    ),
    SheetShape(
        "Company_Addresses",
        {"key": ("C_ID",), "name": ("Company",), "airport": ("Airport",)},
        unread=("Type",),
        parent="Company_Cat",
    ),
    SheetShape(
        "10-10-25 Capture",
        {
            "name": ("School",),
            "contact_name": ("Contact person (role)",),
            "phone": ("Phone",),
            "email": ("Email",),
            "address": ("Addresses",),
            "planes": ("Planes",),
            "website": ("Website",),
            "description": ("Description",),
            "category": ("Type",),
        },
    ),
    SheetShape(
        "Cleaned",
        {
            "name": ("Name of Organisation",),
            "area": ("Province",),
            "status": ("Status",),
            "website": ("Website URL",),
            "contact_name": ("Contact Person",),
            "phone": ("Contact Number",),
            "email": ("Contact Email Address",),
        },
    ),
)

SHAPES: Mapping[str, SheetShape] = {shape.sheet: shape for shape in _SHAPES}
