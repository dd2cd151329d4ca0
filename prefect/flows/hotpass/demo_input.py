# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the demo's input: three workbooks of the real airports of southern and eastern Africa, and archives of them.

`python -m hotpass.demo_input --output-dir DIR --archive-dir DIR` takes names, cities, subdivisions, countries and ICAO
codes from the public `airportsdata` package as they are, gaps included, and lays them out in the sheets that the flows
read. What that package does not have is left empty, above all every person, telephone number and e-mail address,
except for two columns that the demo needs and that are derived from the ICAO code:

- dates (`Reachout Date`, `Last_Order_Date`, `LoadDate`): a day of 2024 or 2025 by the CRC-32 of the code; every
  seventh organisation has none;
- websites: `<code>.example`, a domain that is reserved and can belong to nobody, spelled differently in each sheet.

The workbooks overlap, so there are duplicates to merge, and a few airports have neither city nor subdivision, so
there are records to refuse. Running it again writes nothing: equal content gives equal bytes.

The archives, `hotpass-inputs-YYYYMMDD-v1.zip` of the first seven days of 2024, are what backfills replay: each has the
same three workbooks with another seventh of the airports.
"""

from __future__ import annotations

import argparse
import io
import sys
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import airportsdata
import xlsxwriter

from hotpass.archive_pattern import DEFAULT_PATTERN, ArchivePattern
from hotpass.errors import HotpassError
from hotpass.output import write_atomically

COUNTRIES = ("AO", "BW", "KE", "LS", "MW", "MZ", "NA", "SZ", "TZ", "UG", "ZA", "ZM", "ZW")

_Airport = dict[str, str]
_Cell = str | date | None
_Table = tuple[str, tuple[str, ...], Iterable[Sequence[_Cell]]]

_FIRST_DAY = date(2024, 1, 1)
_DAYS = 731
_UNDATED_EVERY = 7
_ARCHIVES = 7
_ARCHIVE_VERSION = "1"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write what is asked for, say of each file whether it was written or unchanged; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m hotpass.demo_input", description="Write the demo's input.")
    parser.add_argument("--output-dir", type=Path, help="directory for the workbooks; made when missing")
    parser.add_argument("--archive-dir", type=Path, help="directory for archives to replay; made when missing")
    options = parser.parse_args(arguments)
    if options.output_dir is None and options.archive_dir is None:
        parser.error("give --output-dir, --archive-dir or both")
    wanted: dict[Path, bytes] = {}
    if options.output_dir is not None:
        wanted |= {options.output_dir / name: content for name, content in build().items()}
    if options.archive_dir is not None:
        wanted |= {options.archive_dir / name: content for name, content in build_archives().items()}
    try:
        for path, content in wanted.items():
            unchanged = path.is_file() and path.read_bytes() == content
            if not unchanged:
                write_atomically(path, content)
            sys.stdout.write(f"{'unchanged' if unchanged else 'wrote'} {path} ({len(content)} bytes)\n")
    except HotpassError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def build() -> dict[str, bytes]:
    """Return the bytes of each workbook by its file name; only airportsdata and xlsxwriter decide them."""
    return _workbooks(_airports())


def build_archives() -> dict[str, bytes]:
    """Return the bytes of each archive by its file name; airportsdata, xlsxwriter and zlib decide them."""
    airports = _airports()
    pattern = ArchivePattern.parse(DEFAULT_PATTERN)
    return {
        pattern.path_of(_FIRST_DAY + timedelta(days=number), _ARCHIVE_VERSION): _archive(
            _workbooks([airport for airport in airports if _number(airport, "archive") % _ARCHIVES == number])
        )
        for number in range(_ARCHIVES)
    }


def _airports() -> list[_Airport]:
    by_code = airportsdata.load("ICAO")
    return [
        {key: str(value) for key, value in by_code[code].items()}
        for code in sorted(by_code)
        if by_code[code]["country"] in COUNTRIES
    ]


def _workbooks(airports: Sequence[_Airport]) -> dict[str, bytes]:
    served = [airport for airport in airports if airport["iata"]]
    companies = [airport for airport in airports if airport["iata"] or _number(airport) % 2]
    south_african = [airport for airport in airports if airport["country"] == "ZA"]
    gauteng = [airport for airport in south_african if airport["subd"] == "Gauteng"]
    return {
        "Contact Database.xlsx": _workbook(
            _company_cat(companies), _company_contacts(companies), _company_addresses(companies), _capture(gauteng)
        ),
        "Reachout Database.xlsx": _workbook(_organisation(airports), _contact_info(served)),
        "SACAA Flight Schools - Refined copy__CLEANED.xlsx": _workbook(_cleaned(south_african)),
    }


def _organisation(airports: Iterable[_Airport]) -> _Table:
    columns = (
        "Organisation Name",
        "ID",
        "Reachout Date",
        "Recent_Touch_Ind",
        "Area",
        "Distance",
        "Type",
        "Website",
        "Address",
        "Planes",
        "Description Type",
        "Notes",
        "Open Questions",
    )
    rows = (
        (
            airport["name"],
            airport["icao"],
            _day(airport, "reachout"),
            None,
            airport["subd"],
            None,
            "Airport",
            f"https://www.{airport['icao'].lower()}.example/",
            _address(airport),
            None,
            None,
            None,
            None,
        )
        for airport in airports
    )
    return "Organisation", columns, rows


def _contact_info(airports: Iterable[_Airport]) -> _Table:
    columns = (
        "ID",
        "Organisation Name",
        "Reachout Date",
        "Firstname",
        "Surname",
        "Position",
        "Phone",
        "WhatsApp",
        "Email",
        "Invalid",
        "Unnamed: 10",
    )
    rows = ((airport["icao"], airport["name"], _day(airport, "reachout"), *[None] * 8) for airport in airports)
    return "Contact Info", columns, rows


def _company_cat(airports: Iterable[_Airport]) -> _Table:
    columns = (
        "C_ID",
        "Company",
        "QuickNooks_Name",
        "Last_Order_Date",
        "Category",
        "Strat",
        "Priority",
        "Status",
        "LoadDate",
        "Checked",
        "Website",
    )
    rows = (
        (
            f"C-{airport['icao']}",
            airport["name"],
            None,
            _text_day(airport, "order"),
            "Airport",
            None,
            None,
            None,
            _day(airport, "load"),
            None,
            f"HTTP://{airport['icao']}.EXAMPLE",
        )
        for airport in airports
    )
    return "Company_Cat", columns, rows


def _company_contacts(airports: Iterable[_Airport]) -> _Table:
    columns = ("C_ID", "Company", "Status", "FirstName", "Surname", "Position", "Cellnumber", "Email", "Landline")
    rows = ((f"C-{airport['icao']}", airport["name"], *[None] * 7) for airport in airports)
    return "Company_Contacts", columns, rows


def _company_addresses(airports: Iterable[_Airport]) -> _Table:
    columns = ("C_ID", "Company", "Type", "Airport", "Unnamed: 4")
    rows = ((f"C-{airport['icao']}", airport["name"], "Airport", airport["icao"], None) for airport in airports)
    return "Company_Addresses", columns, rows


def _capture(airports: Iterable[_Airport]) -> _Table:
    columns = (
        "Unnamed: 0",
        "School",
        "Contact person (role)",
        "Phone",
        "Email",
        "Addresses",
        "Planes",
        "Website",
        "Description",
        "Type",
    )
    rows = (
        (str(number), airport["name"], None, None, None, _address(airport), None, None, None, "Airport")
        for number, airport in enumerate(airports)
    )
    return "10-10-25 Capture", columns, rows


def _cleaned(airports: Iterable[_Airport]) -> _Table:
    columns = (
        "Name of Organisation",
        "Province",
        "Status",
        "Website URL",
        "Contact Person",
        "Contact Number",
        "Contact Email Address",
    )
    rows = (
        (airport["name"].upper(), airport["subd"], None, f"www.{airport['icao'].lower()}.example", None, None, None)
        for airport in airports
    )
    return "Cleaned", columns, rows


def _workbook(*tables: _Table) -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True, "strings_to_urls": False}) as workbook:
        # The time of creation is part of the file; a fixed one makes equal content equal bytes.
        workbook.set_properties({"created": datetime(2025, 1, 1, tzinfo=UTC)})
        day_format = workbook.add_format({"num_format": "yyyy-mm-dd"})
        for name, columns, rows in tables:
            sheet = workbook.add_worksheet(name)
            sheet.write_row(0, 0, columns)
            for number, row in enumerate(rows, start=1):
                for column, cell in enumerate(row):
                    if isinstance(cell, date):
                        sheet.write_datetime(number, column, cell, day_format)
                    elif cell:
                        sheet.write_string(number, column, cell)
    return buffer.getvalue()


def _archive(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.create_system = 3
            info.external_attr = 0o644 << 16
            archive.writestr(info, content)
    return buffer.getvalue()


def _address(airport: _Airport) -> str:
    return f"{airport['city']}, {airport['country']}" if airport["city"] else ""


def _number(airport: _Airport, purpose: str = "") -> int:
    return zlib.crc32(f"{airport['icao']}{purpose}".encode())


def _day(airport: _Airport, purpose: str) -> date | None:
    if _number(airport) % _UNDATED_EVERY == 0:
        return None
    return _FIRST_DAY + timedelta(days=_number(airport, purpose) % _DAYS)


def _text_day(airport: _Airport, purpose: str) -> str | None:
    day = _day(airport, purpose)
    return f"{day:%d/%m/%Y}" if day else None


if __name__ == "__main__":
    sys.exit(main())
