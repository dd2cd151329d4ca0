# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The alerts of a ring: playbooks/alerts.yml, and what the server then does with the ring's events."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import events
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.release import announce
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Record
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State

from tests.conftest import ROOT
from tests.support.proxy import Proxy
from tests.support.ring_story import UP, RingStory
from tests.support.server import PrefectServer
from tests.support.shapes import Result, Unique

pytestmark = pytest.mark.integration

ALERTS = ("Promotion failed", "Promotion rolled back", "Promotion slow")


class Site:
    """One ring, and its alerts."""

    def __init__(self, ring: str, directory: Path, proxy: Proxy, session: Session) -> None:
        self.ring = ring
        self.story = RingStory(ring=ring, live=True)
        self.directory = directory
        self._proxy = proxy
        self._session = session

    def play(self, *arguments: str, **settings: t.Any) -> tuple[int, str]:
        """Run playbooks/alerts.yml; its exit status and its output."""
        host = {
            "ring": self.ring,
            "solution": "hotpass",
            "prefect_api_url": self._proxy.api_url,
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            **settings,
        }
        inventory = self.directory / "hosts.yml"
        inventory.write_text(yaml.safe_dump({"ring": {"hosts": {self.ring: host}}}), encoding="utf-8")
        command = [Path(sys.executable).parent / "ansible-playbook", ROOT / "playbooks/alerts.yml", "-i", inventory]
        done = subprocess.run(
            [*map(str, command), *arguments],
            cwd=ROOT,
            env={**os.environ, "ANSIBLE_NOCOLOR": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def automations(self) -> dict[str, Result]:
        """The ring's automations, by the name of the alert."""
        names = {f"{alert}: hotpass in ring {self.ring}": alert for alert in ALERTS}
        rows = self._session.search("/automations/filter", {"automations": {"name": {"any_": list(names)}}})
        return {names[row["name"]]: row for row in rows}

    def tell(self, records: list[Record]) -> None:
        """Tell the server of some records, one after the other, as a promotion does."""
        for record in records:
            assert announce.announce(self._session, self.story.chain, [record]) == []
            time.sleep(0.7)

    def heard(self) -> None:
        """Wait until the server shows all that it was told; what it does not show yet would be told once more."""
        told = [event for record in self.story.chain.records for event in announce.events_of(self.story.chain, record)]
        deadline = time.monotonic() + 60
        while len(events.arrived(self._session, told)) < len(told):
            assert time.monotonic() < deadline, "events are missing"
            time.sleep(0.2)

    def tell_again(self) -> None:
        """Tell the server what it has not heard yet, as whoever goes on after a dead promoter does."""
        assert announce.ensure(self._session, self.story.chain) == []

    def fired(self, alert: str, count: int, seconds: float = 60) -> list[Result]:
        """The times that the alert fired, once they are as many, or the seconds are over."""
        automation = self.automations()[alert]["id"]
        body = {
            "filter": {
                "event": {"name": ["prefect.automation.triggered"]},
                "resource": {"id": [f"prefect.automation.{automation}"]},
                "order": "ASC",
            },
            "limit": 50,
        }
        deadline = time.monotonic() + seconds
        while True:
            found: list[Result] = self._session.search("/events/filter", body)["events"]
            if len(found) >= count or time.monotonic() > deadline:
                return found
            time.sleep(0.5)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[PrefectServer]:
    """A server of this file's own: what others have it do is done before the events of a ring are looked at."""
    started = PrefectServer.start(tmp_path_factory.mktemp("alerts-server"))
    yield started
    started.stop()


@pytest.fixture
def site(unique: Unique, tmp_path: Path, proxy: Proxy, session: Session) -> t.Iterator[Site]:
    """A ring that nothing else on the server knows; its automations are gone afterwards."""
    made = Site(unique("ring"), tmp_path, proxy, session)
    yield made
    for row in made.automations().values():
        session.write("DELETE", f"/automations/{row['id']}")


def test_the_alerts_are_applied_once_changed_and_taken_away(site: Site, proxy: Proxy) -> None:
    code, output = site.play("--check", "--diff")
    assert code == 0, output
    assert proxy.writes == []
    code, output = site.play()
    assert code == 0, output
    made = site.automations()
    assert sorted(made) == sorted(ALERTS)
    for row in made.values():
        assert row["trigger"]["match"] == {
            "prefect.resource.id": f"hotpass.ring.{site.ring}",
            "hotpass.solution": "hotpass",
        }
        assert row["actions"] == [{"type": "do-nothing"}]
        assert row["enabled"]
    assert made["Promotion slow"]["trigger"]["within"] == 1800.0

    proxy.reset()
    code, output = site.play()
    assert (code, "changed=0" in output) == (0, True), output
    assert proxy.writes == []

    block = "7e2085ce-2901-4695-9121-fe72b6c2e9f1"
    message = [{"type": "send-notification", "block_document_id": block, "body": "{{ event.resource.name }}"}]
    (site.directory / "more.yml").write_text(
        f"ring_alert_slow_seconds: 60\nring_alert_actions: {json.dumps(message)}\n".replace(
            '"{{ event', '!unsafe "{{ event'
        ),
        encoding="utf-8",
    )
    code, output = site.play("-e", f"@{site.directory / 'more.yml'}")
    assert code == 0, output
    changed = site.automations()
    assert changed["Promotion slow"]["trigger"]["within"] == 60.0
    assert changed["Promotion slow"]["id"] == made["Promotion slow"]["id"]
    assert {row["actions"][0]["body"] for row in changed.values()} == {"{{ event.resource.name }}"}

    code, output = site.play("-e", "alerts=absent")
    assert code == 0, output
    assert site.automations() == {}


def test_no_definitions_is_an_error(site: Site) -> None:
    code, output = site.play("-e", f"ring_alerts_definitions={site.directory}")
    assert code == 2
    assert "holds no definition of an alert" in " ".join(output.split())


def test_the_alerts_fire_when_they_should_and_not_when_a_promotion_goes_well(site: Site) -> None:
    # More than it takes here to tell of a promotion, also where other tests keep the machine busy.
    slow_seconds = 30
    code, output = site.play(ring_alert_slow_seconds=slow_seconds)
    assert code == 0, output
    # The server reads a new automation within moments.
    time.sleep(2)
    story = site.story
    site.tell(story.go("a", *UP) + story.go("b", *UP))
    site.tell(story.go("c", *UP[:2], State.FAILED, reason="tests did not pass"))
    [failed] = site.fired("Promotion failed", 1)
    assert failed["payload"]["triggering_event"]["event"] == "hotpass.ring.failed"
    assert failed["payload"]["triggering_event"]["payload"]["reason"] == "tests did not pass"

    site.tell(story.go("a", *UP, rolls_back=2))
    [back] = site.fired("Promotion rolled back", 1)
    assert back["payload"]["triggering_event"]["resource"]["hotpass.generation"] == "2"

    site.heard()
    story.go("d", *UP)
    site.tell_again()
    site.tell(story.go("e", *UP[:3]))
    [slow] = site.fired("Promotion slow", 1, seconds=slow_seconds + 50)
    assert slow["payload"]["triggering_labels"]["hotpass.generation"] == "6"
    assert len(site.fired("Promotion failed", 2, seconds=1)) == 1
    assert len(site.fired("Promotion rolled back", 2, seconds=1)) == 1
    assert len(site.fired("Promotion slow", 2, seconds=slow_seconds + 2)) == 1
