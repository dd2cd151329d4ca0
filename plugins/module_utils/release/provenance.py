# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The statement about a build."""

from __future__ import annotations

import re
import typing as t
import urllib.parse

from ansible_collections.hotpass.prefect.plugins.module_utils.release.envelopes import Statement
from ansible_collections.hotpass.prefect.plugins.module_utils.release.predicates import BUILD_TYPE, PROVENANCE
from ansible_collections.hotpass.prefect.plugins.module_utils.release.statement_parts import Moment, compose, instant

LOCAL_BUILDER: t.Final = "https://example.com/hotpass/prefect/builders/local"

_SEPARATORS = re.compile(r"[-_.]+")


def provenance(
    release: str,
    solution: str,
    *,
    commit: str,
    invocation_id: str,
    started_on: Moment,
    finished_on: Moment,
    dirty: bool = False,
    source: str | None = None,
    requirements: t.Mapping[str, str] | None = None,
    user: str | None = None,
    host: str | None = None,
    builder_id: str = LOCAL_BUILDER,
    builder_version: t.Mapping[str, str] | None = None,
) -> Statement:
    """How a release was built, as SLSA provenance v1.

    :param release: its digest.
    :param commit: hexadecimal, of the work tree that was packed.
    :param dirty: whether the work tree differed from the commit.
    :param source: address of the repository; user information in it is left out.
    :param requirements: names of distributions to pinned versions.
    :param user: who built, and ``host`` where: they are here because they are not in the release.
    :param builder_version: names of tools to their versions.
    :raises Malformed: for a value that no provenance may hold.
    """
    parameters: dict[str, t.Any] = {"solution": solution, "commit": commit, "dirty": dirty}
    code: dict[str, t.Any] = {"name": solution, "digest": {"gitCommit": commit}}
    if source is not None:
        parameters["source"] = _public_address(source)
        code["uri"] = f"git+{parameters['source']}@{commit}"
    pinned = sorted((_SEPARATORS.sub("-", name).lower(), version) for name, version in (requirements or {}).items())
    builder: dict[str, t.Any] = {"id": builder_id}
    if builder_version is not None:
        builder["version"] = dict(builder_version)
    return compose(
        PROVENANCE,
        release,
        solution,
        {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": parameters,
                "internalParameters": _given(user=user, host=host),
                "resolvedDependencies": [
                    code,
                    *({"uri": f"pkg:pypi/{name}@{urllib.parse.quote(version, safe='+')}"} for name, version in pinned),
                ],
            },
            "runDetails": {
                "builder": builder,
                "metadata": {
                    "invocationId": invocation_id,
                    "startedOn": instant(started_on, "startedOn"),
                    "finishedOn": instant(finished_on, "finishedOn"),
                },
            },
        },
    )


def _given(**values: t.Any) -> dict[str, t.Any]:
    return {key: value for key, value in values.items() if value is not None}


def _public_address(source: str) -> str:
    scheme, separator, rest = source.partition("://")
    if not separator:
        return source
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
