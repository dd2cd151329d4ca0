# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold for any input: normalising twice changes nothing, order decides nothing, no record is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotpass import normalise
from hotpass.dedupe import merge_duplicates
from hotpass.errors import HotpassError
from hotpass.output import to_parquet
from hotpass.parameters import RefineConfig
from hotpass.pipeline import refine_records
from hotpass.profiles import PROFILES
from hotpass.records import Contact, Record

pytestmark = pytest.mark.property

_WORDS = st.sampled_from(["Tower", "TOWER Ltd", "tower", "Mast", "M\u00e2st (Pty) Ltd", "", "!!"])
_AREAS = st.sampled_from([None, "Gauteng", "Cabo-Delgado", "Cabo Delgado", "Limpopo"])
_FEW = st.sampled_from([None, "a", "b"])
_CONTACTS = st.builds(Contact, name=_FEW, role=_FEW, phone=_FEW, email=_FEW)
_UNREADABLE = st.frozensets(st.sampled_from(["date", "website", "phone", "email", "area"]), max_size=2)


@st.composite
def _records(draw: st.DrawFn) -> Record:
    name = normalise.text(draw(_WORDS))
    return Record(
        name=name,
        slug=normalise.slug(name),
        area=draw(_AREAS),
        address=draw(_FEW),
        website=draw(_FEW),
        notes=draw(_FEW),
        contact=draw(_CONTACTS),
        updated=draw(st.none() | st.dates(date(2024, 1, 1), date(2024, 1, 4))),
        sources=tuple(sorted(draw(st.sets(st.sampled_from(["a", "b", "c"]), min_size=1)))),
        unreadable=draw(_UNREADABLE),
    )


_RECORD_LISTS = st.lists(_records(), max_size=12)
_CONFIGS = st.builds(
    lambda profile, since: replace(
        RefineConfig.build(incremental=since is not None, since=since), profile=PROFILES[profile]
    ),
    st.sampled_from(sorted(PROFILES)),
    st.none() | st.datetimes(datetime(2024, 1, 1), datetime(2024, 1, 5), timezones=st.just(UTC)),  # noqa: DTZ001
)


@given(value=st.text())
def test_text_twice_is_text_once(value: str) -> None:
    once = normalise.text(value)
    assert normalise.text(once) == once


@given(value=st.text() | st.text("\u00df\u0130\u0345\u1e9e\ufb01\u03a3\u0301&' ltdcc()"))
def test_slug_twice_is_slug_once(value: str) -> None:
    once = normalise.slug(value)
    assert normalise.slug(once) == once


_PHONE_LIKE = st.text("0123456789+() -/x.", max_size=20) | st.from_regex(
    r"(\+|00)?(27|264|0|)[ (-]?[1-9][0-9][ )-]?[0-9]{3}[ .-]?[0-9]{4}( x[0-9]{1,3}| / .*)?", fullmatch=True
)
_WEB_LIKE = st.from_regex(
    r"(https?://)?(www\.)*[a-zA-Z0-9\-.]{1,12}\.[a-z]{2,5}(:443)?(/[a-zA-Z0-9%./]{0,8})?", fullmatch=True
)
_MAIL_LIKE = st.emails() | st.from_regex(r"(mailto:)?[A-Z.+]{1,6}@[a-z\-.]{1,8}\.[a-z]{2,4}([;/ ].*)?", fullmatch=True)
_DAY_LIKE = st.dates(date(1900, 1, 1)).map(str) | st.from_regex(
    r"[0-9]{1,2}[-/ ]([0-9]{1,2}|Mar)[-/ ][0-9]{4}", fullmatch=True
)
_AREA_LIKE = st.sampled_from(["kzn", "Orange-Free-State", "GP", "north-west province"])


@pytest.mark.parametrize(
    ("convert", "likely"),
    [
        (normalise.area, _AREA_LIKE),
        (normalise.website, _WEB_LIKE),
        (normalise.email, _MAIL_LIKE),
        (normalise.phone, _PHONE_LIKE),
        (normalise.day, _DAY_LIKE),
    ],
)
def test_a_value_is_refused_or_final(convert: Callable[[str | None], object], likely: st.SearchStrategy[str]) -> None:
    readable = 0

    @given(value=st.text() | likely)
    def search(value: str) -> None:
        nonlocal readable
        try:
            once = convert(value)
        except normalise.Unreadable:
            return
        if once is not None:
            readable += 1
            assert convert(str(once)) == once

    search()
    assert readable


@given(records=_RECORD_LISTS, data=st.data())
def test_the_order_of_records_decides_nothing(records: list[Record], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(records))
    merged = merge_duplicates(records)
    assert merge_duplicates(shuffled) == merged
    assert to_parquet(merge_duplicates(shuffled)) == to_parquet(merged)


@given(records=_RECORD_LISTS)
def test_merging_twice_is_merging_once(records: list[Record]) -> None:
    once = merge_duplicates(records)
    assert merge_duplicates(once) == once


@given(records=_RECORD_LISTS)
def test_merging_invents_and_loses_no_source_and_no_name(records: list[Record]) -> None:
    merged = merge_duplicates(records)
    assert {record.slug for record in merged} == {record.slug for record in records}
    assert {source for record in merged for source in record.sources} == {
        s for record in records for s in record.sources
    }
    assert len({(record.slug, record.area) for record in merged}) == len(merged)


@given(records=_RECORD_LISTS, config=_CONFIGS)
def test_every_record_is_counted_exactly_once(records: list[Record], config: RefineConfig) -> None:
    undated = [record for record in records if record.updated is None and "date" not in record.unreadable]
    try:
        outcome = refine_records(records, config)
    except HotpassError as error:
        # Refused only when nothing was left to check, or nothing that was checked is valid.
        nothing_dated = config.since is not None and len(undated) == len(records)
        assert nothing_dated or "checked is valid" in str(error)  # noqa: PT017
        return
    counted = outcome.invalid + outcome.duplicates + outcome.filtered_out + outcome.undated
    assert len(outcome.refined) + counted == len(records)
    assert sum(outcome.invalid_by_reason.values()) >= outcome.invalid
    assert list(outcome.invalid_by_reason) == [rule.reason for rule in config.profile.rules]
    assert outcome.undated == (len(undated) if config.since else 0)
    assert not [r for r in outcome.refined for rule in config.profile.rules if rule.broken(r)]
    if config.since:
        first_day = config.since.date()
        assert all(record.updated is not None and record.updated >= first_day for record in outcome.refined)
