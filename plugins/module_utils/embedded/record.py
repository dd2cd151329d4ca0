# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known about a background process: which one it is, and what it was started with."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
import os
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.embedded.identity import Identity
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.redact import MASK, is_secret_key

_CHANGED_SECRET = "(secret, changed)"


@dataclasses.dataclass(frozen=True)
class Settings:
    """How a process is to run.

    :param argv: the command and its arguments.
    :param executable: the path of the command.
    :param env: variables added to the few it inherits.
    :param hidden: names of those variables whose values are secret.
    """

    argv: tuple[str, ...]
    executable: str
    env: t.Mapping[str, str] = dataclasses.field(repr=False)
    hidden: frozenset[str]
    chdir: str
    log_file: str
    host: str
    port: int | None

    def secret_names(self) -> set[str]:
        """The variables whose values must be shown nowhere."""
        return {name for name in self.env if name in self.hidden or is_secret_key(name)}

    def to_record(self, mark: str) -> dict[str, t.Any]:
        """What the pid file keeps: secret values only as keyed hashes, enough to see that they changed."""
        secret = self.secret_names()
        return {
            "mark": mark,
            "argv": list(self.argv),
            "executable": _stamp(self.executable),
            "env": {name: value for name, value in self.env.items() if name not in secret},
            "secrets": {name: _hash(mark, self.env[name]) for name in secret},
            "chdir": self.chdir,
            "log_file": self.log_file,
            "host": self.host,
            "port": self.port,
        }


@dataclasses.dataclass(frozen=True)
class Record:
    """A pid file.

    :ivar identity: the process it names.
    :ivar mark: the text that this process and its children carry in their environment.
    """

    path: Path
    identity: Identity
    mark: str
    content: t.Mapping[str, t.Any]

    @classmethod
    def load(cls, path: Path) -> Record | None:
        """The pid file; None when there is none.

        :raises CollectionError: when it cannot be read: then nobody knows what runs, and nothing may be started.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return cls(path, Identity(int(content["pid"]), str(content["began"])), str(content["mark"]), content)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise CollectionError(
                f"The pid file {path} cannot be read ({error.strerror}): it takes the user who started the process."
            ) from None
        except (ValueError, KeyError, TypeError):
            raise CollectionError(
                f"The pid file {path} is damaged: end the process it stood for, if it still runs, and delete the file."
            ) from None

    def complete(self, identity: Identity) -> Record:
        """The same with the start time filled in, where the process itself could not read it."""
        content = {**self.content, "began": identity.began}
        fresh = self.path.with_name(f"{self.path.name}.new")
        with open(os.open(fresh, os.O_WRONLY | os.O_TRUNC | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
            json.dump(content, file)
        fresh.replace(self.path)
        return dataclasses.replace(self, identity=identity, content=content)

    def differences(self, wanted: Settings) -> list[str]:
        """What the process was started with and should not have been, one phrase each."""
        new = wanted.to_record(self.mark)
        reasons = [
            f"{label} differs"
            for key, label in (("argv", "argv"), ("chdir", "chdir"), ("log_file", "log_file"), ("host", "host"))
            if self.content.get(key) != new[key]
        ]
        if self.content.get("port") != new["port"]:
            reasons.append(f"the port was {self.content.get('port')}")
        changed = sorted(_changed_names(self.content, new))
        if changed:
            reasons.append(f"{', '.join(changed)} in env differ{'s' if len(changed) == 1 else ''}")
        if self.content.get("executable") != new["executable"] and "argv differs" not in reasons:
            reasons.append(f"{wanted.executable} was replaced since")
        return reasons


def shown(record: Record | None, wanted: Settings | None) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
    """Before and after for a diff, secrets hidden; None stands for no process."""
    before = _shown(record.content) if record else {}
    if wanted is None:
        return before, {}
    new = wanted.to_record(record.mark if record else "")
    after = _shown(new)
    if record:
        for name in _changed_names(record.content, new) & set(new["secrets"]):
            after["env"][name] = _CHANGED_SECRET
    return before, after


def _shown(content: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    environment = {**content["env"], **dict.fromkeys(content["secrets"], MASK)}
    view = {key: content[key] for key in ("argv", "chdir", "log_file")}
    if content["port"] is not None:
        view.update(host=content["host"], port=content["port"])
    return {**view, "env": dict(sorted(environment.items()))}


def _changed_names(old: t.Mapping[str, t.Any], new: t.Mapping[str, t.Any]) -> set[str]:
    names: set[str] = set()
    for part in ("env", "secrets"):
        before, after = old.get(part) or {}, new[part]
        names |= {name for name in {*before, *after} if before.get(name) != after.get(name)}
    return names


def _hash(mark: str, value: str) -> str:
    return hmac.new(mark.encode(), value.encode(), hashlib.sha256).hexdigest()


def _stamp(executable: str) -> list[t.Any]:
    """Changes when the file is replaced, as an upgrade of the package does under a running process."""
    try:
        found = os.stat(executable)
    except OSError:
        return [executable]
    return [executable, found.st_size, found.st_mtime_ns]
