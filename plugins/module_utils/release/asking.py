# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking the gates that are this collection's own: the release itself, its tests, its approval, and its soak."""

from __future__ import annotations

import pathlib
import re
import time
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import Connection
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.health import check_health
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.session import Session
from ansible_collections.hotpass.prefect.plugins.module_utils.release import (
    artifact,
    clock,
    queueing,
    statements,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.release.approvals import count_approvals
from ansible_collections.hotpass.prefect.plugins.module_utils.release.chain import Generation
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.records import Kind
from ansible_collections.hotpass.prefect.plugins.module_utils.release.ring import Ring
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State
from ansible_collections.hotpass.prefect.plugins.module_utils.release.store_types import Corrupt
from ansible_collections.hotpass.prefect.plugins.module_utils.release.wording import recordable
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Context, Outcome

_TAIL_LINES = 12
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
Answer = tuple[str, str, dict[str, t.Any]]


def ask(params: dict[str, t.Any], context: Context) -> Outcome:
    """Ask one gate of the generation under way.

    :returns: ``verdict`` with name, verdict, times and detail, in the form in which the ledger keeps it.
    :raises CollectionError: when the gate does not open and ``fail`` is true; the verdict goes along.
    """
    with Session(Connection.from_params(params)) as session, Ring(params, session) as ring:
        generation = _under_way(ring, params.get("generation"))
        began = clock.now()
        try:
            verdict, message, detail = _GATES[params["gate"]](ring, generation, params, context)
        except (Corrupt, artifact.NotARelease, queueing.Vetoed) as error:
            verdict, message, detail = "fail", error.message, {}
        except CollectionError as error:
            verdict, message, detail = "error", error.message, {}
        entry = {
            "name": params["gate"],
            "verdict": verdict,
            "startedAt": clock.text(began),
            "finishedAt": clock.text(clock.now()),
            "detail": {**({"message": recordable(message, 300)} if message else {}), **detail},
        }
        if params["fail"] and verdict != "pass":
            raise CollectionError(
                f"The gate {params['gate']} of ring {ring.name} says {verdict}: {message}", verdict=entry
            )
        return Outcome(changed=False, result={"verdict": entry, "message": message}, warnings=ring.warnings)


def _under_way(ring: Ring, number: int | None) -> Generation:
    generation = ring.chain.under_way
    if generation is None or number not in (None, generation.number):
        what = f"generation {number} is not" if number is not None else "no generation is"
        raise CollectionError(f"In ring {ring.name} of {ring.solution} {what} under way, so no gate is asked.")
    return generation


def _release(ring: Ring, generation: Generation, params: t.Mapping[str, t.Any], _context: Context) -> Answer:
    """Every byte is what the digest says, who built it is believed, and nothing forbids it."""
    queueing.refuse_vetoed(ring, generation)
    release = str(generation.release)
    found = artifact.find(ring.store, release)
    if generation.kind is Kind.PROMOTE:
        # A rollback's release was read when it was promoted, and what is unpacked of it is hashed before it is used.
        artifact.read_files(ring.store, found)
        artifact.read_sbom(ring.store, found)
    config = found.config
    if config.solution != ring.solution:
        return "fail", f"{release} is a release of {config.solution}, and this is a ring of {ring.solution}", {}
    if config.dirty and not params["allow_dirty"] and generation.kind is Kind.PROMOTE:
        return "fail", f"{release} was built from a work tree with changes that no commit has; only dev may take it", {}
    refusals: list[str] = []
    for verified in statements.provenances(
        ring.statements(release),
        ring.trust,
        release=release,
        solution=ring.solution,
        passed_over=refusals.append,
    ):
        built_from = verified.predicate["buildDefinition"]["externalParameters"]
        if (built_from["commit"], built_from["dirty"]) == (config.commit, config.dirty):
            return "pass", "", {"builder": verified.signers[0].name, "commit": config.commit}
        refusals.append(f"{verified.signers[0].name} says that it was built from {built_from['commit']}.")
    if ring.takes_unsigned:
        return "pass", "taken without a provenance that this ring trusts, as its settings allow", {"unsigned": True}
    why = " ".join(refusals) if refusals else "it carries no provenance at all"
    return "fail", f"nobody whom this ring trusts as a builder vouches for {release}: {why}", {}


def _tests(ring: Ring, generation: Generation, params: t.Mapping[str, t.Any], context: Context) -> Answer:
    """The commands that the ring names, run in the verified bytes of the release."""
    commands = params.get("tests") or []
    if not commands:
        return "error", "the ring names no tests, and none passed is no pass; set ring_tests or take the gate out", {}
    kept = pathlib.Path(params["output_dir"])
    outputs: dict[str, t.Any] = {}
    odd = [command["name"] for command in commands if not _FILE_NAME.fullmatch(command["name"])]
    if odd:
        return (
            "error",
            f"tests has the name {odd[0]!r}, of which a file is named; letters, digits and .-_ are allowed",
            {},
        )
    for command in commands:
        # Unpacked anew or hashed once more, so that the last test cannot have changed what the next one sees.
        release = artifact.fetch(ring.store, str(generation.release), pathlib.Path(params["cache_dir"]))
        context.tell(f"{command['name']}: {' '.join(command['argv'])}")
        began = time.monotonic()
        done = context.run_command(_in_release(release.path, command, params))
        log = f"{done.stdout}{done.stderr}"
        kept_bytes = log.encode("utf-8", "surrogateescape")
        outputs[command["name"]] = {"exitStatus": done.rc, "output": digest_of(kept_bytes)}
        file = _keep(kept, command["name"], kept_bytes)
        context.tell(f"{command['name']}: exit status {done.rc} after {time.monotonic() - began:.1f} s, see {file}")
        if done.rc:
            for line in log.strip().splitlines()[-_TAIL_LINES:]:
                context.tell(f"{command['name']}: {line}")
            what = f"did not end within {command['timeout']} s" if done.rc in (124, 137) else f"ended with {done.rc}"
            verdict = "error" if done.rc in (124, 125, 126, 127, 137) else "fail"
            return verdict, f"{command['name']} {what}; its output is in {file}", outputs
    return "pass", "", outputs


def _in_release(path: pathlib.Path, command: t.Mapping[str, t.Any], params: t.Mapping[str, t.Any]) -> list[str]:
    """The command with nothing of the caller's environment, which could hold secrets or change the outcome."""
    clean = {
        "PATH": params["path"],
        "HOME": "/nonexistent",
        "LANG": "C.UTF-8",
        "PYTHONPATH": "flows",
        "PYTHONDONTWRITEBYTECODE": "1",
        **(command.get("env") or {}),
    }
    limit = ["timeout", "--kill-after=10", str(command["timeout"])]
    return [
        "env",
        "-i",
        "-C",
        str(path),
        *(f"{name}={value}" for name, value in clean.items()),
        *limit,
        *command["argv"],
    ]


def _keep(directory: pathlib.Path, name: str, log: bytes) -> pathlib.Path:
    file = directory / f"tests-{name}.log"
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.touch(mode=0o600)
        file.write_bytes(log)
    except OSError as error:
        raise CollectionError(f"The output of {name} cannot be kept in {directory}: {error.strerror}.") from None
    return file


def _approval(ring: Ring, generation: Generation, params: t.Mapping[str, t.Any], _context: Context) -> Answer:
    """Enough people whom the ring trusts, none of whom asked for it, said yes to this digest and this generation."""
    return count_approvals(ring, generation, params["approvals_required"], params["approval_seconds"])


def _soak(_ring: Ring, generation: Generation, params: t.Mapping[str, t.Any], context: Context) -> Answer:
    """The ring stays healthy for as long as its settings say, counted from the moment that validation began."""
    began = next((record.at for record in generation.transitions if record.state is State.VALIDATING), None)
    if began is None:
        return (
            "error",
            f"generation {generation.number} is {generation.state.value}, and nothing of it can soak yet",
            {},
        )
    ends = clock.parse(began).timestamp() + params["soak_seconds"]
    if params["soak_seconds"] <= 0:
        return "error", "soak_seconds is 0, and no time at all proves nothing; set ring_soak or take the gate out", {}
    looks = 0
    while True:
        answer = check_health(_health_params(params), context)
        looks += 1
        if not answer.result["healthy"]:
            bad = next(check for check in answer.result["checks"] if check["verdict"] != "pass")
            verdict = "fail" if bad["verdict"] == "fail" else "error"
            return verdict, f"{bad['check']}: {bad['message']}", {"looks": looks}
        left = ends - clock.now().timestamp()
        if left <= 0:
            return "pass", "", {"looks": looks, "seconds": params["soak_seconds"]}
        context.tell(f"healthy, {left:.0f} s of {params['soak_seconds']} s left")
        time.sleep(min(left, max(1.0, params["soak_seconds"] / 20)))


def _health_params(params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    checks = ["api", "database"]
    if params.get("deployments"):
        checks.append("deployments")
    return {**params, "checks": checks, "wait_timeout": 0, "fail": False}


_GATES: t.Mapping[str, t.Callable[[Ring, Generation, t.Mapping[str, t.Any], Context], Answer]] = {
    "release": _release,
    "tests": _tests,
    "approval": _approval,
    "soak": _soak,
}
