# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``playbooks/verify_evidence.yml`` on bundles of real promotions: alone, with an inventory, and as a whole chain."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT
from tests.support.ring_lab import RingLab
from tests.support.shapes import Result

pytestmark = pytest.mark.integration
pytest_plugins = ["tests.support.rings"]


def _seal(lab: RingLab, dist: Path, ring: str = "dev") -> Result:
    answer = lab.do(
        "hotpass_evidence",
        ring=ring,
        state="sealed",
        kind="promotion",
        generation=len(lab.chain(ring).generations),
        evidence_dir=str(dist),
    )
    assert not answer["failed"], answer
    return t.cast("Result", answer["evidence"])


@pytest.fixture
def dist(lab: RingLab, tmp_path: Path) -> Path:
    """The evidence directory of ring dev after three promotions."""
    for word in ("one", "two", "three"):
        lab.promote(lab.release(word))
        _seal(lab, tmp_path / "dist")
    return tmp_path / "dist"


class Verification:
    """Plays the playbook as a person does who has the bundle and some public keys.

    :ivar keys: a directory with the public keys of the lab.
    """

    def __init__(self, lab: RingLab, directory: Path) -> None:
        self.lab = lab
        self.keys = directory / "public"
        self.keys.mkdir()
        self.state = directory / "state"
        for entry in lab.trust:
            (self.keys / f"{entry['name']}.pub").write_text(entry["public_key"], encoding="ascii")

    @property
    def all_keys(self) -> str:
        """Each with the roles that the ring gives it."""
        return ",".join(
            f"{role}={self.keys / entry['name']}.pub" for entry in self.lab.trust for role in entry["roles"]
        )

    def __call__(
        self, bundle: Path, *more: str, trust: str | None = None, inventory: Path | None = None
    ) -> tuple[int, str]:
        """The exit status, and what was printed with each run of white space as one space."""
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "playbooks/verify_evidence.yml"]
        command += ["-i", str(inventory)] if inventory else []
        command += ["-e", f"bundle={bundle}", *more]
        command += ["-e", json.dumps({"trust": trust})] if trust else []
        env = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "ANSIBLE_"))}
        env |= {
            "HOTPASS_STATE_DIR": str(self.state),
            "ANSIBLE_NOCOLOR": "1",
            "PREFECT_API_URL": "http://127.0.0.1:9/api",
        }
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False)
        return done.returncode, " ".join((done.stdout + done.stderr).split())


@pytest.fixture
def verification(lab: RingLab, tmp_path: Path) -> Verification:
    return Verification(lab, tmp_path)


def _bundles(dist: Path) -> list[Path]:
    return sorted((dist / "dev/promotion").iterdir())


def test_a_bundle_verifies_without_a_server_and_not_after_a_byte_was_changed(
    verification: Verification, dist: Path
) -> None:
    bundle = _bundles(dist)[0]
    code, said = verification(bundle, trust=verification.all_keys)
    assert code == 0, said
    assert f"Verified: {bundle}" in said
    assert "It is promotion" in said
    assert "number 1 of the chain sealed" in said
    assert f"Believed as promoter: alice ({verification.keys}/alice.pub)" in said
    assert f"Believed as builder: builder ({verification.keys}/builder.pub)" in said
    ledger = bundle / "data/ledger.json"
    data = ledger.read_bytes()
    ledger.write_bytes(data.replace(b"Active", b"Activf", 1))
    code, said = verification(bundle, trust=verification.all_keys)
    assert code != 0
    assert f"NOT VERIFIED: {bundle}" in said
    assert "Problem: data/ledger.json: is not what it was when it was sealed" in said
    ledger.write_bytes(data)
    code, said = verification(bundle, trust=str(verification.keys / "bob.pub"))
    assert code != 0
    assert "Problem: seal.dsse.json: The statement lacks the signature of a promoter" in said


def test_whom_it_believes_is_said_and_nobody_is_nobody(verification: Verification, dist: Path) -> None:
    bundle = _bundles(dist)[0]
    code, said = verification(bundle)
    assert code != 0
    assert "There is nobody to believe: give the public keys of those who may seal with -e trust=" in said
    keys = verification.state / "keys"
    keys.mkdir(parents=True)
    for role, name in (("builder", "builder"), ("promoter", "alice"), ("approver", "bob")):
        shutil.copy(verification.keys / f"{name}.pub", keys / f"demo-{role}.pub")
    code, said = verification(bundle)
    assert code == 0, said
    assert f"Believed as promoter: demo-promoter ({keys}/demo-promoter.pub)" in said
    assert "by demo-promoter;" in said
    code, said = verification(Path("nothing"))
    assert (code != 0, "There is no bundle at" in said) == (True, True), said


def test_a_key_is_believed_as_what_it_was_named_for_only(verification: Verification, dist: Path) -> None:
    bundle = _bundles(dist)[0]
    alice, builder = (str(verification.keys / f"{name}.pub") for name in ("alice", "builder"))
    _code, said = verification(bundle, trust=f"{alice},{builder}")
    assert f"Believed as promoter: alice ({alice})" in said
    assert f"Believed as promoter: builder ({builder})" in said
    code, said = verification(bundle, trust=f"{builder}, builder={builder}, approver={alice}, promoter={alice}")
    assert code == 0, said
    assert f"Believed as builder, promoter: builder ({builder})" in said
    assert f"Believed as promoter, approver: alice ({alice})" in said
    code, said = verification(bundle, trust=f"approver={alice},builder={builder}")
    assert code != 0
    assert "Problem: seal.dsse.json: The statement lacks the signature of a promoter" in said
    code, said = verification(bundle, trust=f"everything={alice}")
    assert code != 0
    assert f"In trust there is everything={alice}; allowed are builder=<file>, promoter=<file>" in said


@pytest.mark.parametrize("ring", ["dev", "prod"])
def test_with_an_inventory_the_trust_is_the_ring_s(
    verification: Verification, dist: Path, lab: RingLab, tmp_path: Path, ring: str
) -> None:
    settings = {"ring": ring, "solution": lab.solution, "ring_trust": lab.trust}
    inventory = tmp_path / "inventory.yml"
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    inventory.write_text(yaml.safe_dump({"ring": {"hosts": {"lab": {**settings, **local}}}}), encoding="utf-8")
    code, said = verification(_bundles(dist)[0], inventory=inventory)
    if ring == "dev":
        assert code == 0, said
        assert "Believed as promoter: alice " in said
    else:
        assert code != 0
        assert "is of ring dev, not of prod" in said


def test_a_chain_verifies_as_a_whole_and_its_end_against_a_checkpoint(
    verification: Verification, dist: Path, tmp_path: Path
) -> None:
    def verify(*more: str) -> tuple[int, str]:
        return verification(dist, "-e", "chain=true", *more, trust=verification.all_keys)

    code, said = verify()
    assert code == 0, said
    assert said.count("Verified: ") == 3
    checkpoint = said.partition("Checkpoint, to be kept elsewhere: ")[2].split('"')[0].split("\\n")[0].strip()
    solution, number, seal = checkpoint.split(" ")[:3]
    assert (solution.endswith("/dev"), number, len(seal)) == (True, "3", 71)
    held = ["-e", f"checkpoint='{solution} {number} {seal}'"]
    assert verify(*held)[0] == 0
    first, _second, third = _bundles(dist)
    shutil.move(third, tmp_path / "taken")
    assert verify()[0] == 0
    code, said = verify(*held)
    assert code != 0
    assert "the checkpoint has bundle 3 of" in said
    shutil.move(tmp_path / "taken", third)
    shutil.rmtree(first)
    code, said = verify()
    assert code != 0
    assert "it is number 2 of" in said


def test_what_verifies_is_uploaded_and_what_does_not_is_not(
    verification: Verification, dist: Path, tmp_path: Path
) -> None:
    (tmp_path / "share").mkdir()
    bundle = _bundles(dist)[0]
    upload = ["-e", f"upload={tmp_path / 'share'}"]
    code, said = verification(bundle, *upload, trust=verification.all_keys)
    assert code == 0, said
    there = tmp_path / "share/dev/promotion" / bundle.name
    assert str(there) in said
    assert verification(there, trust=verification.all_keys)[0] == 0
    other = _bundles(dist)[1]
    (other / "summary.json").write_text("{}", encoding="utf-8")
    assert verification(other, *upload, trust=verification.all_keys)[0] != 0
    assert [path.name for path in there.parent.iterdir()] == [bundle.name]
