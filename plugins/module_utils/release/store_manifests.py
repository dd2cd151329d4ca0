# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every store speaks of: descriptors, manifests, and its errors."""

from __future__ import annotations

import dataclasses
import json
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release.digests import canonical, digest_of, is_digest

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
RELEASE_TYPE = "application/vnd.hotpass.release.v1"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
# The config of an attachment, which has nothing to configure; the bytes are those of the OCI image specification.
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
EMPTY = b"{}"
# The specification asks registries to take manifests of this size; larger ones are refused, read or written.
LARGEST_MANIFEST = 4 * 1024 * 1024


class StoreError(CollectionError):
    """A store cannot be used as asked."""


class Corrupt(StoreError):
    """What a store holds is not what its name says.

    :ivar blob: the digest, or the file, that is not to be trusted.
    """

    def __init__(self, address: str, blob: str, fault: str) -> None:
        super().__init__(f"{blob} in the store {address} is not to be trusted: {fault}.")
        self.blob = blob
        self.fault = fault


class Transient(StoreError):
    """No answer, or one that may be another next time; sending again a few times did not help.

    :ivar answered: whether there was an answer, such as status 500.
    """

    def __init__(self, message: str, *, answered: bool) -> None:
        super().__init__(message)
        self.answered = answered


class NotInStore(StoreError):
    """A store does not hold what was asked for.

    :ivar blob: the digest that it lacks.
    """

    def __init__(self, address: str, blob: str, message: str = "") -> None:
        super().__init__(
            message or f"{blob} is not in the store {address}; copy it there, or name the store that has it."
        )
        self.blob = blob


class NoStore(NotInStore):
    """There is no store at the address, so nothing is in it."""

    def __init__(self, address: str) -> None:
        super().__init__(
            address, address, f"There is no store at {address} yet; the first release that is written there makes it."
        )


@dataclasses.dataclass(frozen=True)
class Descriptor:
    """What one part of an artifact is: its media type, its digest, its size in bytes."""

    media_type: str
    digest: str
    size: int
    artifact_type: str | None = None
    annotations: t.Mapping[str, str] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, data: bytes, media_type: str) -> Descriptor:
        """The descriptor of some bytes."""
        return cls(media_type, digest_of(data), len(data))

    @classmethod
    def from_json(cls, value: t.Any) -> Descriptor:
        """Read a descriptor; members that are of no use here are left out.

        :raises ValueError: saying what is wrong with it.
        """
        if not isinstance(value, dict):
            raise ValueError("a descriptor is no mapping")
        media_type, digest, size = value.get("mediaType"), value.get("digest"), value.get("size")
        if not isinstance(media_type, str) or not media_type:
            raise ValueError("a descriptor has no mediaType")
        if not is_digest(digest):
            raise ValueError("a descriptor's digest is not sha256: and 64 hexadecimal digits")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise ValueError("a descriptor's size is no number of bytes")
        return cls(media_type, str(digest), size, _text(value, "artifactType"), _annotations(value))

    def to_json(self) -> dict[str, t.Any]:
        """The descriptor as JSON has it; what is not set is left out."""
        document: dict[str, t.Any] = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        if self.artifact_type is not None:
            document["artifactType"] = self.artifact_type
        if self.annotations:
            document["annotations"] = dict(self.annotations)
        return document


@dataclasses.dataclass(frozen=True)
class Manifest:
    """An OCI image manifest: a release, or an attachment, which names its subject."""

    descriptor: Descriptor
    config: Descriptor
    layers: tuple[Descriptor, ...]
    subject: Descriptor | None
    annotations: t.Mapping[str, str]

    @property
    def digest(self) -> str:
        """The digest of its bytes."""
        return self.descriptor.digest

    @property
    def artifact_type(self) -> str:
        """Its kind: ``artifactType``, else the media type of its config, as the specification says."""
        return self.descriptor.artifact_type or self.config.media_type

    @property
    def is_release(self) -> bool:
        """Whether it is a release, and neither attached to one nor anything else that is kept beside them."""
        return self.subject is None and self.artifact_type == RELEASE_TYPE

    @property
    def parts(self) -> tuple[Descriptor, ...]:
        """Its config and its layers, each blob once."""
        return tuple({part.digest: part for part in (self.config, *self.layers)}.values())

    @classmethod
    def parse(cls, data: bytes) -> Manifest:
        """Read a manifest.

        :raises ValueError: saying why the bytes are none.
        """
        if len(data) > LARGEST_MANIFEST:
            raise ValueError(f"a manifest has at most {LARGEST_MANIFEST} bytes")
        document = parse_json(data)
        if not isinstance(document, dict) or document.get("schemaVersion") != 2:
            raise ValueError("it is no OCI image manifest")
        if document.get("mediaType") != MANIFEST_TYPE:
            raise ValueError(f"its mediaType is not {MANIFEST_TYPE}, the only kind of manifest that is used here")
        layers = document.get("layers")
        if not isinstance(layers, list):
            raise ValueError("it has no list of layers")
        subject = document.get("subject")
        return cls(
            descriptor=Descriptor(
                MANIFEST_TYPE, digest_of(data), len(data), _text(document, "artifactType"), _annotations(document)
            ),
            config=Descriptor.from_json(document.get("config")),
            layers=tuple(Descriptor.from_json(layer) for layer in layers),
            subject=None if subject is None else Descriptor.from_json(subject),
            annotations=_annotations(document),
        )


def hashed(address: str, digest: str, data: bytes) -> bytes:
    """The bytes, after hashing them.

    :raises Corrupt: when they are not those that the digest names.
    """
    if digest_of(data) != digest:
        raise Corrupt(address, digest, f"its {len(data)} bytes do not hash to its name")
    return data


def parsed(address: str, digest: str, data: bytes) -> Manifest:
    """A manifest, of bytes that were hashed.

    :raises StoreError: when they are none.
    """
    try:
        return Manifest.parse(data)
    except ValueError as error:
        raise StoreError(f"{digest} in the store {address} cannot be used as a manifest: {error}.") from None


def referrer(
    subject: Descriptor, artifact_type: str, data: bytes, media_type: str, annotations: t.Mapping[str, str] | None
) -> bytes:
    """The manifest that attaches some bytes to a subject: the same input gives the same bytes."""
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "artifactType": artifact_type,
        "config": Descriptor.of(EMPTY, EMPTY_TYPE).to_json(),
        "layers": [Descriptor.of(data, media_type).to_json()],
        "subject": Descriptor(subject.media_type, subject.digest, subject.size).to_json(),
    }
    if annotations:
        document["annotations"] = dict(annotations)
    return canonical(document)


def release_tag(digest: str) -> str:
    """The tag that other tools find a release by: ``release-`` and the digest's hexadecimal digits."""
    return f"release-{digest.removeprefix('sha256:')}"


def tag_of(manifest: Manifest) -> str:
    """The tag of a manifest that is attached to nothing: that of a release, or ``kept-`` and the digits."""
    tag = release_tag(manifest.digest)
    return tag if manifest.is_release else tag.replace("release", "kept", 1)


def parse_json(data: bytes) -> t.Any:
    """A JSON document in which no mapping has a key twice, which readers take to mean different things.

    :raises ValueError: when it is none.
    """
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_unique)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeDecodeError:
        raise ValueError("it is no UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON ({error.msg})") from None


def _unique(pairs: list[tuple[str, t.Any]]) -> dict[str, t.Any]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise ValueError("a key is there twice")
    return mapping


def _text(document: t.Mapping[str, t.Any], key: str) -> str | None:
    value = document.get(key)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{key} is no text")
    return value


def _annotations(document: t.Mapping[str, t.Any]) -> dict[str, str]:
    value = document.get("annotations", {})
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise ValueError("annotations are no mapping of texts")
    return value
