# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One record per organisation row, with what its detail rows add."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from hotpass.records import Contact, DetailCount, Extract, extract
from hotpass.workbooks import read_workbooks


@pytest.fixture
def read(data: Path, write_workbook: Callable[..., Path]) -> Callable[..., Extract]:
    """Return a function that writes one workbook of these sheets and extracts it."""

    def write_and_extract(sheets: dict[str, list[dict[str, object]]]) -> Extract:
        write_workbook("a.xlsx", sheets)
        return extract(read_workbooks(data))

    return write_and_extract


def test_an_organisation_with_every_column(read: Callable[..., Extract]) -> None:
    row = {
        "ID": "1",
        "Organisation Name": " Tower  School (Pty) Ltd",
        "Reachout Date": date(2024, 11, 1),
        "Area": "GP",
        "Type": "School",
        "Website": "https://www.tower.example/",
        "Address": "1 Apron",
        "Planes": 3,
        "Description Type": "Training",
        "Notes": "n/a",
    }
    [record] = read({"Organisation": [row]}).records
    assert (record.name, record.slug, record.area) == ("Tower School (Pty) Ltd", "tower-school", "Gauteng")
    assert (record.category, record.website, record.address) == ("School", "tower.example", "1 Apron")
    assert (record.planes, record.description, record.notes) == ("3", "Training", None)
    assert (record.updated, record.sources) == (date(2024, 11, 1), ("a.xlsx/Organisation",))
    assert record.contact == Contact()
    assert record.unreadable == frozenset()


def test_capture_and_cleaned_hold_their_contact_in_the_row(read: Callable[..., Extract]) -> None:
    capture = {"School": "Tower", "Contact person (role)": "Chief", "Phone": "0111234567", "Addresses": "Apron"}
    cleaned = {"Name of Organisation": "Mast", "Province": "KZN", "Contact Email Address": "A@mast.example"}
    first, second = read({"10-10-25 Capture": [capture], "Cleaned": [cleaned]}).records
    assert (first.address, first.contact) == ("Apron", Contact(name="Chief", phone="+27111234567"))
    assert (second.area, second.contact) == ("KwaZulu-Natal", Contact(email="a@mast.example"))


def test_the_latest_of_all_dates_counts(read: Callable[..., Extract]) -> None:
    company = {"C_ID": "1", "Company": "Tower", "Last_Order_Date": "05/03/2024", "LoadDate": date(2024, 1, 1)}
    contact = {"ID": "7", "Organisation Name": "Mast", "Reachout Date": date(2025, 1, 1)}
    found = read(
        {
            "Company_Cat": [company],
            "Organisation": [{"ID": 7, "Organisation Name": "Mast", "Reachout Date": date(2024, 1, 1)}],
            "Contact Info": [contact],
        }
    )
    assert [record.updated for record in found.records] == [date(2024, 3, 5), date(2025, 1, 1)]


def test_the_fullest_contact_is_taken_whole_wherever_it_stands(read: Callable[..., Extract]) -> None:
    contacts = [
        {"C_ID": "c1", "FirstName": "Chief", "Surname": "Pilot", "Cellnumber": "bad", "Landline": "0111234567"},
        {"C_ID": "C1", "Email": "desk@tower.example"},
    ]
    company = [{"C_ID": "C1", "Company": "Tower"}]
    for order in (contacts, contacts[::-1]):
        [record] = read({"Company_Cat": company, "Company_Contacts": order}).records
        assert record.contact == Contact(name="Chief Pilot", phone="+27111234567")
        assert record.unreadable == {"phone"}


def test_details_without_an_id_go_by_the_name(read: Callable[..., Extract]) -> None:
    address = {"Company": "TOWER (Pty) Ltd", "Airport": "FAAB"}
    for company in ({"C_ID": "1", "Company": "Tower"}, {"Company": "Tower"}):
        found = read({"Company_Cat": [company], "Company_Addresses": [address]})
        assert [record.airport for record in found.records] == ["FAAB"]
        assert found.details["a.xlsx/Company_Addresses"] == DetailCount(rows=1)


def test_details_that_cannot_be_used_are_counted(read: Callable[..., Extract]) -> None:
    contacts = [
        {"ID": "1", "Phone": "0111234567", "Invalid": "x"},
        {"ID": "1", "Email": "a@tower.example", "Invalid": "No"},
        {"ID": "9", "Organisation Name": "Nobody", "Phone": "0111234567"},
        {"Phone": "0111234567"},
    ]
    found = read(
        {"Organisation": [{"ID": "1", "Organisation Name": "Tower"}, {"Notes": "no name"}], "Contact Info": contacts}
    )
    assert found.details == {"a.xlsx/Contact Info": DetailCount(rows=4, flagged=1, unmatched=2)}
    assert [record.contact for record in found.records] == [Contact(email="a@tower.example"), Contact()]
    assert found.per_sheet == {"a.xlsx/Organisation": 2}


def test_cells_without_meaning_are_named(read: Callable[..., Extract]) -> None:
    row = {"ID": "1", "Organisation Name": "Tower", "Reachout Date": "soon", "Website": "ask us", "Area": "?"}
    contact = {"ID": "1", "Phone": "ask", "Email": "ask", "Reachout Date": date(2024, 1, 1)}
    [record] = read({"Organisation": [row], "Contact Info": [contact]}).records
    assert record.unreadable == {"date", "website", "area", "phone", "email"}
    assert (record.website, record.area, record.contact) == (None, None, Contact())
