# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One ring and all that can happen to it next: actors, runs, time."""

from __future__ import annotations

import typing as t

from ansible_collections.hotpass.prefect.plugins.module_utils.release.fold import Illegal

from tests.model.actors import RECONCILER, Append, Next, Write, decide, deploy
from tests.model.fences import NOTHING, Pair, pair_of
from tests.model.invariants import Problem, at_once, growth
from tests.model.ledger import (
    APPROVED,
    AWAITING,
    DEPLOYING,
    REJECTION,
    Book,
    Ledger,
    Step,
    promotion,
)
from tests.model.runs import Moment, RunAt, steps
from tests.model.settings import COMPARE, OVERWRITE, Settings
from tests.model.words import letter, say, say_step

Local = Append | Write | RunAt | None


# What an actor's step makes of the ledger or the objects, and of the actor; the fourth of a writing counts failures.
_Appending = tuple[str, int, bool, int, tuple[Problem, ...]]
_Writing = tuple[str, tuple[Pair, ...], int, int, tuple[Problem, ...]]


class State(t.NamedTuple):
    """One moment. What is an ``int`` and no count is a number in one of the world's lists.

    :param late: whether what was granted to the generation under way has expired.
    :param objects: what each deployment names.
    :param seen: the newest pair that a run was let in with as Active.
    :param failures: how many writes may still fail.
    :param actors: what each is about to do; 0 is nothing.
    :param starts: how often each may still be started.
    :param runs: where each is.
    """

    ledger: int
    late: bool
    objects: tuple[Pair, ...]
    seen: Pair
    failures: int
    actors: tuple[int, ...]
    starts: tuple[int, ...]
    runs: tuple[int, ...]


class Successor(t.NamedTuple):
    """What can happen next, in words, what is then, and what is wrong with it."""

    label: str
    state: State
    problems: tuple[Problem, ...] = ()


class World:
    """All that can happen in one ring.

    :ivar ledgers: every ledger reached so far, by its number.
    """

    def __init__(self, settings: Settings, book: Book | None = None) -> None:
        self.settings = settings
        self.book = book or Book()
        self.ledgers: list[Ledger] = []
        self._ledger_numbers: dict[Ledger, int] = {}
        self._locals: list[Local] = [None]
        self._local_numbers: dict[Local, int] = {None: 0}
        self._stale: dict[int, int] = {}
        self._decided: dict[tuple[int, int, bool, bool], list[int]] = {}
        self._appended: dict[tuple[int, int, bool, int], list[_Appending]] = {}
        self._written: dict[tuple[int, int, tuple[Pair, ...]], list[_Writing]] = {}
        self._run_steps: dict[tuple[t.Any, ...], list[tuple[str, int, Pair, tuple[Problem, ...]]]] = {}
        self._judged: dict[tuple[int, bool, tuple[Pair, ...]], tuple[Problem, ...]] = {}

    def begin(self) -> State:
        """The first moment: what was Active before is applied everywhere, and nobody has started."""
        ledger = Ledger()
        for digest in self.settings.history:
            for step in promotion(len(ledger.generations) + 1, digest):
                ledger = self.book.append(ledger, step)
        own = self.settings
        return State(
            ledger=self.number_of(ledger),
            late=False,
            objects=(pair_of(ledger, ledger.active),) * own.objects,
            seen=NOTHING,
            failures=own.failures,
            actors=(0,) * len(own.roles),
            starts=tuple(role.starts for role in own.roles),
            runs=(0,) * (own.plain + own.tagged),
        )

    def successors(self, state: State) -> list[Successor]:
        """Everything that can happen next."""
        found: list[Successor] = []
        for index in range(len(state.actors)):
            self._start(state, index, found)
            local = self._locals[state.actors[index]]
            if isinstance(local, Append):
                self._append(state, index, found)
            elif isinstance(local, Write):
                self._write(state, index, found)
        self._pass_time(state, found)
        for index in range(len(state.runs)):
            self._run(state, index, found)
        return found

    def judge(self, state: State) -> tuple[Problem, ...]:
        """What is wrong with a moment as such (I1)."""
        key = state.ledger, state.late, state.objects
        if key not in self._judged:
            ledger = self.ledgers[state.ledger]
            self._judged[key] = at_once(self.settings.fence, ledger, state.late, state.objects)
        return self._judged[key]

    def number_of(self, ledger: Ledger) -> int:
        """The number of a ledger in this world."""
        if ledger not in self._ledger_numbers:
            self._ledger_numbers[ledger] = len(self.ledgers)
            self.ledgers.append(ledger)
        return self._ledger_numbers[ledger]

    def _local(self, local: Local) -> int:
        if local not in self._local_numbers:
            self._local_numbers[local] = len(self._locals)
            self._locals.append(local)
        return self._local_numbers[local]

    def _decide(self, index: int, ledger: int, late: bool, begun: bool) -> list[int]:
        key = index, ledger, late, begun
        if key not in self._decided:
            own = self.settings
            nexts: list[Next] = decide(own.rules, own.roles[index], self.ledgers[ledger], late, begun)
            view = ledger if own.append == OVERWRITE else 1
            self._decided[key] = [self._local(plan._replace(view=view)) for plan in nexts]
        return self._decided[key]

    def _name(self, index: int) -> str:
        role = self.settings.roles[index]
        return f"{role.name} of {letter(role.digest)}" if role.digest else role.name

    def _start(self, state: State, index: int, found: list[Successor]) -> None:
        left = state.starts[index]
        if not left:
            return
        role = self.settings.roles[index]
        twin = index and role._replace(digest=0) == self.settings.roles[index - 1]._replace(digest=0)
        if twin and left == state.starts[index - 1] == role.starts:
            # Two promoters that nobody has seen yet differ in name only: the earlier one comes first.
            return
        busy = state.actors[index] != 0
        how = "dies and is run again" if busy else "starts" if left == role.starts else "is run again"
        starts = _with(state.starts, index, left - 1)
        for local in self._decide(index, state.ledger, state.late, False):
            plan = self._locals[local]
            repairs = isinstance(plan, Write) and plan.then is None
            if repairs and all(pair == t.cast("Write", plan).pair for pair in state.objects):
                continue
            if local != state.actors[index]:
                actors = _with(state.actors, index, local)
                label = f"{self._name(index)} {how}, reads the ledger, and is about to {self._plan(local)}"
                found.append(Successor(label, state._replace(actors=actors, starts=starts)))

    def _append(self, state: State, index: int, found: list[Successor]) -> None:
        mine = state.actors[index]
        key = index, state.ledger, state.late, mine
        if key not in self._appended:
            self._appended[key] = self._outcomes(index, state.ledger, state.late, mine)
        before, _late, objects, seen, failures, actors, starts, runs = state
        for label, ledger, late, local, problems in self._appended[key]:
            others = actors
            if ledger != before and self.settings.append == COMPARE:
                others = tuple([self._stale.get(other) or self._made_stale(other) for other in actors])
            after = _with(others, index, local)
            changed = State(ledger, late, objects, seen, failures, after, starts, runs)
            found.append(Successor(label, changed, problems))

    def _outcomes(self, index: int, before: int, late: bool, mine: int) -> list[_Appending]:
        own, who = self.settings, self._name(index)
        pending = t.cast("Append", self._locals[mine])
        unread = own.unread and own.roles[index].name == RECONCILER
        if own.append == COMPARE and not pending.view and not unread:
            found = []
            for local in self._decide(index, before, late, True):
                label = f"{who} reads the ledger again, and is about to {self._plan(local)}"
                found.append((label, before, late, local, ()))
            if own.loser_goes_on and pending.step.value == DEPLOYING:
                going_on = self._local(deploy(self.ledgers[before], pending.step.number, lost=True))
                found.append((f"{who} loses the append of Deploying, and goes on", before, late, going_on, ()))
            return found
        base = self.ledgers[pending.view if own.append == OVERWRITE else before]
        label = f"{who} appends {say_step(pending.step)}"
        try:
            after = self.book.append(base, pending.step)
        except Illegal as error:
            return [(label, before, late, 0, (("I4", str(error)),))]
        problems = growth(self.ledgers[before], after)
        number = self.number_of(after)
        late = late and after.under_way == self.ledgers[before].under_way and pending.step.event != "permit"
        nexts = self._decide(index, number, late, True) or [0]
        return [(label + self._then(local), number, late, local, problems) for local in nexts]

    def _made_stale(self, local: int) -> int:
        plan = self._locals[local]
        self._stale[local] = self._local(plan._replace(view=0)) if isinstance(plan, (Append, Write)) else local
        return self._stale[local]

    def _write(self, state: State, index: int, found: list[Successor]) -> None:
        key = index, state.actors[index], state.objects
        if key not in self._written:
            self._written[key] = self._writings(
                index, t.cast("Write", self._locals[state.actors[index]]), state.objects
            )
        ledger, late, _objects, seen, failures, actors, starts, runs = state
        for label, objects, local, failed, problems in self._written[key]:
            if failed <= failures:
                after = _with(actors, index, local)
                changed = State(ledger, late, objects, seen, failures - failed, after, starts, runs)
                found.append(Successor(label, changed, problems))

    def _writings(self, index: int, plan: Write, objects: tuple[Pair, ...]) -> list[_Writing]:
        who = self._name(index)
        if plan.index == len(objects):
            fits = all(pair == plan.pair for pair in objects)
            step = plan.then if fits else plan.otherwise
            local = self._local(Append(step, plan.view)) if step else 0
            label = f"{who} reads the objects back: {', '.join(map(say, objects))}{self._then(local)}"
            return [(label, objects, local, 0, ())]
        problems: tuple[Problem, ...] = ()
        if plan.lost:
            problems = (("I6", f"object {plan.index + 1} is written by a loser that knows it has lost"),)
        label = f"{who} lets object {plan.index + 1} name {say(plan.pair)} (it named {say(objects[plan.index])})"
        going_on = self._local(plan._replace(index=plan.index + 1))
        failing = self._local(Append(plan.otherwise, plan.view)) if plan.otherwise else 0
        return [
            (label, _with(objects, plan.index, plan.pair), going_on, 0, problems),
            (f"{who} cannot write object {plan.index + 1}{self._then(failing)}", objects, failing, 1, ()),
        ]

    def _pass_time(self, state: State, found: list[Successor]) -> None:
        ledger = self.ledgers[state.ledger]
        number = ledger.under_way
        if not number:
            return
        own = ledger.at(number)
        waiting = own.state == AWAITING
        if not state.late and (own.permit or waiting):
            what = "wait for approval" if waiting else "permit"
            found.append(Successor(f"the {what} of generation {number} expires", state._replace(late=True)))
        if waiting and not own.answer and not state.late:
            actors = tuple(self._made_stale(other) for other in state.actors)
            for answer in (APPROVED, REJECTION):
                step = Step("answer", number, own.kind, own.digest, answer)
                after = self.number_of(self.book.append(ledger, step))
                label = f"an approver appends {say_step(step)}"
                found.append(Successor(label, state._replace(ledger=after, actors=actors)))

    def _run(self, state: State, index: int, found: list[Successor]) -> None:
        ledger, late, objects, seen, failures, actors, starts, runs = state
        key = ledger, late, objects, seen, runs[index], index
        if key not in self._run_steps:
            own = self.settings
            now = Moment(self.ledgers[ledger], late, objects, seen)
            at = t.cast("RunAt | None", self._locals[runs[index]])
            self._run_steps[key] = [
                (f"run {index + 1} {label}", self._local(after), saw, problems)
                for label, after, saw, problems in steps(own.fence, own.by_name, now, at, index >= own.plain)
            ]
        for label, after, saw, problems in self._run_steps[key]:
            changed = State(ledger, late, objects, saw, failures, actors, starts, _with(runs, index, after))
            found.append(Successor(label, changed, problems))

    def _plan(self, local: int) -> str:
        plan = self._locals[local]
        if isinstance(plan, Append):
            return f"append {say_step(plan.step)}"
        return f"let the objects name {say(t.cast('Write', plan).pair)}"

    def _then(self, local: int) -> str:
        return f"; is about to {self._plan(local)}" if local else ""


def _with(values: tuple[t.Any, ...], index: int, value: t.Any) -> tuple[t.Any, ...]:
    return (*values[:index], value, *values[index + 1 :])
