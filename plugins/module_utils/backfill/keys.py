# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Idempotency keys: what makes two runs of a window the same run."""

from __future__ import annotations

import hashlib
import json
import re
import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.backfill.windows import Window
from ansible_collections.hotpass.prefect.plugins.module_utils.errors import CollectionError

# They say which windows there are and how many run at once, not what a run of one window does.
NOT_OF_A_RUN = frozenset({"runs", "since", "until", "versions", "concurrency_limit", "concurrency_key"})

_BATCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")


def fingerprint(parameters: t.Mapping[str, t.Any]) -> str:
    """The first 12 hexadecimal digits of the SHA-256 of the parameters as canonical JSON.

    :param parameters: all that a run gets, those of its deployment included, so that a run under other ones is another
        run. The windows and the concurrency are left out.
    """
    own = {name: value for name, value in parameters.items() if name not in NOT_OF_A_RUN}
    text = json.dumps(own, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def checked_batch(batch: str | None) -> str | None:
    """The word that makes the same windows run anew.

    :raises CollectionError: when it cannot be part of a key.
    """
    if batch is not None and not _BATCH.match(batch):
        raise CollectionError(
            f"batch is {batch!r}; allowed is a letter or digit and then at most 63 letters, digits, dots, underscores "
            "and hyphens."
        )
    return batch


def run_key(deployment_id: str, print_: str, batch: str | None, window: Window, attempt: int = 1) -> str:
    """The key of one attempt at a window.

    The server holds keys per flow, so the deployment's id makes them the deployment's own. No batch begins with
    ``try=``, so no attempt is mistaken for one.
    """
    key = f"{deployment_id}:backfill:{window.date}:{window.version}:{print_}"
    if batch:
        key += f":{batch}"
    return key if attempt == 1 else f"{key}:try={attempt}"
