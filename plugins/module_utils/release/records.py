# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The records of a ring's ledger: what one says, how it is written down, and how it is read back.

A record is immutable. Its name, its digest, is that of its canonical JSON; the record after it holds that digest.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import functools
import re
import secrets
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release.details import check_detail
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical, check_digest, digest_of
from ansible_collections.hotpass.prefect.plugins.module_utils.release.states import State

GENESIS: t.Final = f"sha256:{'0' * 64}"
"""What the first record of a ledger holds in place of the digest of the record before it."""
TAG: t.Final = "hotpass-ledger"
LARGEST: t.Final = 4_900
"""Bytes of canonical JSON in one record; a Prefect variable holds 5,000."""

Json = dict[str, t.Any]
_NAME = re.compile(r"[a-z0-9](?:-?[a-z0-9])*")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_TOKEN = re.compile(r"[0-9a-f]{16,64}")
_LONGEST_NAME = 64
_LONGEST_ACTOR = 100


class Kind(enum.StrEnum):
    """What a generation is for."""

    PROMOTE = "promote"
    ROLLBACK = "rollback"


class Event(enum.StrEnum):
    """What a record says."""

    TRANSITION = "transition"
    PERMIT = "permit"
    APPROVAL = "approval"
    VETO = "veto"
    HOLD = "hold"
    CHECKPOINT = "checkpoint"


_FOR_A_RELEASE = frozenset({Event.PERMIT, Event.APPROVAL, Event.VETO, Event.HOLD})
_FOR_A_GENERATION = frozenset({Event.TRANSITION, Event.PERMIT, Event.APPROVAL})


def now() -> str:
    """This moment as records write it: ISO 8601, UTC, microseconds, ``Z``."""
    moment = datetime.datetime.now(datetime.UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def new_token() -> str:
    """What tells one attempt to write a record from everybody else's: 32 random hexadecimal digits."""
    return secrets.token_hex(16)


def check_name(text: t.Any, what: str) -> str:
    """The name of a ring or of a solution.

    :raises CollectionError: when it is none, naming ``what``.
    """
    if not isinstance(text, str) or len(text) > _LONGEST_NAME or not _NAME.fullmatch(text):
        raise CollectionError(
            f"{what} is {str(text)[:100]!r}; allowed are lower case letters, digits and single hyphens between them, "
            f"at most {_LONGEST_NAME}."
        )
    return text


def variable_prefix(solution: str, ring: str) -> str:
    """How the names of all variables of one ledger begin, and of nothing else: names have no underscore."""
    return f"ring_{ring}_{solution}_"


def variable_name(solution: str, ring: str, sequence: int) -> str:
    """The variable that holds a record."""
    return f"{variable_prefix(solution, ring)}{sequence:08d}"


@dataclasses.dataclass(frozen=True)
class Actor:
    """Who did something.

    :param name: of the person or the service.
    :param key_id: of the key that signs for them.
    :param user: of the automation platform (AWX).
    :param job: of the automation platform.
    """

    name: str
    key_id: str | None = None
    user: str | None = None
    job: str | None = None

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is None and field.name != "name":
                continue
            if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_ACTOR or not value.isprintable():
                raise CollectionError(
                    f"The actor's {field.name} is {str(value)[:120]!r}; it must be printable text of 1 to "
                    f"{_LONGEST_ACTOR} characters."
                )

    def to_json(self) -> Json:
        """What is known of the actor."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value is not None}

    @classmethod
    def from_json(cls, document: t.Any) -> Actor:
        """The actor that a record names.

        :raises CollectionError: for an unknown key or a wrong type.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        if not isinstance(document, dict) or not {"name"} <= document.keys() <= known or None in document.values():
            raise CollectionError(f"The actor is {str(document)[:200]}; it must have a name, and only {sorted(known)}.")
        return cls(**document)


@dataclasses.dataclass(frozen=True)
class Draft:
    """What a caller wants a record to say; the ledger adds place, time and token.

    :param kind: and ``state`` belong to a transition, and only to one.
    """

    event: Event
    generation: int
    actor: Actor
    kind: Kind | None = None
    state: State | None = None
    release: str | None = None
    detail: Json = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Record:
    """One line of a ledger.

    :param sequence: its place, from 1.
    :param generation: the one it is about; 0 when it is about none.
    :param release: the digest it is about.
    :param previous: digest of the record before it; :data:`GENESIS` for the first.
    :param at: when the writer wrote it, by the writer's clock.
    :param token: random, the writer's own.
    :param detail: depends on the event, see ``release/details.py``.
    :raises CollectionError: when a field cannot be what it should, or the record is too long.
    """

    solution: str
    ring: str
    sequence: int
    generation: int
    kind: Kind | None
    event: Event
    state: State | None
    release: str | None
    previous: str
    at: str
    actor: Actor
    token: str
    detail: Json

    def __post_init__(self) -> None:
        check_name(self.solution, "The solution")
        check_name(self.ring, "The ring")
        numbers: list[tuple[str, t.Any, int]] = [("sequence", self.sequence, 1), ("generation", self.generation, 0)]
        for what, number, least in numbers:
            if not isinstance(number, int) or isinstance(number, bool) or not least <= number < 10**8:
                raise CollectionError(f"The record's {what} is {number!r}; it must be a whole number from {least} on.")
        check_digest(self.previous, "The digest of the record before")
        if self.release is not None:
            check_digest(self.release, "The record's release")
        if not _is_time(self.at):
            raise CollectionError(f"The record's time is {self.at!r}; it must be like 2026-01-31T10:20:30.123456Z.")
        if not _is_token(self.token):
            raise CollectionError("The record's token must be 16 to 64 hexadecimal digits.")
        self._check_event()
        check_detail(self.event.value, self.detail)
        if self.size > LARGEST:
            raise CollectionError(
                f"A record of {self.size} bytes was asked for, {self._what()}; {LARGEST} fit into a Prefect variable. "
                "Keep what is long in the store, and its digest in the record."
            )

    def _check_event(self) -> None:
        transition = self.event is Event.TRANSITION
        if (self.kind is not None, self.state is not None) != (transition, transition):
            raise CollectionError(
                f"A record has a kind and a state when it is a transition, and {self._what()} is not."
            )
        if self.event in _FOR_A_GENERATION and not self.generation:
            raise CollectionError(f"A record of {self._what()} needs the number of a generation.")
        if self.event in _FOR_A_RELEASE and self.release is None:
            raise CollectionError(f"A record of {self._what()} needs the digest of a release.")

    def _what(self) -> str:
        return f"{self.event.value} {self.state.value if self.state else ''}".rstrip()

    @functools.cached_property
    def _bytes(self) -> bytes:
        try:
            written = canonical(self.to_json())
        except ValueError as error:
            raise CollectionError(f"A record of {self._what()} cannot be written down: {error}.") from None
        if b"\\u0000" in written.replace(b"\\\\", b""):
            raise CollectionError(f"A record of {self._what()} holds a NUL character, which not every database keeps.")
        return written

    @property
    def size(self) -> int:
        """Bytes of its canonical JSON."""
        return len(self._bytes)

    @functools.cached_property
    def digest(self) -> str:
        """Of its canonical JSON."""
        return digest_of(self._bytes)

    @property
    def variable(self) -> str:
        """The Prefect variable that holds it."""
        return variable_name(self.solution, self.ring, self.sequence)

    def to_json(self) -> Json:
        """The document that is kept, every field in it."""
        return {
            "solution": self.solution,
            "ring": self.ring,
            "sequence": self.sequence,
            "generation": self.generation,
            "kind": self.kind.value if self.kind else None,
            "event": self.event.value,
            "state": self.state.value if self.state else None,
            "release": self.release,
            "previous": self.previous,
            "at": self.at,
            "actor": self.actor.to_json(),
            "token": self.token,
            "detail": self.detail,
        }

    @classmethod
    def from_json(cls, document: t.Any) -> Record:
        """The record that a document is.

        :raises CollectionError: for a missing or unknown key, a wrong type, or a value that cannot be.
        """
        if not isinstance(document, dict):
            raise CollectionError(f"A record must be a JSON object, not {type(document).__name__}.")
        wanted = {field.name for field in dataclasses.fields(cls)}
        for what, keys in (("lacks", wanted - document.keys()), ("has the unknown key", document.keys() - wanted)):
            if keys:
                raise CollectionError(f"The record {what} {', '.join(sorted(map(str, keys)))[:200]}.")
        fields = dict(document)
        fields["kind"] = None if fields["kind"] is None else _member(Kind, fields["kind"], "kind")
        fields["state"] = None if fields["state"] is None else _member(State, fields["state"], "state")
        fields["event"] = _member(Event, fields["event"], "event")
        fields["actor"] = Actor.from_json(fields["actor"])
        return cls(**fields)


def describe(record: Record) -> str:
    """A record for a sentence: its place, what it says, by whom and when."""
    what = record.event.value
    if record.state is not None and record.kind is not None:
        what = f"{record.kind.value} {record.state.value}"
    about = f" of generation {record.generation}" if record.generation else ""
    release = f", release {short(record.release)}" if record.release else ""
    return f"record {record.sequence} ({what}{about}{release}) by {record.actor.name} at {record.at}"


def short(digest: str) -> str:
    """A digest for a sentence: its first twelve digits."""
    return digest[: len("sha256:") + 12]


def _is_time(text: t.Any) -> bool:
    if not isinstance(text, str) or not _TIME.fullmatch(text):
        return False
    try:
        datetime.datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_token(text: t.Any) -> bool:
    return isinstance(text, str) and _TOKEN.fullmatch(text) is not None


_E = t.TypeVar("_E", bound=enum.Enum)


def _member(kind: type[_E], value: t.Any, what: str) -> _E:
    try:
        return kind(value)
    except ValueError:
        allowed = ", ".join(str(member.value) for member in kind)
        raise CollectionError(f"The record's {what} is {str(value)[:100]!r}; allowed are {allowed}.") from None
