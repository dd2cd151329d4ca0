# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The room of ``hotpass_key``: one pair of keys, made when it is not there."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError
from ansible_collections.hotpass.prefect.plugins.module_utils.release import keys
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Context, Outcome


def ensure(params: dict[str, t.Any], context: Context) -> Outcome:
    """Make the pair unless the private file is there, and keep the public file equal to it.

    :raises CollectionError: for a file that is there and is no such key, or that cannot be read or written.
    """
    secrets = {params["passphrase"]} if params.get("passphrase") else set()
    try:
        return _carry_out(params, context, secrets)
    except CollectionError as error:
        error.details.setdefault("secrets", secrets)
        raise


def _carry_out(params: dict[str, t.Any], context: Context, secrets: set[str]) -> Outcome:
    path, public_path, passphrase = params["path"], params.get("public_path"), params.get("passphrase")
    name = keys.checked_key_name(params["name"], "name")
    if public_path is not None and os.path.realpath(public_path) == os.path.realpath(path):
        raise CollectionError(f"public_path and path are the same file, {path}; the two halves take one each.")
    found = keys.load_signing_key(path, passphrase, name) if os.path.lexists(path) else None
    published = _published(public_path)
    if found is None and not context.check:
        keys.create_key_pair(path, name, passphrase)
    made = keys.load_signing_key(path, passphrase, name) if found is None and not context.check else found
    stale = public_path is not None and (made is None or published != made.public_key)
    if stale and made is not None and not context.check:
        keys.write_public_key(t.cast("str", public_path), made.public_key)
    before = {"key_id": found.key_id if found else None, "public_key": published}
    after = {"key_id": made.key_id if made else "a new one", "public_key": made.public_key if made else "a new one"}
    if public_path is None:
        del before["public_key"], after["public_key"]
    changed = found is None or stale
    return Outcome(
        changed=changed,
        result={
            "name": name,
            "path": path,
            "key_id": made.key_id if made else None,
            "public_key": made.public_key if made else None,
        },
        diff=[{"before_header": path, "after_header": path, "before": before, "after": after}] if changed else [],
        secrets=secrets,
    )


def _published(public_path: str | None) -> str | None:
    """The key in the public file, as it is written here; None when there is no file."""
    if public_path is None or not os.path.lexists(public_path):
        return None
    what = f"The file {public_path}, which public_path names,"
    return keys.public_pem(keys.parse_public_key(keys.read_key_file(public_path), what))
