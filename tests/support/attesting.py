# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""People with keys, valid statements to change, and the texts of ``docs/statements.md`` that a stranger would use.

``python -m tests.support.attesting`` writes the schemas in ``docs/statement-schemas``.
"""

from __future__ import annotations

import copy
import dataclasses
import datetime
import functools
import json
import re
import typing as t
from pathlib import Path

from ansible_collections.hotpass.prefect.plugins.module_utils.release import keys, predicates, statements
from ansible_collections.hotpass.prefect.plugins.module_utils.release.trust import Trust

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs/statements.md"
SCHEMAS = ROOT / "docs/statement-schemas"

RELEASE = f"sha256:{'1f' * 32}"
EARLIER = f"sha256:{'2e' * 32}"
BAD = f"sha256:{'3d' * 32}"
RECORD = f"sha256:{'4c' * 32}"
COMMIT = "5b" * 20
NOW = datetime.datetime(2026, 11, 22, 7, 30, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)


@dataclasses.dataclass(frozen=True)
class Person:
    """Somebody with a key, who can stand where an Actor is asked for."""

    key: keys.SigningKey
    user: str | None = None
    job: str | None = None

    @property
    def name(self) -> str:
        return self.key.name

    @property
    def key_id(self) -> str:
        return self.key.key_id

    def entry(self, *roles: str) -> dict[str, t.Any]:
        """What a ring's trust says of them."""
        return {"name": self.name, "roles": list(roles), "public_key": self.key.public_key}


def person(directory: Path, name: str, user: str | None = None) -> Person:
    """Somebody new, whose private key is a file in the directory."""
    path = directory / f"{name}.pem"
    keys.create_key_pair(path, name)
    return Person(keys.load_signing_key(path, name=name), user)


@dataclasses.dataclass(frozen=True)
class Cast:
    """Everybody in the tests: mallory is trusted by nobody."""

    builder: Person
    alice: Person
    bob: Person
    carol: Person
    mallory: Person

    @functools.cached_property
    def trust(self) -> Trust:
        """Alice promotes; bob and carol approve."""
        return Trust.from_setting(
            [
                self.builder.entry("builder"),
                self.alice.entry("promoter"),
                self.bob.entry("approver"),
                self.carol.entry("approver", "promoter"),
            ]
        )


def cast(directory: Path) -> Cast:
    """The cast, with its keys in the directory."""
    names = ("builder", "alice", "bob", "carol", "mallory")
    return Cast(*(person(directory, name, f"{name}.user") for name in names))


def promotion(by: Person, **changes: t.Any) -> dict[str, t.Any]:
    """A valid promotion of :data:`RELEASE` into prod as generation 7."""
    said: dict[str, t.Any] = {
        "solution": "hotpass",
        "ring": "prod",
        "generation": 7,
        "release": RELEASE,
        "previous_release": EARLIER,
        "ledger_record": RECORD,
        "requested_by": by,
        "requested_at": NOW,
        "active_at": NOW + HOUR,
        "commit": COMMIT,
        "gates": [
            {"name": "tests", "verdict": "pass", "startedAt": NOW, "finishedAt": NOW + HOUR, "detail": {"passed": 12}},
            {"name": "health", "verdict": "pass"},
        ],
        "result": "Active",
    }
    return statements.promotion(**{**said, **changes})


def rollback(by: Person, **changes: t.Any) -> dict[str, t.Any]:
    """A valid rollback of prod to :data:`EARLIER` as generation 8."""
    said: dict[str, t.Any] = {
        "solution": "hotpass",
        "ring": "prod",
        "generation": 8,
        "release": EARLIER,
        "rolled_back_generation": 7,
        "rolled_back_release": RELEASE,
        "reason": "rows went missing",
        "ledger_record": RECORD,
        "requested_by": by,
        "requested_at": NOW + HOUR,
        "active_at": NOW + 2 * HOUR,
        "result": "Active",
    }
    return statements.rollback(**{**said, **changes})


def approval(decider: Person, asker: t.Any, **changes: t.Any) -> dict[str, t.Any]:
    """A valid yes to generation 7 of prod."""
    said: dict[str, t.Any] = {
        "solution": "hotpass",
        "ring": "prod",
        "generation": 7,
        "release": RELEASE,
        "decision": "approve",
        "approver": decider,
        "requested_by": asker,
        "decided_at": NOW,
        "expires_at": NOW + HOUR,
        "comment": "looks good\nto me",
        "change_reference": "CHG-1042",
    }
    return statements.approval(**{**said, **changes})


def veto(vetoer: Person, **changes: t.Any) -> dict[str, t.Any]:
    """A valid veto of :data:`BAD` in every ring."""
    said: dict[str, t.Any] = {
        "solution": "hotpass",
        "release": BAD,
        "rings": "*",
        "reason": "leaks addresses",
        "by": vetoer,
        "at": NOW,
    }
    return statements.veto(**{**said, **changes})


def provenance(**changes: t.Any) -> dict[str, t.Any]:
    """A valid provenance of :data:`RELEASE`."""
    said: dict[str, t.Any] = {
        "release": RELEASE,
        "solution": "hotpass",
        "commit": COMMIT,
        "invocation_id": "build-17",
        "started_on": NOW,
        "finished_on": NOW + HOUR,
        "source": "https://git.example.com/hotpass.git",
        "requirements": {"Ruamel.YAML": "0.18.6", "numpy": "2.1.0"},
        "user": "builder",
        "host": "build-host",
        "builder_version": {"python": "3.12.3"},
    }
    said.update(changes)
    return statements.provenance(**said)


def evidence(by: Person, **changes: t.Any) -> dict[str, t.Any]:
    """The valid seal of a bundle about the promotion of :data:`RELEASE` into prod as generation 7."""
    said: dict[str, t.Any] = {
        "solution": "hotpass",
        "ring": "prod",
        "kind": "promotion",
        "name": "20261122T073000Z",
        "sealed": RECORD,
        "verdict": "pass",
        "live": True,
        "sealed_at": NOW,
        "sealed_by": by,
        "sequence": 12,
        "previous": BAD,
        "generation": 7,
        "release": RELEASE,
    }
    return statements.evidence(**{**said, **changes})


def transfer(**changes: t.Any) -> dict[str, t.Any]:
    """The valid seal of a transfer bundle that prod exported."""
    head = {"sequence": 12, "digest": RECORD, "generation": 7, "release": RELEASE, "state": "Active"}
    older = {"sequence": 2, "digest": BAD, "generation": 1, "release": None, "state": None}
    predicate = {
        "solution": "hotpass",
        "ring": "prod",
        "kind": "releases",
        "heads": {"prod": head},
        "base": {"receipt": BAD, "heads": {"prod": older}},
    }
    return {
        "_type": predicates.STATEMENT_TYPE,
        "subject": [{"name": "SHA256SUMS", "digest": {"sha256": "4c" * 32}}],
        "predicateType": predicates.TRANSFER,
        "predicate": {**predicate, **changes},
    }


def every_kind(who: Cast) -> dict[str, tuple[dict[str, t.Any], Person, str]]:
    """One valid statement of each kind, with who may sign it, and in which role."""
    return {
        "provenance": (provenance(), who.builder, "builder"),
        "promotion": (promotion(who.alice), who.alice, "promoter"),
        "rollback": (rollback(who.alice), who.alice, "promoter"),
        "approval": (approval(who.bob, who.alice), who.bob, "approver"),
        "veto": (veto(who.carol), who.carol, "approver"),
        "evidence": (evidence(who.alice), who.alice, "promoter"),
        "transfer": (transfer(), who.alice, "promoter"),
    }


def changed(statement: dict[str, t.Any], path: str, value: t.Any) -> dict[str, t.Any]:
    """A copy of the statement with another value at a dotted path; ``...`` takes it away."""
    copied = copy.deepcopy(statement)
    at: t.Any = copied
    *parents, last = (int(step) if step.isdigit() else step for step in path.split("."))
    for step in parents:
        at = at[step]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return copied


def documented(language: str, holding: str) -> str:
    """The one block of code in the document that holds a text."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    (found,) = (block for block in blocks if holding in block)
    return str(found)


def documented_function(name: str) -> t.Callable[..., t.Any]:
    """The function of this name, as the document has it."""
    namespace: dict[str, t.Any] = {"__name__": "documented"}
    exec(compile(documented("python", f"def {name}("), str(DOCUMENT), "exec"), namespace)
    return t.cast("t.Callable[..., t.Any]", namespace[name])


def schema_text(predicate_type: str) -> str:
    """A schema as its file has it."""
    return json.dumps(predicates.SCHEMAS[predicate_type], indent=2) + "\n"


def main() -> None:
    """Write every schema."""
    for predicate_type in predicates.PREDICATE_TYPES:
        file = SCHEMAS / f"{predicates.kind_of(predicate_type)}.json"
        file.write_text(schema_text(predicate_type), encoding="utf-8")


if __name__ == "__main__":
    main()
