# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is measured, by which commands."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

from tests.bench.process import Command
from tests.bench.world import World

ROOT = Path(__file__).resolve().parents[2]

# Next to this interpreter, and not what its links lead to: that is how an environment is told from its base.
_BIN = Path(sys.executable).parent
_FLOOR = Path(__file__).with_name("floor.py")
_MODULE = ROOT / "plugins" / "modules" / "prefect_deployment.py"

DEPLOY = "prefect deploy --all"
URI = "ansible.builtin.uri"
FLOOR = "raw HTTP floor"
OURS = "prefect_deployment"
MODULE = "prefect_deployment, module process"


@dataclasses.dataclass(frozen=True)
class Contender:
    """One way to have the deployments of a world on a server.

    :param again: what is run when they are all there and nothing has changed.
    :param short: whether ``again`` is so quick that one run says little.
    """

    name: str
    create: Command
    again: Command
    short: bool


def contenders(world: World, api_url: str) -> dict[str, Contender]:
    """Every contender by its name, in the order in which they run; ours is the last."""
    deploy = Command(
        (str(_BIN / "prefect"), "--no-prompt", "deploy", "--all"),
        world.flows,
        {"PREFECT_API_URL": api_url, "PREFECT_HOME": str(world.directory / "prefect-home"), "DO_NOT_TRACK": "1"},
    )
    uri = playbook(world, "uri.yml", api_url)
    ours = playbook(world, "ours.yml", api_url)
    found = (
        Contender(DEPLOY, deploy, deploy, short=False),
        Contender(URI, uri, uri, short=False),
        Contender(FLOOR, _floor(world, "create", api_url), _floor(world, "read", api_url), short=True),
        Contender(OURS, ours, ours, short=True),
    )
    return {contender.name: contender for contender in found}


def warm_up() -> Command:
    """Brings the code of Prefect's command line off the disk, which the first contender would else pay for alone."""
    return Command((str(_BIN / "prefect"), "deploy", "--help"), ROOT, {"DO_NOT_TRACK": "1"})


def playbook(world: World, name: str, api_url: str) -> Command:
    """One of the world's playbooks, run in the checkout."""
    argv = (str(_BIN / "ansible-playbook"), str(world.directory / name), "-e", f"api_url={api_url}")
    env = {
        "PREFECT_API_URL": api_url,
        "ANSIBLE_HOME": str(world.directory / "ansible"),
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
    }
    return Command(argv, ROOT, env)


def module_process(world: World, api_url: str) -> Command:
    """Our module as a host runs it that Ansible ships it to: a process with nothing of ansible-playbook in it."""
    options = {**world.our_options(), "api_url": api_url}
    arguments = world.directory / "module.json"
    arguments.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": options}))
    return Command((sys.executable, str(_MODULE), str(arguments)), ROOT, {"PYTHONPATH": str(ROOT / "collections")})


def _floor(world: World, what: str, api_url: str) -> Command:
    bodies = world.directory / "bodies.json"
    return Command((sys.executable, str(_FLOOR), what, api_url, str(bodies)), world.directory)
