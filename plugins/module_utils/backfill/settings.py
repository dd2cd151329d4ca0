# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a backfill was asked to do: the options count before the configuration file, and that before the deployment."""

from __future__ import annotations

import dataclasses
import json
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.backfill.archive_pattern import (
    DEFAULT_PATTERN,
    archive_path,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.backfill.config import Config, read_config
from ansible_collections.hotpass.prefect.plugins.module_utils.backfill.keys import NOT_OF_A_RUN, checked_batch
from ansible_collections.hotpass.prefect.plugins.module_utils.backfill.windows import (
    DEFAULT_VERSIONS,
    Range,
    Window,
    checked_range,
    checked_versions,
    expand,
    parse_date,
)
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.limit_names import limit_name

Params = t.Mapping[str, t.Any]

DEFAULT_KEY = "hotpass/backfill"
_PATHS = ("archive_root", "restore_root", "archive_pattern")
_FORMS = (("start_date", "end_date"), ("since", "until"))


@dataclasses.dataclass(frozen=True)
class Settings:
    """One backfill.

    :param windows: in the order in which they run.
    :param parameters: all that a run gets beside ``runs``: those of the deployment with the overrides laid over them.
    :param overrides: the part of it that differs from the deployment, and has to be sent with each run.
    :param concurrency_limit: how many may run at once; 0 is one after another.
    :param declared_limit: what the deployment itself declares for its key, or None.
    """

    windows: tuple[Window, ...]
    parameters: t.Mapping[str, t.Any]
    overrides: t.Mapping[str, t.Any]
    concurrency_limit: int
    concurrency_key: str
    declared_limit: int | None
    declared_key: str | None
    batch: str | None
    warnings: tuple[str, ...] = ()

    @property
    def at_once(self) -> int:
        """How many runs may be in flight."""
        return max(1, self.concurrency_limit)

    @property
    def limit_value(self) -> int:
        """What the global limit of the key has to be: what the deployment declares for it, else what was asked for."""
        own = self.concurrency_key == self.declared_key and self.declared_limit is not None
        return max(1, self.declared_limit or 0) if own else self.at_once

    @property
    def limit_name(self) -> str:
        """The name of the global limit."""
        return limit_name(self.concurrency_key)

    def archive_of(self, window: Window) -> str:
        """The path of the window's archive below the archive root."""
        return archive_path(str(self.parameters.get("archive_pattern") or DEFAULT_PATTERN), window)


def read_options(params: Params) -> Config:
    """The configuration file, or an empty one. Nothing of a server is asked.

    :raises CollectionError: for options that contradict each other, or a file that is at fault.
    """
    for first, last in _FORMS:
        if params[last] is not None and params[first] is None:
            raise CollectionError(f"{last} is given without {first}.")
    given = [form for form in _FORMS if params[form[0]] is not None]
    if len(given) > 1:
        raise CollectionError(
            "start_date and end_date mean the same as since and until; give one of the two pairs, not both."
        )
    if params["concurrency_limit"] is not None and params["concurrency_limit"] < 0:
        raise CollectionError(
            f"concurrency_limit is {params['concurrency_limit']}; allowed is 0 (one after another) or more."
        )
    if params["ahead"] < 0:
        raise CollectionError(f"ahead is {params['ahead']}; allowed is 0 or more.")
    for option in ("poll", "wait_timeout", "stall_timeout"):
        if not params[option] > 0:
            raise CollectionError(f"{option} is {params[option]}; it must be more than 0 seconds.")
    if params["outage_timeout"] < 0:
        raise CollectionError(f"outage_timeout is {params['outage_timeout']}; it must be 0 seconds or more.")
    checked_batch(params["batch"])
    return read_config(params["config"]) if params["config"] else Config()


def windows_of(params: Params, config: Config) -> tuple[Window, ...]:
    """The windows that the options ask for, else those of the configuration.

    :raises CollectionError: when there are none, too many, or a date or version that is none.
    """
    versions = checked_versions("versions", params["versions"] or ())
    for first, last in _FORMS:
        if params[first] is None:
            continue
        if not params["versions"]:
            versions = config.windows[0].versions if config.windows else DEFAULT_VERSIONS
        begin = parse_date(first, params[first])
        end = begin if params[last] is None else parse_date(last, params[last])
        return tuple(expand([checked_range(f"{first} to {last}", begin, end, versions)]))
    if not config.windows:
        raise CollectionError(
            "There is nothing to backfill: give start_date and end_date, or since and until, or a config with "
            "orchestrator.backfill.windows."
        )
    ranges: t.Sequence[Range] = config.windows
    if params["versions"]:
        ranges = [dataclasses.replace(one, versions=versions) for one in ranges]
    return tuple(expand(ranges))


def settle(params: Params, config: Config, declared: Params) -> Settings:
    """The backfill as a whole.

    :param declared: the parameters of the deployment, or of the manifest where there is no server.
    :raises CollectionError: when something asked for contradicts what the deployment declares.
    """
    asked: dict[str, t.Any] = {}
    for name in (*_PATHS, "concurrency_limit", "concurrency_key"):
        value = params[name] if params[name] is not None else getattr(config, name)
        if value is not None:
            asked[name] = value
    if config.base_config is not None:
        asked["base_config"] = _laid_over(declared.get("base_config"), config.base_config)
    if config.parameters:
        asked["parameters"] = _laid_over(declared.get("parameters"), config.parameters)
    # The windows are named one by one, and the flow takes only one way to name them.
    asked.update({name: None for name in ("since", "until", "versions") if declared.get(name) is not None})
    whole = {**declared, **asked}
    limit, key = whole.get("concurrency_limit", 1), whole.get("concurrency_key", DEFAULT_KEY)
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 0:
        raise CollectionError(
            f"The deployment's parameter concurrency_limit is {json.dumps(limit)}; allowed is a whole number from 0."
        )
    if not isinstance(key, str):
        raise CollectionError(f"The deployment's parameter concurrency_key is {json.dumps(key)}; it must be a text.")
    own_limit, own_key = declared.get("concurrency_limit"), declared.get("concurrency_key")
    settings = Settings(
        windows=windows_of(params, config),
        parameters=whole,
        overrides={},
        concurrency_limit=limit,
        concurrency_key=key,
        declared_limit=own_limit if isinstance(own_limit, int) else None,
        declared_key=own_key if isinstance(own_key, str) else None,
        batch=params["batch"],
        warnings=tuple(
            f"{params['config']}: {key} has no effect on a backfill; it belongs into the deployment's manifest."
            for key in config.unused
        ),
    )
    _check(settings)
    # To a run it is the most slots that the global limit may have. How many run at once is up to whoever submits them.
    asked["concurrency_limit"] = settings.limit_value
    if key == own_key and own_limit is not None:
        asked["concurrency_limit"] = own_limit
    return dataclasses.replace(
        settings,
        parameters={name: value for name, value in {**whole, **asked}.items() if name != "runs"},
        overrides={name: value for name, value in asked.items() if name not in declared or declared[name] != value},
    )


def _check(settings: Settings) -> None:
    name = settings.limit_name
    pipeline = (settings.parameters.get("parameters") or {}).get("pipeline") or {}
    if pipeline.get("backfill") is not True:
        raise CollectionError(
            f"parameters.pipeline.backfill is {json.dumps(pipeline.get('backfill'))}; a backfill needs true, so that "
            "its runs are marked as replays: correct the manifest or the config."
        )
    if settings.concurrency_limit > settings.limit_value:
        raise CollectionError(
            f"concurrency_limit is {settings.concurrency_limit}, but the deployment declares {settings.limit_value} "
            f"for the key {settings.concurrency_key!r} ({name}): allowed is at most that; a higher one belongs into "
            "the manifest."
        )
    seen: dict[str, Window] = {}
    for window in settings.windows:
        path = settings.archive_of(window)
        if path in seen:
            raise CollectionError(
                f"The windows {seen[path]} and {window} have the same archive, {path}: put the day and {{version}} "
                "into archive_pattern, or ask for one of them."
            )
        seen[path] = window


def key_parameters(settings: Settings) -> dict[str, t.Any]:
    """The parameters that make a run of a window another run."""
    return {name: value for name, value in settings.parameters.items() if name not in NOT_OF_A_RUN}


def _laid_over(base: t.Any, patch: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The patch over the base, mapping by mapping, so that no guardrail in the base is lost unsaid."""
    merged = dict(base) if isinstance(base, dict) else {}
    for key, value in patch.items():
        merged[key] = _laid_over(merged.get(key), value) if isinstance(value, dict) else value
    return merged
