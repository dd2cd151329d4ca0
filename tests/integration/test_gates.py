# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``hotpass_gate`` on a live server: what opens ``release``, ``tests`` and ``soak``, and what keeps them closed."""

from __future__ import annotations

import json
import os
import sys
import typing as t
from pathlib import Path

import pytest
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store import parsed

from tests.support.proxy import Proxy
from tests.support.ring_lab import COMMIT, RingLab
from tests.support.shapes import Result

pytestmark = pytest.mark.integration
pytest_plugins = ["tests.support.rings"]

_CHECK = b"""\
import pathlib, sys
sys.path.insert(0, "flows")
import lab
print("in", pathlib.Path.cwd())
print("holds", sorted(str(p) for p in pathlib.Path().rglob("*") if p.is_file()))
"""
_SECRET = "walrus-avenue-55"


def _closed(answer: Result, verdict: str, *words: str) -> None:
    assert answer["failed"], answer
    assert answer["verdict"]["verdict"] == verdict, answer["verdict"]
    for word in words:
        assert word in answer["msg"], answer["msg"]


# --- release


def test_a_whole_release_that_a_trusted_builder_vouches_for_passes(lab: RingLab, proxy: Proxy) -> None:
    release = lab.release()
    lab.go("Queued", "Resolving", release=release)
    proxy.reset()
    answer = lab.ask("release")
    verdict = answer["verdict"]
    assert not answer["failed"], answer
    assert (answer["changed"], verdict["name"], verdict["verdict"]) == (False, "release", "pass")
    assert verdict["detail"] == {"builder": "builder", "commit": COMMIT}
    assert verdict["startedAt"] <= verdict["finishedAt"]
    assert proxy.writes == []


def test_a_release_for_which_nobody_trusted_vouches_is_refused(lab: RingLab) -> None:
    other = lab.release("other")
    stories: dict[str, t.Callable[[], str]] = {
        "it carries no provenance at all": lambda: lab.release("bare", signed=False),
        "mallory": lambda: lab.release("stranger", builder=lab.people.mallory),
        # Alice may promote, which makes her no builder.
        "alice": lambda: lab.release("promoter", builder=lab.people.alice),
        "nobody whom this ring trusts": lambda: _vouched_for_another(lab, other),
        f"was built from {'d' * 40}": lambda: _built_from_another(lab),
    }
    for word, make in stories.items():
        release = make()
        lab.go("Queued", release=release, supersede=True)
        answer = lab.ask("release")
        _closed(answer, "fail", "nobody whom this ring trusts as a builder vouches for", release)
        if word not in ("mallory", "alice"):
            assert word in answer["msg"]
        assert lab.ask("release", fail=False)["verdict"]["verdict"] == "fail"
        taken = lab.ask("release", unsigned="accept")
        assert (taken["verdict"]["verdict"], taken["verdict"]["detail"]["unsigned"]) == ("pass", True)


def _vouched_for_another(lab: RingLab, other: str) -> str:
    release = lab.release("swapped", signed=False)
    lab.vouch(release, lab.people.builder, about=other)
    return release


def _built_from_another(lab: RingLab) -> str:
    release = lab.release("claimed", signed=False)
    lab.vouch(release, lab.people.builder, commit="d" * 40)
    return release


def test_a_release_with_changes_that_no_commit_has_is_for_the_first_ring_only(lab: RingLab) -> None:
    release = lab.release(dirty=True)
    lab.go("Queued", release=release)
    _closed(lab.ask("release"), "fail", release, "changes that no commit has")
    assert lab.ask("release", allow_dirty=True)["verdict"]["verdict"] == "pass"


def test_a_release_of_another_solution_is_refused(lab: RingLab) -> None:
    release = lab.release(solution="another")
    lab.go("Queued", release=release)
    _closed(lab.ask("release"), "fail", f"{release} is a release of another, and this is a ring of {lab.solution}")


def test_a_veto_closes_the_gate_for_the_release(lab: RingLab) -> None:
    release = lab.release()
    lab.go("Queued", release=release)
    lab.veto_that_travels(release, lab.people.bob)
    _closed(lab.ask("release"), "fail", release, "is vetoed by bob")


def test_one_flipped_bit_in_any_part_is_named(lab: RingLab) -> None:
    release = lab.release()
    lab.go("Queued", release=release)
    manifest = parsed(lab.address, release, lab.store.read_manifest(release))
    digests = [release, *(part.digest for part in manifest.parts)]
    assert len(digests) == 4
    for digest in digests:
        file = Path(lab.address, "blobs", *digest.split(":"))
        whole = file.read_bytes()
        os.chmod(file, 0o644)
        file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        _closed(lab.ask("release"), "fail", digest)
        file.unlink()
        _closed(lab.ask("release"), "error", digest)
        file.write_bytes(whole)
    assert lab.ask("release")["verdict"]["verdict"] == "pass"


# --- tests


@pytest.fixture
def ask_tests(lab: RingLab, tmp_path: Path) -> t.Callable[..., Result]:
    """Asks the gate ``tests`` of a release under way: ``ask_tests([name, argv...])``."""
    lab.go("Queued", "Resolving", release=lab.release(files={"checks/look.py": _CHECK, "checks/not-run": b"no"}))
    where: Result = {"output_dir": str(tmp_path / "kept"), "cache_dir": str(tmp_path / "cache")}

    def ask(*commands: t.Sequence[str], **options: t.Any) -> Result:
        tests = [{"name": name, "argv": argv, "timeout": 20} for name, *argv in commands]
        return lab.ask("tests", **{"tests": tests, **where, **options})

    return ask


def test_tests_run_in_the_verified_bytes_and_their_output_is_kept(
    lab: RingLab, ask_tests: t.Callable[..., Result], tmp_path: Path, proxy: Proxy
) -> None:
    proxy.reset()
    answer = ask_tests(("look", sys.executable, "checks/look.py"), ("true", "true"))
    assert not answer["failed"], answer
    assert (answer["changed"], answer["verdict"]["verdict"]) == (False, "pass")
    log = (tmp_path / "kept" / "tests-look.log").read_bytes()
    cached = tmp_path / "cache" / str(lab.chain().generations[0].release).replace(":", "-")
    assert f"in {cached}\n" in log.decode()
    assert "holds ['checks/look.py', 'checks/not-run', 'flows/lab/__init__.py', 'requirements.txt']" in log.decode()
    assert answer["verdict"]["detail"] == {
        "look": {"exitStatus": 0, "output": digest_of(log)},
        "true": {"exitStatus": 0, "output": digest_of(b"")},
    }
    assert proxy.writes == []


def test_a_test_sees_nothing_of_the_callers_environment(
    ask_tests: t.Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_DATABASE_PASSWORD", _SECRET)
    show = [sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))"]
    answer = ask_tests(tests=[{"name": "show", "argv": show, "env": {"MARK": "here it is"}}], path="/usr/bin:/bin")
    assert not answer["failed"], answer
    seen = json.loads((tmp_path / "kept" / "tests-show.log").read_text())
    assert _SECRET not in json.dumps([seen, answer])
    assert set(seen) - {"LC_CTYPE"} == {"PATH", "HOME", "LANG", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "MARK"}
    assert (seen["PATH"], seen["MARK"], seen["HOME"]) == ("/usr/bin:/bin", "here it is", "/nonexistent")


def test_a_test_that_fails_closes_the_gate_and_the_rest_is_not_run(
    ask_tests: t.Callable[..., Result], tmp_path: Path
) -> None:
    bad = ("bad", "sh", "-c", "echo so far so good; echo 3 records are lost >&2; exit 3")
    answer = ask_tests(("good", "true"), bad, ("later", "true"))
    file = tmp_path / "kept" / "tests-bad.log"
    _closed(answer, "fail", "bad ended with 3", str(file))
    # What a test prints may be anything, and the verdict is kept for good.
    assert "3 records are lost" not in json.dumps(answer)
    assert file.read_text() == "so far so good\n3 records are lost\n"
    detail = answer["verdict"]["detail"]
    assert detail["bad"] == {"exitStatus": 3, "output": digest_of(file.read_bytes())}
    assert set(detail) == {"message", "good", "bad"}
    assert not (tmp_path / "kept" / "tests-later.log").exists()


def test_a_test_that_gives_no_answer_is_an_error_and_no_failure(ask_tests: t.Callable[..., Result]) -> None:
    _closed(ask_tests(("gone", "no-such-program-anywhere")), "error", "gone ended with 127")
    _closed(ask_tests(("data", "./requirements.txt")), "error", "data ended with 126")
    slow = [{"name": "slow", "argv": ["sleep", "30"], "timeout": 1}]
    _closed(ask_tests(tests=slow), "error", "slow did not end within 1 s")
    _closed(ask_tests(), "error", "the ring names no tests, and none passed is no pass")
    _closed(ask_tests(("any", "true"), output_dir="/proc/nowhere"), "error", "cannot be kept in /proc/nowhere")


def test_a_test_cannot_change_what_the_next_one_sees(ask_tests: t.Callable[..., Result], tmp_path: Path) -> None:
    spoil = "chmod -R u+w . && echo changed > flows/lab/__init__.py && touch flows/planted.py"
    look = "test ! -e flows/planted.py && cat flows/lab/__init__.py"
    answer = ask_tests(("spoil", "sh", "-c", spoil), ("look", "sh", "-c", look))
    assert not answer["failed"], answer
    assert (tmp_path / "kept" / "tests-look.log").read_text() == "# one\n"


def test_tests_do_not_run_in_bytes_that_are_not_the_releases(
    lab: RingLab, ask_tests: t.Callable[..., Result], tmp_path: Path
) -> None:
    release = str(lab.chain().generations[0].release)
    bundle = parsed(lab.address, release, lab.store.read_manifest(release)).layers[0].digest
    file = Path(lab.address, "blobs", *bundle.split(":"))
    os.chmod(file, 0o644)
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    _closed(ask_tests(("mark", "touch", str(tmp_path / "was-run"))), "fail", bundle)
    assert not (tmp_path / "was-run").exists()


# --- soak


def test_a_soak_passes_when_the_ring_stays_healthy_to_its_end(lab: RingLab, proxy: Proxy) -> None:
    lab.go("Queued", "Resolving", "Deploying", "Validating", release=lab.release())
    proxy.reset()
    answer = lab.ask("soak", soak_seconds=2)
    assert not answer["failed"], answer
    assert answer["verdict"]["verdict"] == "pass"
    assert answer["verdict"]["detail"]["seconds"] == 2
    assert answer["verdict"]["detail"]["looks"] >= 2
    assert proxy.writes == []
    # It is counted from the moment that validation began, so asking again takes no time.
    assert lab.ask("soak", soak_seconds=2)["verdict"]["detail"]["looks"] == 1


def test_a_soak_fails_when_the_health_does_meanwhile(lab: RingLab, proxy: Proxy) -> None:
    lab.go("Queued", "Resolving", "Deploying", "Validating", release=lab.release())
    looked: list[int] = []

    def break_it(number: int) -> None:
        looked.append(number)
        if number == 1:
            proxy.reset()
            proxy.answer(500, times=None)

    proxy.before(break_it, times=None, path=r"^/health$")
    answer = lab.ask("soak", soak_seconds=60, retries=0)
    assert answer["failed"]
    assert answer["verdict"]["verdict"] in ("fail", "error"), answer
    assert len(looked) == 2
    assert answer["verdict"]["detail"]["looks"] == 2


def test_a_soak_of_no_time_or_before_anything_was_deployed_proves_nothing(lab: RingLab) -> None:
    lab.go("Queued", "Resolving", "Deploying", release=lab.release())
    _closed(lab.ask("soak", soak_seconds=2), "error", "generation 1 is Deploying")
    lab.go("Validating")
    _closed(lab.ask("soak"), "error", "no time at all proves nothing")


def test_a_deployment_that_is_not_there_closes_the_soak(lab: RingLab) -> None:
    lab.go("Queued", "Resolving", "Deploying", "Validating", release=lab.release())
    answer = lab.ask("soak", soak_seconds=30, deployments=[f"{lab.solution}/nowhere"])
    assert answer["failed"]
    assert f"{lab.solution}/nowhere" in answer["msg"]


# --- any


def test_no_gate_is_asked_of_what_is_not_under_way(lab: RingLab, proxy: Proxy) -> None:
    nothing = f"In ring dev of {lab.solution} no generation is under way, so no gate is asked."
    assert lab.ask("release")["msg"] == nothing
    lab.promote(lab.release())
    proxy.reset()
    assert "generation 1 is not under way, so no gate is asked" in lab.ask("release", generation=1)["msg"]
    lab.go("Queued", release=lab.release("two"))
    assert "generation 1 is not under way" in lab.ask("release", generation=1)["msg"]


def test_a_gate_that_is_none_is_refused_and_a_role_cannot_ask_for_what_it_looks_at_itself(lab: RingLab) -> None:
    for gate in ("luck", "health", "drift"):
        answer = lab.ask(gate)
        assert answer["failed"]
        assert "value of gate must be one of" in answer["msg"]
