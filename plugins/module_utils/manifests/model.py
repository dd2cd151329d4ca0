# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model of a manifest: the desired state of one Prefect deployment.

Every field carries its description, from which the JSON Schema is made, and the words for what is allowed in it, from
which the errors are made.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.manifests import schedule as timing
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.problems import Path
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.rules import faults
from ansible_collections.hotpass.prefect.plugins.module_utils.manifests.schedule import Schedule
from ansible_collections.hotpass.prefect.plugins.module_utils.third_party_manifests import (
    BaseModel,
    ConfigDict,
    Field,
    PydanticCustomError,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    field_validator,
    model_validator,
)

RULES_CHECKED: t.Final = {"rules": "checked"}
"""The validation context of a caller that has gone through :func:`rules.faults` itself."""

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
FLOW_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*$"
# Prefect's rule, and not blank: the server answers 500 to a deployment's name that breaks it, and accepts an empty one.
NAME_PATTERN = r"^[^/%&><]*[^/%&><\s][^/%&><]*$"
ARTIFACT_PATTERN = r"^[a-z0-9]+(-[a-z0-9]+)*$"
STEP_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+$"


@dataclasses.dataclass(frozen=True)
class Allowed:
    """What a field may hold, in the words of an error message."""

    text: str


_FLOW = "The import path of the flow, as `package.module:function`."
_A_FLOW = Allowed("package.module:function, such as hotpass.orchestration:refinement_pipeline_flow")
_A_NAME = Allowed("a name: text that is not blank, without / % & > <")
_A_TEXT = Allowed("text that is not empty")
_AN_ARTIFACT_KEY = Allowed("lower-case letters, digits and dashes between them")
_ANY_TEXT = Allowed("text")
_A_SWITCH = Allowed("true or false")
_A_NUMBER = Allowed("a number")
_VALUES = Allowed("a mapping of JSON values")

_Text = t.Annotated[StrictStr, Field(min_length=1)]
_Name = t.Annotated[StrictStr, Field(pattern=NAME_PATTERN)]
_Id = t.Annotated[StrictStr, Field(pattern=ID_PATTERN)]
_Flow = t.Annotated[StrictStr, Field(pattern=FLOW_PATTERN)]
_Scalar = StrictBool | StrictInt | StrictFloat | StrictStr
# ansible-test's pylint refuses | outside annotations.
_Seconds = t.Union[t.Annotated[StrictInt, Field(gt=0)], t.Annotated[StrictFloat, Field(gt=0)]]  # noqa: UP007
_StepName = t.Annotated[StrictStr, Field(pattern=STEP_PATTERN)]
_Parameters = dict[StrictStr, t.Any]
_Step = t.Annotated[dict[_StepName, _Parameters], Field(min_length=1, max_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SingleSchedule(_Strict):
    """When the deployment runs. A manifest with more than one schedule has `schedules` instead."""

    kind: t.Annotated[StrictStr, Allowed(", ".join(timing.KINDS))] = Field(
        default="cron", description="What `value` holds: `cron`, `interval` or `rrule`, in upper or lower case."
    )
    value: t.Annotated[t.Any, Allowed("a cron expression, an interval, or an RRULE, as kind says")] = Field(
        description=(
            "A cron expression with 5 to 7 fields; or the interval in seconds, or as a mapping of `weeks`, `days`, "
            "`hours`, `minutes` and `seconds`; or an RFC 5545 rule."
        )
    )
    timezone: t.Annotated[StrictStr | None, Allowed(timing.TIMEZONE)] = Field(
        default=None, description="The IANA time zone in which the schedule is read. Prefect means UTC without it."
    )
    anchor_date: t.Annotated[StrictStr | None, Allowed(timing.ANCHOR)] = Field(
        default=None,
        description=(
            "For an interval: the instant from which it is counted, in ISO 8601; UTC where it names no offset. "
            "Without it the server keeps the one it chose at first."
        ),
    )
    active: t.Annotated[StrictBool | None, _A_SWITCH] = Field(
        default=None, description="`false` pauses the deployment, `true` resumes it; left out, nobody touches it."
    )

    @field_validator("kind")
    @classmethod
    def _lower_case(cls, kind: str) -> str:
        return kind.lower()

    def normalised(self) -> Schedule:
        """The schedule in one form. Its `active` is None: the declared one speaks for the whole deployment."""
        return self._normalised(slug=timing.DEFAULT_SLUG)

    def _normalised(self, **more: t.Any) -> Schedule:
        text = self.value.strip() if isinstance(self.value, str) else None
        return Schedule(
            kind=t.cast("t.Any", self.kind),
            cron=text if self.kind == "cron" else None,
            rrule=text if self.kind == "rrule" else None,
            interval_seconds=timing.interval_seconds(self.value) if self.kind == "interval" else None,
            timezone=self.timezone,
            anchor_date=timing.parse_anchor(self.anchor_date) if self.anchor_date else None,
            **more,
        )


class NamedSchedule(SingleSchedule):
    """One of several schedules of the deployment."""

    slug: t.Annotated[_Text, _A_TEXT] = Field(
        description="Names the schedule within the deployment, and tells it from the others when it changes."
    )
    active: t.Annotated[StrictBool | None, _A_SWITCH] = Field(
        default=None, description="Whether this schedule fires; left out, what was set in the UI stays."
    )
    parameters: t.Annotated[_Parameters, _VALUES] = Field(
        default_factory=dict, description="Laid over the deployment's parameters for the runs of this schedule."
    )
    max_scheduled_runs: t.Annotated[StrictInt | None, Field(ge=1, le=50), Allowed("a whole number from 1 to 50")] = (
        Field(default=None, description="How many future runs the server keeps ready.")
    )
    day_or: t.Annotated[StrictBool, _A_SWITCH] = Field(
        default=True,
        description="For cron: `true` fires when day of month or day of week matches, `false` when both do.",
    )

    @field_validator("parameters", mode="before")
    @classmethod
    def _null_is_empty(cls, value: t.Any) -> t.Any:
        return {} if value is None else value

    def normalised(self) -> Schedule:
        """The schedule in one form."""
        return self._normalised(
            slug=self.slug,
            active=self.active,
            parameters=self.parameters,
            max_scheduled_runs=self.max_scheduled_runs,
            day_or=self.day_or,
        )


class ConcurrencyOptions(_Strict):
    """What happens to a run that finds no free slot under the limit."""

    collision_strategy: t.Annotated[t.Literal["ENQUEUE", "CANCEL_NEW"], Allowed("ENQUEUE or CANCEL_NEW")] = Field(
        description="`ENQUEUE` lets the new run wait, `CANCEL_NEW` cancels it."
    )
    grace_period_seconds: t.Annotated[
        StrictInt | None, Field(ge=60, le=86_400), Allowed("a whole number from 60 to 86400")
    ] = Field(
        default=None,
        description="Seconds for infrastructure to start before the slot is taken back; else the server's setting.",
    )


class Expectation(_Strict):
    """What one number or word of a rehearsal's summary has to be. At least one of the three."""

    min: t.Annotated[StrictInt | StrictFloat | None, _A_NUMBER] = Field(
        default=None, description="The lowest value that passes."
    )
    max: t.Annotated[StrictInt | StrictFloat | None, _A_NUMBER] = Field(
        default=None, description="The highest value that passes."
    )
    equals: t.Annotated[_Scalar | None, Allowed("text, a number, true or false")] = Field(
        default=None, description="The only value that passes."
    )


class Rehearsal(_Strict):
    """One bounded run that a promotion makes to see the deployment work."""

    parameters: t.Annotated[_Parameters, _VALUES] = Field(
        default_factory=dict, description="Laid over the deployment's parameters for the rehearsal."
    )
    timeout: t.Annotated[_Seconds, Allowed("a number of seconds above 0")] = Field(
        default=600, description="Seconds after which the rehearsal counts as failed."
    )
    summary: t.Annotated[StrictStr, Field(pattern=ARTIFACT_PATTERN), Allowed(_AN_ARTIFACT_KEY.text)] = Field(
        default="summary", description="The key of the artifact in which the run leaves its summary, a JSON object."
    )
    expect: t.Annotated[
        dict[_Text, Expectation], Field(min_length=1), Allowed("a mapping of summary fields to min, max or equals")
    ] = Field(description="What the summary of the run has to say, by the names of its fields.")

    @field_validator("parameters", mode="before")
    @classmethod
    def _null_is_empty(cls, value: t.Any) -> t.Any:
        return {} if value is None else value


class Manifest(_Strict):
    """The desired state of one Prefect deployment, as a file or a task's options describe it."""

    id: t.Annotated[_Name, _A_NAME] = Field(description="Names the manifest among others.")
    name: t.Annotated[_Name, _A_NAME] = Field(description="The name of the deployment on the server.")
    flow: t.Annotated[_Flow | None, _A_FLOW] = Field(default=None, description=_FLOW)
    flow_name: t.Annotated[_Name | None, _A_NAME] = Field(
        default=None, description="The name of the flow on the server, where its code cannot be inspected."
    )
    description: t.Annotated[StrictStr | None, _ANY_TEXT] = Field(
        default=None, description="Shown in the UI, as Markdown."
    )
    tags: t.Annotated[tuple[_Text, ...], Allowed("a list of texts that are not empty")] = Field(
        default=(), description="Tags of the deployment and of its runs."
    )
    work_pool: t.Annotated[_Name | None, _A_NAME] = Field(
        default=None, description="The work pool whose workers run the flow."
    )
    work_queue: t.Annotated[_Name | None, _A_NAME] = Field(
        default=None, description="The queue of the work pool; `default` without it."
    )
    parameters: t.Annotated[_Parameters, _VALUES] = Field(
        default_factory=dict, description="Default parameters of the flow's runs; at most 512 KiB as JSON."
    )
    job_variables: t.Annotated[_Parameters, _VALUES] = Field(
        default_factory=dict,
        description="Overrides for the work pool's job template. Stored in clear: no secrets here.",
    )
    schedule: t.Annotated[SingleSchedule | None, Allowed("a mapping with kind and value")] = Field(
        default=None, description="The only schedule of the deployment. Excludes `schedules`."
    )
    schedules: t.Annotated[tuple[NamedSchedule, ...] | None, Allowed("a list of schedules, each with a slug")] = Field(
        default=None, description="The schedules of the deployment, each with its own `slug`. Excludes `schedule`."
    )
    concurrency_limit: t.Annotated[StrictInt | None, Field(ge=1), Allowed("a whole number from 1")] = Field(
        default=None,
        description="How many runs of the deployment may run at once. Excludes `global_concurrency_limit`.",
    )
    concurrency_options: t.Annotated[
        ConcurrencyOptions | None, Allowed("a mapping of collision_strategy and grace_period_seconds")
    ] = Field(default=None, description="What happens to a run over the limit. Needs a limit of either kind.")
    global_concurrency_limit: t.Annotated[_Name | None, _A_NAME] = Field(
        default=None, description="The name of a global limit shared with others. Excludes `concurrency_limit`."
    )
    paused: t.Annotated[StrictBool | None, _A_SWITCH] = Field(
        default=None, description="Whether the deployment is paused. Left out, what was set in the UI stays."
    )
    enforce_parameter_schema: t.Annotated[StrictBool, _A_SWITCH] = Field(
        default=True, description="Whether the server refuses runs whose parameters do not fit the flow."
    )
    parameter_openapi_schema: t.Annotated[_Parameters | None, Allowed("a mapping: a JSON Schema")] = Field(
        default=None, description="The schema of the flow's parameters, where its code cannot be inspected."
    )
    labels: t.Annotated[
        dict[_Text, _Scalar], Allowed("a mapping of names that are not empty to text, numbers, true or false")
    ] = Field(default_factory=dict, description="Labels of the deployment.")
    version: t.Annotated[_Text | None, _A_TEXT] = Field(
        default=None, description="The version of the deployment, as text: put numbers in quotes."
    )
    entrypoint: t.Annotated[_Text | None, _A_TEXT] = Field(
        default=None,
        description="Where a worker finds the flow: `path/to/file.py:function` or `package.module.function`.",
    )
    path: t.Annotated[_Text | None, _A_TEXT] = Field(
        default=None, description="The working directory of the flow's code, from which `entrypoint` is read."
    )
    pull_steps: t.Annotated[
        tuple[_Step, ...] | None, Allowed("a list of mappings, each from one step's import path to its inputs")
    ] = Field(default=None, description="What a worker does before each run to get the code: one step per item.")
    rehearsal: t.Annotated[Rehearsal | None, Allowed("a mapping of parameters, timeout, summary and expect")] = Field(
        default=None, description="Asks for one bounded run when promoted, and says what it has to show."
    )

    @model_validator(mode="before")
    @classmethod
    def _obey_rules(cls, document: t.Any, info: t.Any) -> t.Any:
        if info.context is not RULES_CHECKED and isinstance(document, dict):
            for fault in faults(document):
                raise PydanticCustomError(
                    "manifest_rule", "allowed: {allowed}", {"path": fault.path, "allowed": fault.allowed}
                )
        return document

    @field_validator("parameters", "job_variables", mode="before")
    @classmethod
    def _null_is_empty(cls, value: t.Any) -> t.Any:
        return {} if value is None else value

    @property
    def declared(self) -> frozenset[str]:
        """The fields that the manifest's files declare, also those declared as null; and always ``id``."""
        return frozenset(self.model_fields_set - {"schema_reference", "extends"})

    def all_schedules(self) -> tuple[Schedule, ...]:
        """The schedules in one form; a single ``schedule`` has the slug ``default``."""
        if self.schedule is not None:
            return (self.schedule.normalised(),)
        return tuple(entry.normalised() for entry in self.schedules or ())

    def effective_paused(self) -> bool | None:
        """Whether the deployment is to be paused; None leaves it as it is on the server.

        ``paused`` decides where it is declared, else the ``active`` of a single ``schedule``.
        """
        if self.paused is not None:
            return self.paused
        if self.schedule is not None and self.schedule.active is not None:
            return not self.schedule.active
        return None


class FileManifest(Manifest):
    """The desired state of one Prefect deployment."""

    schema_reference: t.Annotated[StrictStr | None, Allowed("text")] = Field(
        default=None,
        alias="$schema",
        description="Where editors find the JSON Schema of manifests. Not used otherwise.",
    )
    extends: t.Annotated[_Id | None, Allowed("the id of a manifest in the base directory")] = Field(
        default=None,
        description="The id of the base manifest that this one patches: maps merge, lists replace, null removes.",
    )
    id: t.Annotated[_Id, Allowed("letters, digits, dot, dash and underscore, with a letter or digit first")] = Field(
        description="Selects the manifest, as in `flows: [refinement]`. Else the extended id, or the name of the file."
    )
    flow: t.Annotated[_Flow, _A_FLOW] = Field(description=_FLOW)


_SECTIONS: dict[tuple[str, ...], type[BaseModel]] = {
    ("schedule",): SingleSchedule,
    ("schedules", "*"): NamedSchedule,
    ("concurrency_options",): ConcurrencyOptions,
    ("rehearsal",): Rehearsal,
    ("rehearsal", "expect", "*"): Expectation,
}


def section(path: Path, root: type[Manifest]) -> type[BaseModel] | None:
    """The model whose fields stand under the path, or None for a place without fields of its own."""
    steps = ["*" if isinstance(step, int) else step for step in path]
    if steps[:2] == ["rehearsal", "expect"] and len(steps) > 2:
        steps[2] = "*"
    return _SECTIONS.get(tuple(steps)) if steps else root


def keys(model: type[BaseModel]) -> dict[str, str]:
    """The keys of a section as they are written in a manifest, each with what is allowed in it."""
    return {
        field.alias or name: next(mark.text for mark in field.metadata if isinstance(mark, Allowed))
        for name, field in model.model_fields.items()
    }
