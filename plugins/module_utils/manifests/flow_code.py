# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a flow's code says of it: its name, its parameters, its place. Found out by another Python, and cached.

Importing Prefect and a flow costs seconds, and the modules' own Python need not have either. So an interpreter that
can import the flow is asked, in one process for all flows, and its answer is kept until the code or the interpreter
changes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pathlib
import tempfile
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.room import RunCommand

_VERSION = "1"
_MARK = "hotpass.prefect:flows:"
# Runs in the other interpreter. Its standard output belongs to the answer, so whatever the flow's code prints goes to
# standard error. It lives for one answer: collecting garbage and an orderly end would cost a quarter of its time.
_PROBE = """
import gc, json, os, sys
gc.disable()
answer_to = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
request = json.load(sys.stdin)
sys.path[:0] = request["path"]
answers = {}
for reference in request["flows"]:
    try:
        from prefect.utilities.callables import parameter_schema
        from prefect.utilities.importtools import import_object
        flow = import_object(reference)
        answers[reference] = {
            "name": flow.name,
            "file": os.path.realpath(flow.fn.__code__.co_filename),
            "function": flow.fn.__qualname__,
            "schema": parameter_schema(flow).model_dump_for_openapi(),
        }
    except BaseException as error:
        answers[reference] = {"error": f"{type(error).__name__}: {error}"}
answer_to.write(request["mark"] + json.dumps(answers))
answer_to.flush()
os._exit(0)
"""


@dataclasses.dataclass(frozen=True)
class FlowCode:
    """What the code of one flow says.

    :param name: the flow's name on a server.
    :param entrypoint: ``path/to/file.py:function``, relative to the flow path.
    :param parameter_openapi_schema: of its parameters, as Prefect makes it.
    :param sha256: of all Python files below the flow path, names included.
    """

    name: str
    entrypoint: str
    parameter_openapi_schema: dict[str, t.Any]
    sha256: str


@dataclasses.dataclass(frozen=True)
class Interpreter:
    """A Python that can import the flows.

    :param python: its path.
    :param flow_path: the directory that holds the flows' packages.
    :param cache_dir: where answers are kept; None for the user's cache directory.
    """

    python: str
    flow_path: str
    cache_dir: str | None = None


def read_flows(references: t.Iterable[str], interpreter: Interpreter, run: RunCommand) -> dict[str, FlowCode]:
    """Ask the interpreter for each flow, named as ``package.module:function``.

    :raises CollectionError: naming every flow that cannot be imported, and why.
    """
    wanted = sorted(set(references))
    if not wanted:
        return {}
    if not os.access(interpreter.python, os.X_OK):
        raise CollectionError(f"flow_python names {interpreter.python!r}, which is no program that can be run.")
    if not os.path.isdir(interpreter.flow_path):
        raise CollectionError(f"flow_path names {interpreter.flow_path!r}, which is no directory.")
    code_sha256 = _tree_sha256(pathlib.Path(interpreter.flow_path))
    cache = _cache_file(wanted, interpreter, code_sha256)
    answers = _read_cache(cache, wanted)
    if answers is None:
        answers = _ask(wanted, interpreter, run)
        problems = [
            f"The flow {reference} cannot be imported by {interpreter.python}: {answer['error']}."
            for reference, answer in answers.items()
            if "error" in answer
        ]
        if problems:
            raise CollectionError(" ".join(problems))
        _write_cache(cache, answers)
    root = os.path.realpath(interpreter.flow_path)
    return {
        reference: FlowCode(
            name=answer["name"],
            entrypoint=f"{os.path.relpath(answer['file'], root)}:{answer['function']}",
            parameter_openapi_schema=answer["schema"],
            sha256=code_sha256,
        )
        for reference, answer in answers.items()
    }


def _ask(references: list[str], interpreter: Interpreter, run: RunCommand) -> dict[str, t.Any]:
    request = {"mark": _MARK, "flows": references, "path": [os.path.realpath(interpreter.flow_path)]}
    env = {
        "HOTPASS_ENABLE_PREFECT_RUNTIME": "1",
        "PREFECT_LOGGING_LEVEL": "ERROR",
        "DO_NOT_TRACK": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    try:
        done = run([interpreter.python, "-c", _PROBE], env=env, data=json.dumps(request))
    except OSError as error:
        raise CollectionError(f"flow_python {interpreter.python!r} cannot be run: {error}.") from None
    mark, text = done.stdout.partition(_MARK)[1:]
    if done.rc != 0 or not mark:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise CollectionError(f"{interpreter.python} could not be asked for the flows: {last}.")
    return t.cast("dict[str, t.Any]", json.loads(text))


def _tree_sha256(root: pathlib.Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(root.rglob("*.py")):
        digest.update(f"{file.relative_to(root)}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _cache_file(references: list[str], interpreter: Interpreter, code_sha256: str) -> pathlib.Path:
    """Where the answer to this very question is kept: the name hashes all that the answer depends on."""
    python = os.path.abspath(interpreter.python)
    # The answer has absolute paths in it, so another checkout with the same code is another question.
    root = os.path.realpath(interpreter.flow_path)
    question = [_VERSION, _PROBE, *references, python, os.path.realpath(python), *_installed(python), root, code_sha256]
    digest = hashlib.sha256("\0".join(question).encode())
    base = interpreter.cache_dir or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "hotpass.prefect"
    )
    return pathlib.Path(base) / f"flows-{digest.hexdigest()}.json"


def _installed(python: str) -> list[str]:
    """What tells that packages of an interpreter have changed: its site directories' times of change."""
    prefix = pathlib.Path(python).parent.parent
    places = sorted(path for kind in ("site", "dist") for path in prefix.glob(f"lib*/python3*/{kind}-packages"))
    return [f"{path}:{path.stat().st_mtime_ns}" for path in places]


def _read_cache(file: pathlib.Path, references: list[str]) -> dict[str, t.Any] | None:
    """The kept answers; None where there are none, or none of the shape that the probe gives."""
    try:
        answers = json.loads(file.read_text())
    except (OSError, ValueError):
        return None
    if not isinstance(answers, dict) or sorted(answers) != references:
        return None
    return answers if all(_is_answer(answer) for answer in answers.values()) else None


def _is_answer(answer: t.Any) -> bool:
    return (
        isinstance(answer, dict)
        and all(isinstance(answer.get(key), str) for key in ("name", "file", "function"))
        and isinstance(answer.get("schema"), dict)
    )


def _write_cache(file: pathlib.Path, answers: dict[str, t.Any]) -> None:
    """Keep the answers; a cache that cannot be written costs time and nothing else."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent, suffix=".part")
        with os.fdopen(handle, "w") as stream:
            json.dump(answers, stream)
        os.replace(name, file)
    except OSError:
        return
