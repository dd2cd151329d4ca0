# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guardrails that are declared: what the manifest and the ring's settings say the limits are."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError

if t.TYPE_CHECKING:
    from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.model import Manifest

ENQUEUE: t.Final = "ENQUEUE"
CANCEL_NEW: t.Final = "CANCEL_NEW"
KEY: t.Final = "concurrency_key"
LIMIT: t.Final = "concurrency_limit"
GUARDED: t.Final = (LIMIT, KEY, "parameters.pipeline.backfill")
"""The parameters of a deployment that are part of its guardrails, as paths of keys."""


@dataclasses.dataclass(frozen=True)
class Declared:
    """What has to hold.

    :ivar deployment: its name on the server, ``flow/deployment`` or the deployment's own.
    :ivar concurrency_limit: of the deployment; None when none is declared, which is never a guardrail.
    :ivar collision_strategy: ``ENQUEUE`` or ``CANCEL_NEW``.
    :ivar shared_limit: the name of the global limit that is the deployment's limit; None for one of its own.
    :ivar concurrency_key: of the global limit that each run takes a slot of; None for no such limit.
    :ivar global_limit: its value.
    :ivar parameters: the values of the deployment's guarded parameters, by their paths.
    :ivar work_pool: its name; None where the manifest does not say. So for ``work_queue``.
    :ivar work_pool_limit: None when the pool must have none. So for ``work_queue_limit``.
    """

    deployment: str
    concurrency_limit: int | None
    collision_strategy: str = ENQUEUE
    shared_limit: str | None = None
    concurrency_key: str | None = None
    global_limit: int | None = None
    parameters: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    work_pool: str | None = None
    work_queue: str | None = None
    work_pool_limit: int | None = None
    work_queue_limit: int | None = None

    def __post_init__(self) -> None:
        for name, kind, least in _FIELDS:
            value = getattr(self, name)
            if kind is int:
                wrong = value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < least)
                allowed = f"a whole number from {least}, or null"
            elif kind is dict:
                wrong = not isinstance(value, dict)
                allowed = "a mapping of paths to values"
            else:
                wrong = value is not None and not isinstance(value, str)
                allowed = "text, or null"
            if wrong:
                raise CollectionError(f"The declared {name} is {value!r}; allowed is {allowed}.")
        if not self.deployment:
            raise CollectionError("The declared deployment is empty; it must be its name on the server.")
        if self.collision_strategy not in (ENQUEUE, CANCEL_NEW):
            raise CollectionError(
                f"The declared collision_strategy is {self.collision_strategy!r}; allowed are {ENQUEUE}, {CANCEL_NEW}."
            )
        if (self.concurrency_key is None) != (self.global_limit is None):
            raise CollectionError(
                f"The declared concurrency_key is {self.concurrency_key!r} and global_limit is {self.global_limit!r}; "
                "each needs the other."
            )

    @classmethod
    def from_manifest(
        cls,
        manifest: Manifest,
        *,
        deployment: str | None = None,
        shared_limit_value: int | None = None,
        work_pool_limit: int | None = None,
        work_queue_limit: int | None = None,
    ) -> Declared:
        """What a manifest declares.

        The global limit has the value of the parameter ``concurrency_limit``, where 0, strictly sequential, is one
        slot; without that parameter, the value of the deployment's own limit.

        :param deployment: ``flow/deployment``, where it is known; else the deployment's own name.
        :param shared_limit_value: the value of the manifest's ``global_concurrency_limit``, which is declared where
            that limit is made.
        :param work_pool_limit: what the ring's settings say of the pool, and so for the queue.
        :raises CollectionError: when the value of a shared limit is not known, or the key or its limit is of the wrong
            kind.
        """
        parameters = manifest.parameters
        limit = manifest.concurrency_limit
        if manifest.global_concurrency_limit is not None:
            if shared_limit_value is None:
                raise CollectionError(
                    f"{manifest.id}: the manifest names the shared limit {manifest.global_concurrency_limit!r}, whose "
                    "value is declared elsewhere; give shared_limit_value."
                )
            limit = shared_limit_value
        key, value = parameters.get(KEY), parameters.get(LIMIT, limit)
        if key is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
            raise CollectionError(
                f"{manifest.id}: parameters.{LIMIT} is {value!r}; with a {KEY} it must be a whole number from 0."
            )
        options = manifest.concurrency_options
        return cls(
            deployment=deployment or manifest.name,
            concurrency_limit=limit,
            collision_strategy=options.collision_strategy if options else ENQUEUE,
            shared_limit=manifest.global_concurrency_limit,
            concurrency_key=key,
            global_limit=max(1, t.cast("int", value)) if key is not None else None,
            parameters={path: found for path in GUARDED for found in at_path(parameters, path)},
            work_pool=manifest.work_pool,
            work_queue=manifest.work_queue,
            work_pool_limit=work_pool_limit,
            work_queue_limit=work_queue_limit,
        )

    def to_json(self) -> dict[str, t.Any]:
        """As a JSON document."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, document: t.Any) -> Declared:
        """What :meth:`to_json` wrote; fields with a default may be missing.

        :raises CollectionError: for anything else.
        """
        names = {field.name for field in dataclasses.fields(cls)}
        if not isinstance(document, dict) or not {"deployment", LIMIT} <= document.keys() <= names:
            raise CollectionError(
                f"What is declared must be a mapping with deployment and {LIMIT}, and no other keys than "
                f"{', '.join(sorted(names))}."
            )
        return cls(**document)


def at_path(parameters: t.Any, path: str) -> tuple[t.Any, ...]:
    """The value at a path of keys as a tuple of one; an empty tuple where there is none."""
    for key in path.split("."):
        if not isinstance(parameters, dict) or key not in parameters:
            return ()
        parameters = parameters[key]
    return (parameters,)


_FIELDS: t.Final[tuple[tuple[str, type, int], ...]] = (
    ("deployment", str, 0),
    (LIMIT, int, 1),
    ("collision_strategy", str, 0),
    ("shared_limit", str, 0),
    (KEY, str, 0),
    ("global_limit", int, 1),
    ("parameters", dict, 0),
    ("work_pool", str, 0),
    ("work_queue", str, 0),
    ("work_pool_limit", int, 0),
    ("work_queue_limit", int, 0),
)
