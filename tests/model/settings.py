# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a world of the model consists of, and how it can be made to be wrong."""

from __future__ import annotations

import dataclasses

from tests.model import fences
from tests.model.actors import DEFAULT_RULES, Role, Rules
from tests.model.fences import Fence

COMPARE, OVERWRITE, BLIND = "compare", "overwrite", "blind"


@dataclasses.dataclass(frozen=True)
class Settings:
    """What a world consists of.

    :param roles: the actors; promoters of the same number of starts stand in for each other, so the first comes first.
    :param history: digests that were Active before, oldest first.
    :param objects: how many deployments the release has.
    :param plain: how many runs at a time carry no tag; ``tagged`` how many carry a permit's.
    :param failures: how many writes may fail.
    :param append: ``compare`` and swap; ``overwrite`` what was read, as with one variable and PATCH; ``blind`` behind
        whatever is there.
    :param unread: whether the reconciler appends what it decided without a new read, whatever was appended meanwhile.
    :param loser_goes_on: whether one that lost the append of Deploying writes all the same.
    :param by_name: whether a run fetches what its deployment names by then, and not what the fence was asked for.
    """

    roles: tuple[Role, ...]
    rules: Rules = DEFAULT_RULES
    history: tuple[int, ...] = ()
    objects: int = 2
    plain: int = 1
    tagged: int = 0
    failures: int = 0
    append: str = COMPARE
    fence: Fence = fences.real
    unread: bool = False
    loser_goes_on: bool = False
    by_name: bool = False
