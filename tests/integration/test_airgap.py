# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site without a network lives by transfer bundles alone: from bootstrap.py to its evidence at home.

The site is a network namespace with nothing but the loopback, in which the checkout cannot be seen. Its inventory and
the commands for its keys are those of docs/air-gap.md, as they stand there.
"""

from __future__ import annotations

import dataclasses
import platform
import re
import shutil
import subprocess
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.transfer import names, writing

from tests.conftest import ROOT
from tests.support import attesting
from tests.support import transfer_bundles as bundles
from tests.support.airgap import PATIENCE, Island, Ran, base_python, example, stamps, tree
from tests.support.airgap_home import PYTHON, Home

pytestmark = [pytest.mark.integration, pytest.mark.e2e]

_UNREACHABLE = """
import errno, socket, sys
for family, address in ((socket.AF_INET, ("192.0.2.1", 443)), (socket.AF_INET6, ("2001:db8::1", 443))):
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(20)
        try:
            connection.connect(address)
        except OSError as error:
            assert error.errno in (errno.ENETUNREACH, errno.EADDRNOTAVAIL), error
        else:
            sys.exit("connected")
try:
    socket.getaddrinfo("prefect.home.example", 443)
except socket.gaierror:
    print("no network")
"""
_RECAP = re.compile(r"ok=(\d+) changed=(\d+) unreachable=0 failed=(\d+)")


@dataclasses.dataclass(frozen=True)
class Site:
    """What lies at the site, and how things are done there."""

    island: Island
    directory: Path

    @property
    def bundle(self) -> Path:
        return self.directory / "hotpass.tar"

    def bootstrap(self) -> list[str]:
        """The command that the site begins with."""
        program = [base_python(), str(self.directory / "bootstrap.py"), str(self.bundle)]
        return [*program, "--key", str(self.directory / "promoter.pub"), "--into", str(self.directory / "opt")]

    def play(self, playbook: str, *arguments: str) -> Ran:
        """Run a playbook of the collection that was installed there."""
        program = self.directory / "opt/current/bin/ansible-playbook"
        command = [program, f"hotpass.prefect.{playbook}", "-i", self.directory / "site/hosts.yml", "-e", PATIENCE]
        return self.island.run(*command, *arguments)

    def bring_in(self, bundle: Path, *arguments: str) -> Ran:
        """Import a bundle."""
        return self.play("bundle_import", "-e", f"bundle={bundle}", *arguments)

    def state(self) -> tuple[dict[str, str], dict[str, tuple[int, int]]]:
        """Everything at the site but what the running server and worker write."""
        running = tuple(f"{self.directory}/site/state/{name}/" for name in ("prefect", "processes", "production"))
        found = tree(self.directory / "site")
        return {path: what for path, what in found.items() if not path.startswith(running)}, stamps(
            self.directory / "opt"
        )


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("airgap")


@pytest.fixture(scope="module")
def island(directory: Path) -> t.Iterator[Island]:
    (directory / "island").mkdir()
    with Island(directory / "island") as made:
        yield made


@pytest.fixture(scope="module")
def home(directory: Path) -> t.Iterator[Home]:
    """A release became Active in dev and in staging."""
    made = Home(directory / "home")
    try:
        done = made.play("promote.yml")
        assert done.code == 0, done.said
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def site(island: Island, home: Home, directory: Path) -> t.Iterator[Site]:
    """The site on the day before the first import: what was carried there is there, and its own keys."""
    exported = home.export(directory / "carried" / "hotpass.tar")
    here = Site(island, island.home)
    shutil.copyfile(exported, here.bundle)
    shutil.copyfile(exported.parent / "bootstrap.py", here.directory / "bootstrap.py")
    shutil.copyfile(home.keys / "home-promoter.pub", here.directory / "promoter.pub")
    (here.directory / "site").mkdir()
    (here.directory / "site/hosts.yml").write_text(example("yaml", "ring_previous:"), encoding="utf-8")
    made = island.run("sh", "-ec", example("sh", "genpkey"))
    assert made.code == 0, made.said
    yield here
    if (here.directory / "opt/current").exists():
        stopped = here.play("stop", "-e", f"prefect_state_dir={here.directory}/site/state")
        assert stopped.code == 0, stopped.said


def _changed(done: Ran) -> int:
    assert done.code == 0, done.said
    (recap,) = _RECAP.findall(done.said)
    return int(recap[1])


def test_there_is_no_network_and_no_checkout(island: Island) -> None:
    assert island.run(base_python(), "-I", "-c", _UNREACHABLE) == Ran(0, "no network")
    assert island.run("ip", "-oneline", "route", "show", "table", "main") == Ran(0, "")
    links = island.run("ip", "-oneline", "link").said
    assert links.startswith("1: lo: <LOOPBACK,UP")
    assert links.count("link/") == 1, links
    assert island.run("ls", "-A", ROOT) == Ran(0, "")


def test_the_first_bundle_installs_everything_and_goes_on_after_it_was_killed(site: Site) -> None:
    environments = site.directory / "opt/environments"
    site.island.kill_when(lambda: any(environments.glob("*/lib/python3*/site-packages/aiosqlite")), *site.bootstrap())
    assert not (site.directory / "opt/current").exists()
    done = site.island.run(*site.bootstrap())
    assert done.code == 0, done.said
    assert "The bundle verifies, and hotpass.prefect" in done.said
    before = stamps(site.directory / "opt")
    done = site.island.run(*site.bootstrap())
    assert (done.code, "is already there in" in done.said) == (0, True), done.said
    assert stamps(site.directory / "opt") == before
    assert sorted(path.name for path in (site.directory / "opt").iterdir()) == ["current", "environments"]
    found = site.island.run(site.directory / "opt/current/bin/ansible-galaxy", "collection", "list", "hotpass.prefect")
    assert (found.code, f"{site.directory}/opt" in found.said) == (0, True), found.said


@pytest.fixture(scope="module")
def small(home: Home, site: Site) -> bytes:
    """A bundle of the same ring without wheels."""
    return home.export(site.directory.parent / "small.tar", "-e", "wheels=false").read_bytes()


def _named(files: list[tuple[str, bytes, bytes]], prefix: str) -> int:
    return next(at for at, one in enumerate(files) if one[0].startswith(prefix))


def _tampered(data: bytes) -> bytes:
    files = bundles.pieces(data)
    at = _named(files, names.BLOBS)
    name, header, body = files[at]
    files[at] = (name, header, bytes([body[0] ^ 1]) + body[1:])
    return bundles.joined(files)


def _partial(data: bytes) -> bytes:
    files = bundles.pieces(data)
    del files[_named(files, names.LEDGER)]
    return bundles.joined(files)


def _sealed_anew(data: bytes, directory: Path) -> bytes:
    """What the bundle says, sealed by somebody else."""
    mallory = attesting.person(directory, "mallory")
    files = {name: header_and_body for name, *header_and_body in bundles.pieces(data)}
    body = {name: content[: int(header[124:135], 8)] for name, (header, content) in files.items()}
    said = bundles.TransferDocument.parse(body[names.DOCUMENT])
    entries = [writing.Entry(name, content) for name, content in body.items() if name not in names.OWN]
    return writing.write(directory / "anew.tar", entries, said, mallory.key).path.read_bytes()


def _for_another_machine(home: Home, directory: Path) -> bytes:
    machine = "s390x" if platform.machine() != "s390x" else "x86_64"
    chain = bundles.chain_of(1)
    wheels = {
        f"fast-2.0-cp{PYTHON.replace('.', '')}-cp{PYTHON.replace('.', '')}-manylinux2014_{machine}.whl": b"native"
    }
    said = bundles.document(chain, b"{}", python=PYTHON, platforms=(f"manylinux2014_{machine}",))
    given = bundles.entries(chain, b"{}", wheels=wheels)
    return writing.write(directory / "other.tar", given, said, home.people["promoter"].key).path.read_bytes()


def test_bad_bundles_are_refused_by_name_and_leave_the_site_as_it_is(
    site: Site, home: Home, small: bytes, tmp_path: Path
) -> None:
    refusals = {
        "truncated": (small[: len(small) // 2], "it was cut short"),
        "tampered": (_tampered(small), "has the sha256"),
        "partial": (_partial(small), "The file ledger/staging.json is missing, which transfer.json lists"),
        "sealed anew": (_sealed_anew(small, tmp_path), "signed again by somebody else"),
        "for another machine": (_for_another_machine(home, tmp_path), "needed is one for this machine"),
    }
    before = site.state()
    for name, (data, sentence) in refusals.items():
        bundle = site.directory / "bad.tar"
        bundle.write_bytes(data)
        done = site.bring_in(bundle, "-e", f"trust=promoter={site.directory}/promoter.pub")
        assert (done.code, sentence in done.said) == (2, True), (name, done.said)
        assert f"The transfer bundle {bundle} is refused." in done.said
        assert site.state() == before, name


def test_the_import_says_what_it_would_do_does_it_and_does_nothing_again(site: Site) -> None:
    trust = f"trust=promoter={site.directory}/promoter.pub"
    before = site.state()
    looked = site.bring_in(site.bundle, "-e", trust, "--check", "--diff")
    assert _changed(looked) == 1
    assert "Would be brought in: releases and statements" in looked.said
    assert "+home-builder.pub" in looked.said
    assert site.state() == before
    done = site.bring_in(site.bundle, "-e", trust)
    assert _changed(done) == 1
    # The environment that runs this is the one that the bundle brings.
    assert "environment" not in done.said
    before = site.state()
    # From now on the keys that it brought are there for the ring's own trust.
    assert _changed(site.bring_in(site.bundle)) == 0
    assert site.state() == before


def test_the_ring_is_promoted_rehearsed_and_verified_from_the_bundle_alone(site: Site) -> None:
    stopped = site.play("promote", "-e", "actor_user=ops.user")
    assert stopped.code == 0, stopped.said
    assert "AwaitingApproval" in stopped.said
    approved = site.play("approve", "-e", "comment=checked change=SITE-1 actor_user=lead.user")
    assert approved.code == 0, approved.said
    done = site.play("promote", "-e", "actor_user=ops.user")
    assert done.code == 0, done.said
    assert "Active" in done.said
    rehearsed = site.play("rehearse", "-e", "screenshot=optional")
    assert rehearsed.code == 0, rehearsed.said
    verified = site.play("verify_evidence", "-e", f"bundle={site.directory}/site/dist/production", "-e", "chain=true")
    assert verified.code == 0, verified.said
    assert verified.said.count("Verified:") >= 2
    assert _changed(site.play("promote", "-e", "actor_user=ops.user")) == 0


def test_the_evidence_comes_home_into_one_chain_and_the_next_bundle_brings_only_what_is_new(
    site: Site, home: Home, directory: Path
) -> None:
    sent = site.play("bundle_export", "-e", f"kind=evidence target={site.directory}/evidence.tar")
    assert sent.code == 0, sent.said
    taken = home.take_in(site.directory / "evidence.tar", site.directory / "site/keys")
    assert taken.code == 0, taken.said
    (receipt,) = (home.directory / "state/transfer/receipts").glob("*.json")
    next_collection = _next_collection(directory / "next")
    delta = home.export(directory / "delta.tar", "-e", f"base={receipt} transfer_export_collection={next_collection}")
    assert delta.stat().st_size * 10 < site.bundle.stat().st_size
    shutil.copyfile(delta, site.directory / "delta.tar")
    done = site.bring_in(site.directory / "delta.tar")
    assert _changed(done) == 1
    assert "Brought in: environment (1)" in done.said
    assert len(list((site.directory / "opt/environments").iterdir())) == 2
    found = site.island.run(site.directory / "opt/current/bin/ansible-galaxy", "collection", "list", "hotpass.prefect")
    assert (found.code, "99.0.0" in found.said) == (0, True), found.said
    before = site.state()
    assert _changed(site.bring_in(site.directory / "delta.tar")) == 0
    older = site.bring_in(site.bundle)
    assert (older.code, "It was imported here before, and another one after it" in older.said) == (2, True), older.said
    assert site.state() == before


def _next_collection(directory: Path) -> Path:
    """What this checkout would be with another version."""
    done = subprocess.run([ROOT / "tests/tools/export.sh", directory], capture_output=True, text=True, check=True)
    root = Path(done.stdout.strip())
    galaxy = (root / "galaxy.yml").read_text(encoding="utf-8")
    (root / "galaxy.yml").write_text(re.sub("(?m)^version: .*$", "version: 99.0.0", galaxy), encoding="utf-8")
    return root
