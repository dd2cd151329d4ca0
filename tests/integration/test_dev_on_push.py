# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A push to a bare repository updates the first ring: hook, playbook, and what reaches the promotion.

The playbook runs as it is shipped. What it imports, playbooks/promote.yml, is another one here, which writes down what
it is handed; test_promotion.py and others have the real one.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT

pytestmark = pytest.mark.integration

_HOOK = ROOT / "roles/ring_push/files/post-receive.sh"
_SECONDS = 300
_PROMOTE = """
- name: Write down what would be promoted
  hosts: ring
  gather_facts: false
  tasks:
    - name: Look at the work tree
      ansible.builtin.command:
        argv: [git, -C, "{{ ring_project }}", log, -1, "--format=%H"]
      register: head
      changed_when: false
      check_mode: false

    - name: Look for changes
      ansible.builtin.command:
        argv: [git, -C, "{{ ring_project }}", status, --porcelain, --ignored]
      register: changes
      changed_when: false
      check_mode: false

    - name: Wait
      ansible.builtin.wait_for:
        path: "{{ go_file }}"
        timeout: 120
      when: go_file is defined

    - name: Write down
      ansible.builtin.lineinfile:
        path: "{{ told_file }}"
        line: "{{ {'commit': head.stdout, 'changes': changes.stdout, 'file': lookup('ansible.builtin.file',
          ring_project ~ '/flow.txt'), 'supersede': ring_supersede, 'tree': ring_project} | to_json }}"
        create: true
        mode: "0600"
      check_mode: false

    - name: Fail
      ansible.builtin.fail:
        msg: as asked for
      when: fails | default(false)
"""


class Site:
    """A bare repository with the hook, a clone to push from, and the first ring."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        # A name that no shell takes for one word.
        self.bare = directory / "project $(x) 'it'.git"
        self.clone = directory / "clone"
        self.state = directory / "state"
        self._told = directory / "told.jsonl"
        self.checkout = directory / "checkout"
        (self.checkout / "playbooks").mkdir(parents=True)
        shutil.copy(ROOT / "playbooks/dev_on_push.yml", self.checkout / "playbooks")
        (self.checkout / "playbooks/promote.yml").write_text(_PROMOTE, encoding="utf-8")
        self.ring()
        self.git("init", "--quiet", "--bare", "--initial-branch=main", str(self.bare), cwd=directory)
        self.git("clone", "--quiet", str(self.bare), str(self.clone), cwd=directory)
        self.git("checkout", "--quiet", "-B", "main")

    def ring(self, **settings: t.Any) -> None:
        """Write the ring's inventory."""
        host = {
            "ring": "dev",
            "solution": "hotpass",
            "ring_state_dir": str(self.state),
            "ring_project": "/nowhere",
            "told_file": str(self._told),
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            **settings,
        }
        text = yaml.safe_dump({"ring": {"hosts": {"dev": host}}})
        (self.checkout / "hosts.yml").write_text(text, encoding="utf-8")

    def install(self, **settings: str) -> None:
        """Install the hook, with its settings."""
        given = {
            "directory": str(self.checkout),
            "inventory": "hosts.yml",
            "command": str(Path(sys.executable).parent / "ansible-playbook"),
            **settings,
        }
        for name, value in given.items():
            self.git("config", f"hotpass.{name}", value, cwd=self.bare)
        hook = self.bare / "hooks/post-receive"
        shutil.copy(_HOOK, hook)
        hook.chmod(0o755)

    def git(self, *arguments: str, cwd: Path | None = None) -> str:
        """Run git in the clone, or elsewhere; its output, that of hooks included."""
        done = subprocess.run(
            ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com", *arguments],
            cwd=cwd or self.clone,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=True,
            timeout=_SECONDS,
        )
        return (done.stdout + done.stderr).strip()

    @staticmethod
    def environment(**more: str) -> dict[str, str]:
        """The environment, without what would change what Ansible or git do."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "GIT_", "HOTPASS"))
        }
        return {
            **kept,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
            "ANSIBLE_NOCOLOR": "1",
            **more,
        }

    def commit(self, content: str, message: str = "Change the flow") -> str:
        """Commit a change; its id."""
        (self.clone / "flow.txt").write_text(content, encoding="utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", message)
        return self.git("rev-parse", "HEAD")

    def told(self) -> list[dict[str, t.Any]]:
        """What the promotions were handed."""
        return (
            [json.loads(line) for line in self._told.read_text(encoding="utf-8").splitlines()]
            if self._told.exists()
            else []
        )

    def log(self) -> str:
        """What the hook and the playbooks that it started said."""
        file = self.bare / "hotpass/push.log"
        return file.read_text(encoding="utf-8") if file.exists() else ""

    def wait_for(self, *sentences: str) -> str:
        """The log, once it has all of the sentences."""
        deadline = time.monotonic() + _SECONDS
        while not all(sentence in self.log() for sentence in sentences):
            failed = "FAILED" in self.log() and not any("FAILED" in sentence for sentence in sentences)
            assert not failed, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.2)
        return self.log()

    def play(self, *arguments: str, **environment: str) -> tuple[int, str]:
        """Run the playbook as a person does; its exit status, and its output as one line."""
        done = subprocess.run(
            [
                str(Path(sys.executable).parent / "ansible-playbook"),
                "playbooks/dev_on_push.yml",
                "-i",
                "hosts.yml",
                *arguments,
            ],
            cwd=self.checkout,
            env=self.environment(HOTPASS_PUSH_REPOSITORY=str(self.bare), **environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    def left(self) -> list[Path]:
        """The work trees that are there."""
        return sorted((self.state / "push").glob("*"))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A repository without a commit, and without the hook."""
    return Site(tmp_path)


def test_a_push_hands_the_pushed_commit_to_the_promotion(site: Site) -> None:
    site.install()
    first = site.commit("one", message="{{ lookup('pipe', 'touch pwned') }} $(touch pwned)")
    said = site.git("push", "--quiet", "origin", "main")
    assert f"The first ring will be updated to {first}" in said
    site.wait_for(f"{first}: begins.", f"{first}: done.")
    [told] = site.told()
    assert (told["commit"], told["changes"], told["file"], told["supersede"]) == (first, "", "one", True)
    assert site.left() == []
    second = site.commit("two")
    site.git("push", "--quiet", "origin", "main")
    site.wait_for(f"{second}: done.")
    assert [(told["commit"], told["file"]) for told in site.told()] == [(first, "one"), (second, "two")]
    assert list(site.directory.rglob("pwned")) == []


@pytest.mark.parametrize(
    "branch",
    [
        "other",
        "main2",
        "refs/heads/main",
        "$(touch${IFS}pwned)",
        "`touch${IFS}pwned`",
        ";touch${IFS}pwned;#",
        "a'b\"c&d|e>pwned",
        "{{lookup('pipe','touch${IFS}pwned')}}",
        "{%set,x=1%}",
    ],
)
def test_a_push_to_another_branch_does_nothing(site: Site, branch: str) -> None:
    site.install()
    site.commit("one")
    said = site.git("push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
    assert said == ""
    assert site.log() == ""
    assert site.told() == []
    assert list(site.directory.rglob("pwned")) == []


def test_tags_and_the_end_of_the_branch_do_nothing(site: Site) -> None:
    site.commit("one")
    site.git("push", "--quiet", "origin", "main")
    site.install()
    site.git("config", "receive.denyDeleteCurrent", "ignore", cwd=site.bare)
    site.git("tag", "v1")
    site.git("push", "--quiet", "origin", "v1")
    site.git("push", "--quiet", "origin", ":main")
    assert site.log() == ""


def test_a_ring_may_follow_a_branch_of_any_name(site: Site) -> None:
    branch = "{{solution}}$(touch${IFS}pwned)"
    site.ring()
    (site.checkout / "ref.yml").write_text(f'ref: !unsafe "refs/heads/{branch}"\n', encoding="utf-8")
    site.install(ref=f"refs/heads/{branch}")
    one = site.commit("one")
    code, output = site.play("-e", "@ref.yml")
    assert code == 2, output
    site.git("push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
    code, output = site.play("-e", "@ref.yml")
    assert code == 0, output
    assert [told["commit"] for told in site.told()] == [one]
    assert list(site.directory.rglob("pwned")) == []


def test_of_pushes_at_once_one_runs_after_the_other_and_those_between_are_left_out(site: Site) -> None:
    go = site.directory / "go"
    site.ring(go_file=str(go))
    site.install()
    commits = []
    for number in range(4):
        commits.append(site.commit(str(number)))
        site.git("push", "--quiet", "origin", "main")
        if number == 0:
            site.wait_for(f"{commits[0]}: begins.")
    go.touch()
    log = site.wait_for(f"{commits[0]}: done.", f"{commits[3]}: done.", *(f"{one}: a later" for one in commits[1:3]))
    assert log.index(f"{commits[0]}: done.") < log.index(f"{commits[3]}: begins.")
    assert [told["commit"] for told in site.told()] == [commits[0], commits[3]]


def test_a_failed_promotion_is_in_the_log_and_the_next_push_is_not_held_up(site: Site) -> None:
    site.ring(fails=True)
    site.install()
    first = site.commit("one")
    site.git("push", "--quiet", "origin", "main")
    site.wait_for(f"{first}: FAILED with exit status 2.")
    assert len(site.left()) == 1
    os.utime(site.left()[0], (1, 1))
    site.ring()
    second = site.commit("two")
    site.git("push", "--quiet", "origin", "main")
    site.wait_for(f"{first}: FAILED", f"{second}: done.")
    assert site.left() == []


def test_by_hand_the_latest_or_any_commit_of_the_branch_is_taken(site: Site) -> None:
    first, second = site.commit("one"), site.commit("two")
    site.git("push", "--quiet", "origin", "main")
    for environment, arguments, commit in (
        ({}, (), second),
        ({"HOTPASS_PUSH_COMMIT": first}, (), first),
        ({}, ("-e", f"commit={first}", "-e", "supersede=false"), first),
        ({}, ("--check",), second),
    ):
        code, output = site.play(*arguments, **environment)
        assert code == 0, output
        assert site.told()[-1]["commit"] == commit
    assert [told["supersede"] for told in site.told()] == [True, True, "false", True]
    assert len({told["tree"] for told in site.told()}) == 4
    assert site.left() == []


def test_what_the_branch_does_not_have_is_refused(site: Site) -> None:
    site.commit("one")
    site.git("push", "--quiet", "origin", "main")
    site.git("checkout", "--quiet", "-b", "other")
    other = site.commit("elsewhere")
    site.git("push", "--quiet", "origin", "other")
    for commit in (other, "0" * 40, "a" * 40):
        code, output = site.play(HOTPASS_PUSH_COMMIT=commit)
        assert code == 2
        assert f"does not have the commit {commit}: it was pushed to another branch, or a forced push" in output
    assert site.told() == []


@pytest.mark.parametrize(
    ("environment", "arguments"),
    [
        ({"HOTPASS_PUSH_COMMIT": "main"}, ()),
        ({"HOTPASS_PUSH_COMMIT": "{{ lookup('pipe', 'touch pwned') }}"}, ()),
        ({"HOTPASS_PUSH_COMMIT": "--output=pwned"}, ()),
        ({}, ("-e", "repository=--upload-pack=touch")),
        ({}, ("-e", "repository=https://ada:zebra@git.example.com/x.git")),
        ({}, ("-e", "ref=main")),
        ({}, ("-e", "ref=refs/heads/--upload-pack=x")),
    ],
)
def test_what_cannot_be_a_commit_a_branch_or_a_repository_is_refused(
    site: Site, environment: dict[str, str], arguments: tuple[str, ...]
) -> None:
    site.commit("one")
    site.git("push", "--quiet", "origin", "main")
    code, output = site.play(*arguments, **environment)
    assert code == 2
    assert "ring_push_commit 40 or 64 hexadecimal digits." in output
    assert list(site.directory.rglob("pwned")) == []
    assert not (site.state / "push").exists()


def test_only_the_first_ring_is_updated_by_a_push(site: Site) -> None:
    site.ring(ring_previous={"ring": "dev"})
    site.commit("one")
    site.git("push", "--quiet", "origin", "main")
    code, output = site.play()
    assert code == 2
    assert "takes its releases from the ring before it (ring_previous), so no push can update it" in output


def _webhook(site: Site, event: str, reference: str, prefix: str = "awx") -> tuple[str, ...]:
    """The arguments with which AWX starts the job of a webhook: it marks what came with the push as no template."""
    payload = {"ref": "refs/heads/{{ lookup('pipe', 'touch pwned') }}", "after": reference}
    said = {"event_type": event, "event_ref": reference, "payload": json.dumps(payload)}
    lines = [f"{prefix}_webhook_{name}: !unsafe {json.dumps(value)}\n" for name, value in said.items()]
    (site.checkout / "extravars").write_text("".join([*lines, "commit: ''\n"]), encoding="utf-8")
    return "-e", "@extravars"


@pytest.mark.parametrize(("event", "prefix"), [("push", "awx"), ("Push Hook", "awx"), ("push", "tower")])
def test_a_webhook_of_awx_names_the_pushed_commit(site: Site, event: str, prefix: str) -> None:
    first, second = site.commit("one"), site.commit("two")
    site.git("push", "--quiet", "origin", "main")
    code, output = site.play(*_webhook(site, event, first, prefix))
    assert code == 0, output
    assert [told["commit"] for told in site.told()] == [first] != [second]
    assert site.left() == []
    assert list(site.directory.rglob("pwned")) == []


def test_a_webhook_for_another_branch_is_nothing_to_do_and_no_failure(site: Site) -> None:
    site.commit("one")
    site.git("push", "--quiet", "origin", "main")
    site.git("checkout", "--quiet", "-b", "other")
    other = site.commit("elsewhere")
    site.git("push", "--quiet", "origin", "other")
    for commit in (other, "a" * 40):
        code, output = site.play(*_webhook(site, "push", commit))
        assert code == 0, output
        assert f"does not have the commit {commit}, which the webhook names" in output
    assert (site.told(), site.left()) == ([], [])


def test_of_other_events_nothing_is_read(site: Site) -> None:
    latest = site.commit("one")
    site.git("push", "--quiet", "origin", "main")
    code, output = site.play(*_webhook(site, "create", "{{ lookup('pipe', 'touch pwned') }}"))
    assert code == 0, output
    assert [told["commit"] for told in site.told()] == [latest]
    code, output = site.play(*_webhook(site, "push", "{{ lookup('pipe', 'touch pwned') }}"))
    assert code == 2
    assert "ring_push_commit 40 or 64 hexadecimal digits." in output
    assert list(site.directory.rglob("pwned")) == []
