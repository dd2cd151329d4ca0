# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The papers grow at their end, once for each entry, and nothing that stands there is touched."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.evidence import journal, papers
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Context

_ENTRY = journal.task("Ring staging", "look at it")


def _no_command(*_arguments: t.Any, **_options: t.Any) -> t.NoReturn:
    raise AssertionError("papers need no command")


_HERE = Context(check=False, run_command=_no_command)


def test_a_missing_paper_is_made_with_its_title_and_heading(tmp_path: Path) -> None:
    path = tmp_path / "docs" / "operations" / "Next_Steps.md"
    diff = journal.append(path, journal.TASKS, _ENTRY)
    text = "# Next steps\n\n## Rehearsals that stopped\n\n- [ ] **Ring staging** — look at it\n"
    assert path.read_text(encoding="utf-8") == text
    assert diff is not None
    assert diff["after"] == text


@pytest.mark.parametrize(
    ("before", "added"),
    [
        (b"# Mine\n\n- [ ] **Me** do\n", b"\n## Rehearsals that stopped\n\n{}\n"),
        (b"no newline at its end", b"\n\n## Rehearsals that stopped\n\n{}\n"),
        (b"# A\r\n\r\ntext\r\n", b"\r\n## Rehearsals that stopped\r\n\r\n{}\r\n"),
        (b"## Rehearsals that stopped\n\n- [ ] older\n", b"{}\n"),
        (b"## Rehearsals that stopped\n\n- older\n\n## Risks\n\nnone\n", b"\n## Rehearsals that stopped\n\n{}\n"),
        (b"\xff\xfe not UTF-8\n", b"\n## Rehearsals that stopped\n\n{}\n"),
    ],
)
def test_an_entry_goes_to_the_end_and_everything_before_it_stays(tmp_path: Path, before: bytes, added: bytes) -> None:
    path = tmp_path / "Next_Steps.md"
    path.write_bytes(before)
    journal.append(path, journal.TASKS, _ENTRY)
    assert path.read_bytes() == before + added.replace(b"{}", _ENTRY.encode())


def test_the_same_entry_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "Next_Steps_Log.md"
    entry = journal.done("2026-11-22", "promoter", "rehearsed")
    assert journal.append(path, journal.LOG, entry) is not None
    written = path.read_bytes()
    assert journal.append(path, journal.LOG, entry) is None
    assert path.read_bytes() == written
    # A line that only begins like it is another line.
    assert journal.append(path, journal.LOG, entry[:-1]) is not None


def test_a_bundle_that_a_line_links_is_told_of_once(tmp_path: Path) -> None:
    path = tmp_path / "Next_Steps.md"
    link, longer = journal.link("20261122T113000Z", tmp_path / "a", path), journal.link("x", tmp_path / "ab", path)
    assert journal.append(path, journal.TASKS, journal.task("Ring dev", f"{link}: look"), link=link) is not None
    # A person has ticked it off.
    ticked = path.read_bytes().replace(b"- [ ]", b"- [x]")
    path.write_bytes(ticked)
    assert journal.append(path, journal.TASKS, journal.task("Ring dev", f"{link}: look again"), link=link) is None
    assert path.read_bytes() == ticked
    assert journal.append(path, journal.TASKS, journal.task("Ring dev", f"{longer}: look"), link=longer) is not None


def test_check_mode_shows_the_entry_and_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "gone" / "Next_Steps.md"
    diff = journal.append(path, journal.TASKS, _ENTRY, check=True)
    assert diff is not None
    assert _ENTRY in diff["after"]
    assert list(tmp_path.iterdir()) == []


def test_what_a_person_says_becomes_neither_markup_nor_a_second_entry(tmp_path: Path) -> None:
    entry = journal.task("**boss**\n- [x] all done", journal.plain("see [here](x)\r\n# Heading"))
    assert entry == r"- [ ] **\*\*boss\*\* - \[x\] all done** — see \[here\](x) # Heading"
    assert journal.plain("_loud_ hotpass_guardrail __init__") == r"\_loud\_ hotpass_guardrail \_\_init\_\_"
    with pytest.raises(CollectionError, match="one line"):
        journal.append(tmp_path / "a.md", journal.TASKS, "one\ntwo")


def test_a_link_leads_from_the_paper_to_the_bundle(tmp_path: Path) -> None:
    bundle = tmp_path / "dist" / "staging" / "a b"
    bundle.mkdir(parents=True)
    paper = tmp_path / "docs" / "operations" / "plan.md"
    assert journal.link("20261122T113000Z", bundle, paper) == "[20261122T113000Z](../../dist/staging/a%20b)"


def _append(arguments: tuple[Path, int]) -> None:
    path, number = arguments
    journal.append(path, journal.LOG, journal.done("2026-11-22", "p", f"number {number // 2}"))


def test_many_that_append_at_once_lose_and_double_nothing(tmp_path: Path) -> None:
    path = tmp_path / "Next_Steps_Log.md"
    path.write_text("# Mine\n", encoding="utf-8")
    with concurrent.futures.ProcessPoolExecutor(4, multiprocessing.get_context("fork")) as pool:
        list(pool.map(_append, [(path, number) for number in range(40)]))
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[:4] == ["# Mine", "", "## Rehearsals", ""]
    assert sorted(lines[4:]) == sorted(journal.done("2026-11-22", "p", f"number {number}") for number in range(20))


def test_a_disk_that_is_full_leaves_the_paper_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "Next_Steps.md"
    path.write_bytes(b"# Mine\n")
    really: t.Callable[[int, bytes], int] = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: really(descriptor, data[:5]))
    with pytest.raises(CollectionError, match="only 5 of"):
        journal.append(path, journal.TASKS, _ENTRY)
    assert path.read_bytes() == b"# Mine\n"


def test_a_directory_in_its_place_is_said_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CollectionError, match=r"^Cannot append to .*: Is a directory\.$"):
        journal.append(tmp_path, journal.TASKS, _ENTRY)


def _papers(tmp_path: Path, **more: t.Any) -> dict[str, t.Any]:
    files = {f"{word}_file": str(tmp_path / f"{word}.md") for word in ("tasks", "log", "plan")}
    return {**files, "owner": "Ring dev", "ring": "dev", "name": "20261122T113000Z", **more}


def _summary(live: bool) -> dict[str, t.Any]:
    """Of a rehearsal that passed."""
    figures = {"limits": {"deployment": 2}, "max_slots": {"deployment": 2}}
    return {
        "deployment": "f/d",
        "ring": "dev",
        "verdict": "pass",
        "stopped": None,
        "live": live,
        "live_reason": "" if live else "no worker took run a",
        "rehearsal": {"failed": []},
        "guardrails": {"figures": figures, "checks": []},
        "figures": {"runs": 4, "waited_for_slot": 2},
    }


@pytest.mark.parametrize(
    ("live", "gap", "told"),
    [
        (True, "", ["log.md", "plan.md"]),
        (False, "", ["tasks.md"]),
        (True, "A screenshot was required and is not there: no browser.", ["tasks.md"]),
    ],
)
def test_only_a_pass_that_is_live_and_whole_signs_off(tmp_path: Path, live: bool, gap: str, told: list[str]) -> None:
    entries = list(papers.entries(_papers(tmp_path), tmp_path / "20261122T113000Z", _summary(live), gap))
    assert [entry.path.name for entry in entries] == told
    assert all(entry.link in entry.line for entry in entries)
    if told == ["tasks.md"]:
        [entry] = entries
        assert entry.line.startswith("- [ ] **Ring dev** — Rehearsal [20261122T113000Z]")
        assert (gap or "It was not live: no worker took run a.") in entry.line


@pytest.mark.parametrize(("live", "told"), [(True, ["log.md", "plan.md"]), (False, ["tasks.md"])])
def test_one_rehearsal_has_one_line_also_when_it_was_uploaded_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, live: bool, told: list[str]
) -> None:
    bundle = tmp_path / "20261122T113000Z"
    # What is sealed is no matter here.
    monkeypatch.setattr(
        papers, "_of_bundle", lambda params: papers.entries(params, Path(params["bundle"]), _summary(live), "")
    )
    first = papers.log(_papers(tmp_path, bundle=str(bundle)), _HERE)
    assert first.result["papers"] == [str(tmp_path / name) for name in told]
    written = {name: (tmp_path / name).read_bytes() for name in told}
    changes: t.Iterable[dict[str, t.Any]] = ({"uploaded_to": "s3://evidence/kept/"}, {"owner": "Somebody else"})
    for change in changes:
        again = papers.log(_papers(tmp_path, bundle=str(bundle), **change), _HERE)
        assert (again.changed, again.result["papers"], again.diff) == (False, [], [])
    assert {name: (tmp_path / name).read_bytes() for name in told} == written
    other = papers.log(_papers(tmp_path, bundle=str(tmp_path / "20261122T113001Z")), _HERE)
    assert other.changed


def test_a_rehearsal_without_a_bundle_raises_a_task_that_shows_no_secret(tmp_path: Path) -> None:
    reason = "stopped at watch: postgresql://svc:hunter22@db is away"
    outcome = papers.log(_papers(tmp_path, reason=reason), _HERE)
    assert outcome.result["papers"] == [str(tmp_path / "tasks.md")]
    text = (tmp_path / "tasks.md").read_text(encoding="utf-8")
    assert "No sealed evidence of rehearsal 20261122T113000Z in ring dev: stopped at watch: " in text
    assert "hunter22" not in text
    assert [path.name for path in tmp_path.iterdir()] == ["tasks.md"]
    with pytest.raises(CollectionError, match="give reason, or bundle"):
        papers.log(_papers(tmp_path), _HERE)
