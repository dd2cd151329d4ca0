#!/usr/bin/python
# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: prefect_process
short_description: Keep one background process running, or stopped
version_added: 0.1.0
author:
  - Hotpass maintainers (@hotpass)
description:
  - Starts a long-lived process, such as a Prefect server or worker, that goes on after the play, and ends it again.
    It is meant for a development machine or a demonstration; on a server, let systemd do this.
  - A process is known by its number together with the moment it began, so that another process which got the same
    number later is never taken for it, and never ended.
  - The process gets a session of its own, no standard input, and of the caller's environment only C(PATH), C(HOME),
    the locale, and what names proxies and certificates. Variables such as C(PREFECT_API_URL) are not passed on unless
    they are in O(env).
  - Two runs at once take turns, so that one process is started and not two.
extends_documentation_fragment:
  - hotpass.prefect.prefect.attributes
attributes:
  idempotent:
    details: V(restarted) restarts each time.
options:
  name:
    description: Name of the process in this state directory, for example V(server).
    type: str
    required: true
  state:
    description:
      - V(started) starts the process if it does not run, and restarts it if it runs with other settings, or if its
        executable was replaced since.
      - V(stopped) ends it and whatever it started.
      - V(restarted) ends and starts it.
    type: str
    choices: [started, stopped, restarted]
    default: started
  state_dir:
    description: Directory for the pid file, the lock file and the log. It is made when it is missing.
    type: path
    required: true
  argv:
    description: The command and its arguments. Required unless O(state=stopped).
    type: list
    elements: str
  env:
    description:
      - Environment variables for the process.
      - A value whose name looks like a secret is shown nowhere, but Ansible may log it; use O(secret_env) for secrets.
    type: dict
  secret_env:
    description:
      - More environment variables, whose values are secret. They are written to no file.
      - The pid file, which only its owner can read, keeps a keyed hash to see that a value changed.
    type: dict
  chdir:
    description: Directory to run in, made when it is missing. By default O(state_dir).
    type: path
  log_file:
    description: File to append the output to. By default C(<state_dir>/<name>.log). Only its owner can read it.
    type: path
  host:
    description: Address that the process listens on, with O(port).
    type: str
    default: 127.0.0.1
  port:
    description:
      - TCP port that the process listens on. The task waits until it does.
      - A port that another process has is an error that names the holder where that can be found out.
    type: int
  start_period:
    description:
      - Seconds. With O(port) the longest wait until the process listens, by default 120.
      - Without it the time that the process has to live to count as started, by default 2.
    type: float
  stop_grace:
    description:
      - Seconds between SIGTERM and SIGKILL.
      - A process that ends sooner leaves the rest of them to what it started and left running.
    type: float
    default: 30.0
notes:
  - What a process started and left running, even in a session of its own, is ended with it where the system has
    C(/proc).
seealso:
  - module: hotpass.prefect.prefect_health
"""

EXAMPLES = r"""
- name: A Prefect server on this machine
  hotpass.prefect.prefect_process:
    name: server
    state_dir: /home/me/project/.hotpass/processes
    argv: [/home/me/venv/bin/prefect, server, start, --host, 127.0.0.1, --port, "4200"]
    env:
      PREFECT_HOME: /home/me/project/.hotpass/prefect
      PREFECT_SERVER_ANALYTICS_ENABLED: false
    port: 4200

- name: Stop it
  hotpass.prefect.prefect_process:
    name: server
    state: stopped
    state_dir: /home/me/project/.hotpass/processes
"""

RETURN = r"""
name:
  description: Name of the process.
  returned: success
  type: str
  sample: server
action:
  description: What was done, or in check mode would be.
  returned: success
  type: str
  choices: [none, start, restart, stop]
  sample: restart
reason:
  description: Why it was done; empty when there is nothing to say.
  returned: success
  type: str
  sample: argv differs
pid:
  description: Number of the running process; null when none runs or, in check mode, when it would be a new one.
  returned: success
  type: int
  sample: 4711
pid_file:
  description: File that tells the process from others and keeps what it was started with.
  returned: success
  type: str
  sample: /home/me/project/.hotpass/processes/server.pid.json
log_file:
  description: File with the output of the process; null when it is stopped.
  returned: success
  type: str
  sample: /home/me/project/.hotpass/processes/server.log
log_tail:
  description: Last lines of the log, without secrets.
  returned: when the process ended during its start
  type: list
  elements: str
"""

from ansible_collections.hotpass.prefect.plugins.module_utils.embedded.process import ensure
from ansible_collections.hotpass.prefect.plugins.module_utils.module_door import run_module
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Operation, Spec

SPEC = Spec(
    options={
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "default": "started", "choices": ["started", "stopped", "restarted"]},
        "state_dir": {"type": "path", "required": True},
        "argv": {"type": "list", "elements": "str"},
        "env": {"type": "dict"},
        "secret_env": {"type": "dict", "no_log": True},
        "chdir": {"type": "path"},
        "log_file": {"type": "path"},
        "host": {"type": "str", "default": "127.0.0.1"},
        "port": {"type": "int"},
        "start_period": {"type": "float"},
        "stop_grace": {"type": "float", "default": 30.0},
    },
    required_if=(("state", "started", ("argv",)), ("state", "restarted", ("argv",))),
)
OPERATION = Operation(spec=SPEC, run=ensure, requires=())


def main() -> None:
    run_module(OPERATION)


if __name__ == "__main__":
    main()
