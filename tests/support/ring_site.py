# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One ring on a live server with everything that is its own: a solution, releases in a store, keys, and a work pool."""

from __future__ import annotations

import datetime
import hashlib
import os
import re
import subprocess
import sys
import typing as t
import uuid
from pathlib import Path

import yaml
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.flow_code import FlowCode
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import filters, reading
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.release import building, predicates, statements
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Chain
from ansible_collections.hotpass.prefect.plugins.module_utils.release.config import Overlay
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ledger import PrefectLedger
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import variable_prefix
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ring import ENVELOPE
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import open_store

from tests.conftest import ROOT
from tests.support import attesting, projects
from tests.support.promoter import Answer, Promoter

RING = "dev"
TESTS = [{"name": "all", "argv": [sys.executable, "-m", "unittest", "discover", "-s", "checks"]}]
"""What passes the gate ``tests`` with the releases that are made here."""

_CHECK = """\
import unittest

from lab.flow import say


class TestFlow(unittest.TestCase):
    def test_it_says_a_word(self) -> None:
        self.assertTrue(say())
"""
_COMMIT_TIME = datetime.datetime(2026, 3, 1, 10, 0, tzinfo=datetime.UTC)
_FLOW = '''\
"""A flow of a release, which nothing runs here."""


def say() -> str:
    """Say which release this is."""
    return "{word}"
'''
_SCHEMA = {"type": "object", "title": "Parameters", "properties": {}}
_REHEARSAL = {"timeout": 60, "summary": "figures", "expect": {"records": {"min": 1}}}
_IDS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Site:
    """The ring ``dev`` of a solution that nothing else on the server has.

    :param directory: for its store, cache, keys and inventory.
    :param server_url: where the site itself looks; a proxy does not count that.
    :param store: an address, in place of a store in the directory.
    :ivar solution: its name, which the flow has as well.
    """

    def __init__(self, directory: Path, server_url: str, *, store: str | None = None) -> None:
        self.directory = directory
        self.solution = f"site-{uuid.uuid4().hex[:8]}"
        self.store_address = store or str(directory / "store")
        self.store = open_store(self.store_address)
        self.session = Session(Connection(server_url, retries=20))
        keys = directory / "keys"
        keys.mkdir(parents=True)
        self._builder = attesting.person(keys, "builder")
        self._promoter = attesting.person(keys, "promoter")
        self.pool = f"{self.solution}-pool"
        self.session.write("POST", "/work_pools/", {"name": self.pool, "type": "process"})

    def __enter__(self) -> Site:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.store.close()
        self.session.close()

    def release(self, word: str, *, records: int = 1) -> str:
        """Put a release into the store, signed by its builder, and return its digest.

        It deploys ``refine``, which is rehearsed, ``mend``, and one that has the release's name, so that each promotion
        creates, updates and deletes.

        :param records: how many the rehearsal has to count; :meth:`work` gives it 5.
        """
        manifests = {name: self._manifest(name) for name in ("refine", "mend", f"only-{word}")}
        rehearsal = {**_REHEARSAL, "expect": {"records": {"min": records}}}
        manifests["refine"]["rehearsal"] = rehearsal
        flow = _FLOW.format(word=word).encode()
        files = {f"manifests/{RING}/{name}.yaml": yaml.safe_dump(body).encode() for name, body in manifests.items()}
        prepared = projects.release(
            {
                **files,
                "checks/test_flow.py": _CHECK.encode(),
                "flows/lab/__init__.py": b"",
                "flows/lab/flow.py": flow,
                "requirements.txt": b"",
            },
            solution=self.solution,
            flows={
                "lab.flow:say": FlowCode(self.solution, "lab/flow.py:say", _SCHEMA, hashlib.sha256(flow).hexdigest())
            },
            overlays=(Overlay(RING, tuple(sorted(manifests))),),
        )
        building.put(self.store, prepared)
        stated = statements.provenance(
            prepared.digest,
            self.solution,
            commit="c" * 40,
            invocation_id=word,
            started_on=_COMMIT_TIME,
            finished_on=_COMMIT_TIME,
        )
        annotations = {statements.PREDICATE_ANNOTATION: predicates.PROVENANCE}
        envelope = statements.sign(stated, self._builder.key)
        self.store.attach(prepared.digest, statements.ARTIFACT_TYPE, envelope, ENVELOPE, annotations)
        return prepared.digest

    def _manifest(self, name: str) -> Answer:
        return {
            "id": name,
            "name": name,
            "flow": "lab.flow:say",
            "work_pool": self.pool,
            "schedule": {"kind": "cron", "value": "0 6 * * *", "active": False},
        }

    def settings(self, api_url: str) -> Answer:
        """What a :class:`~tests.support.promoter.Promoter` of this ring needs."""
        return {
            "connection": {"api_url": api_url, "retries": 20},
            "ring": {
                "ring": RING,
                "solution": self.solution,
                "store": self.store_address,
                "signing_key": str(self.directory / "keys" / "promoter.pem"),
                "trust": self._trust(),
                "unsigned": "refuse",
            },
            "overlay": RING,
            "cache_dir": str(self.directory / "cache"),
            "evidence_dir": str(self.directory / "dist"),
            "output_dir": str(self.directory / "promotions" / RING),
            "gates": ["health", "rehearsal"],
            "rollback_gates": ["health"],
            "on_drift": "fail",
            "wait_timeout": 10,
        }

    def _trust(self) -> list[Answer]:
        return [self._builder.entry("builder"), self._promoter.entry("promoter")]

    def promoter(self, api_url: str) -> Promoter:
        """A promoter in this process."""
        return Promoter(self.settings(api_url))

    def command(
        self, playbook: str, api_url: str, *arguments: str, **settings: t.Any
    ) -> tuple[list[str], dict[str, str]]:
        """The command that runs one of the playbooks on this ring, and its environment; it runs in the checkout.

        :param settings: further variables of the ring.
        """
        inventory = self.directory / "hosts.yml"
        given = self.settings(api_url)
        host = {
            "ring": RING,
            "solution": self.solution,
            "ring_state_dir": str(self.directory),
            "ring_store": self.store_address,
            "ring_evidence_dir": given["evidence_dir"],
            "ring_signing_key": given["ring"]["signing_key"],
            "ring_trust": given["ring"]["trust"],
            "ring_validate_wait_timeout": given["wait_timeout"],
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "prefect_embedded": False,
            "prefect_api_url": api_url,
            **settings,
        }
        inventory.write_text(yaml.safe_dump({"ring": {"hosts": {RING: host}}}, sort_keys=False), encoding="utf-8")
        program = str(Path(sys.executable).parent / "ansible-playbook")
        book = str(ROOT / "playbooks" / playbook)
        return [program, book, "-i", str(inventory), *arguments], {**os.environ, "ANSIBLE_NOCOLOR": "1"}

    def play(self, playbook: str, api_url: str, *arguments: str, **settings: t.Any) -> tuple[int, str]:
        """Run one of the playbooks on this ring: its exit status, and its output with every white space as one space.

        :param settings: further variables of the ring.
        """
        command, env = self.command(playbook, api_url, *arguments, **settings)
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        return done.returncode, " ".join(done.stdout.split())

    def be_worker(self) -> None:
        """Give the signs of life of a worker, which also make the pool's deployments READY, and take no work."""
        self.session.write("POST", f"/work_pools/{self.pool}/workers/heartbeat", {"name": "idle"})
        self.session.write("POST", f"/work_pools/{self.pool}/get_scheduled_flow_runs", {})

    def work(self) -> None:
        """Be the worker that has carried out whatever was started, with 5 records."""
        self.be_worker()
        for run in self.runs():
            if run["state_type"] not in ("COMPLETED", "CANCELLED"):
                figures = {"key": "figures", "type": "result", "data": {"records": 5}, "flow_run_id": run["id"]}
                self.session.write("POST", "/artifacts/", figures)
                self.session.write("POST", f"/flow_runs/{run['id']}/set_state", {"state": {"type": "COMPLETED"}})

    def chain(self) -> Chain:
        """The ring's ledger, verified."""
        return PrefectLedger(self.session, self.solution, RING).read()

    def variables(self) -> list[str]:
        """The names of the server's variables that have to do with this ring, sorted; without its chain of bundles."""
        rows = reading.read_all(
            self.session, reading.VARIABLES, filters.variables(name_like=self.solution.replace("-", "%"))
        )
        return sorted(row["name"] for row in rows if not row["name"].startswith("evidence_"))

    def deployments(self) -> list[Answer]:
        """The server's deployments of this ring."""
        return reading.read_all(self.session, reading.DEPLOYMENTS, filters.deployments(flow_names=[self.solution]))

    def runs(self) -> list[Answer]:
        """Every flow run of the ring's deployments."""
        ids = [row["id"] for row in self.deployments()]
        return reading.read_all(self.session, reading.FLOW_RUNS, filters.flow_runs(deployment_ids=ids)) if ids else []

    def differing(self, generation: int, release: str) -> list[str]:
        """The deployments that are not as a generation of a release makes them, by name."""
        plan = self.promoter(self.session.connection.api_url).plan({"generation": generation, "release": release})
        return [step["deployment"] for step in plan if step["action"] != "unchanged"]

    def stated(self, release: str, generation: int) -> list[str]:
        """The results that the signed statements with a release tell of a generation of this ring."""
        found = []
        for envelope in self.store.attachments(release, statements.ARTIFACT_TYPE):
            said = statements.peek(envelope)
            predicate = said["predicate"]
            if said["predicateType"] == predicates.PROVENANCE or predicate["solution"] != self.solution:
                continue
            if predicate["generation"] == generation:
                found.append(predicate["result"])
        return found

    def shape(self, line: str) -> str:
        """A request without what is another one in each promotion."""
        prefix = variable_prefix(self.solution, RING)
        line = re.sub(re.escape(prefix) + r"\d{8}", "RECORD", line)
        line = re.sub(rf"evidence_{RING}_{self.solution}_\d{{8}}", "BUNDLE", line)
        return _IDS.sub("ID", line.replace(self.solution, "SOLUTION"))
