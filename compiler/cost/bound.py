"""The price of a derivative, bounded before it is taken: the cheap conservative gradient principle, per program.

Let P be a program of operations e with cost(e) by the table, differentiated in some inputs. JAX makes of every e that
carries a derivative the operations of its own rule, so with

    r(e) = cost of e together with its pull-back (its value, and its cotangents from one cotangent of its result)
    a(e) = entries of its arguments that carry a derivative
    o(e) = entries of its results that do

cost(value and reverse derivative of P) is at most Σ r(e) plus the additions that collect cotangents. A quantity v that
is used k(v) times gets k(v) cotangents, hence (k(v) − 1)|v| additions, and summed over all v

    Σ_v (k(v) − 1)|v|  =  Σ_e a(e) + (seeds: entries of the outputs) − Σ_e o(e) − (entries of the inputs).      (1)

Charge every operation that costs anything r(e) + a(e), one addition for each argument, and let

    ω = max over those e of (r(e) + a(e)) / cost(e).

(An array into which entries are added is an argument that is only moved: it is charged nothing, and its entries are
not in o(e).) What is left of (1) is the slack: − o(e) for each of them, and for an operation that costs nothing
r(e) + a(e) − o(e). That is 0 for reshape, transposition, cast, concatenation and broadcast (n entries made of m: n − m
additions, + m − n): fan-out and broadcasts are paid by the additions of those who use them. An output that is no more
than a moved input is paid by its seed. Only an operation that takes a part of an array (slice, gather) leaves more
behind than it brings, as its cotangent is added to the whole array. So with ν the sum of all that is left,

    cost(value and reverse derivative of P) ≤ ω cost(P) + max(ν, 0),        ν ≤ 0 unless P takes many small parts.

For the dictionary {+, ×, 1/x, exp, log, relu}: + has 1 + 2, × has 1 + 2 + 2, a quotient 2 + 4 + 2, a matrix product
(m, n, k) 6mnk + mk + kn for 2mnk, a sum (n − 1) + n for n − 1: ω ≤ 5. For forward derivatives nothing is collected:
each e costs what its own rule costs with one tangent, cost(value and forward derivative) ≤ ω_f cost(P).

Loops of known length multiply what they hold (what they close over is collected once an iteration, so it brings no
slack); of a choice the dearest branch counts on both sides, as it bounds whichever runs. An operation with a loop of
unknown length within (a solver) stands apart: its derivative is a rule of its own (one linear system), whose price has
nothing to do with that of an iteration, and the bound is for the rest of the program.

Sources: W. Baur, V. Strassen, The complexity of partial derivatives (1983); J. Bolte, R. Boustany, E. Pauwels,
B. Pesquet-Popescu, On the complexity of nonsmooth automatic differentiation (ICLR 2023).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from jax.extend.core import Jaxpr, JaxprEqn

from karush.compiler.cost.activity import Activity, activity, scan_activity
from karush.compiler.cost.count import count_op, dearest
from karush.compiler.cost.programs import CALLS, iterates, opened
from karush.compiler.cost.rules import Rules, name_of
from karush.compiler.cost.table import size


@dataclass
class Charge:
    """All operations of one name: how often, their cost, with a reverse and a forward derivative, and the worst ratios.

    ``reverse`` holds r + a, ``forward`` the cost with one tangent. ``active`` says whether any carries a derivative.
    """

    times: float = 0.0
    cost: float = 0.0
    reverse: float = 0.0
    forward: float = 0.0
    worst_reverse: float = 1.0
    worst_forward: float = 1.0
    active: bool = False


@dataclass
class Account:
    """What a program and its derivatives are charged.

    ``charges`` are those of the operations that cost anything, by name; ``apart`` of those with a loop of unknown
    length within, at one iteration; ``left`` is ν.
    """

    charges: dict[str, Charge] = field(default_factory=dict)
    apart: dict[str, Charge] = field(default_factory=dict)
    left: float = 0.0
    forward_moves: float = 0.0

    @property
    def cost(self) -> float:
        """The cost of the program without the operations that stand apart."""
        return sum(charge.cost for charge in self.charges.values())

    @property
    def reverse_ratio(self) -> float:
        """ω for reverse derivatives."""
        return max((charge.worst_reverse for charge in self.charges.values()), default=1.0)

    @property
    def forward_ratio(self) -> float:
        """ω for forward derivatives."""
        return max((charge.worst_forward for charge in self.charges.values()), default=1.0)

    @property
    def collecting(self) -> float:
        """max(ν, 0): additions that no operation with a cost pays."""
        return max(self.left, 0.0)

    def reverse_limit(self) -> float:
        """The proven bound on the program with its reverse derivative; what stands apart with its own price."""
        return self.reverse_ratio * self.cost + self.collecting + sum(c.reverse for c in self.apart.values())

    def forward_limit(self) -> float:
        """The proven bound on the program with its forward derivative."""
        return self.forward_ratio * self.cost + self.forward_moves + sum(c.forward for c in self.apart.values())


def account(jaxpr: Jaxpr, moving: Sequence[bool]) -> Account:
    """The account of a program differentiated in the inputs that are ``moving``; every float output has a cotangent."""
    found = activity(jaxpr, moving, [True] * len(jaxpr.outvars))
    book = Account()
    Bookkeeper(book, Rules()).program(jaxpr, found, 1.0)
    return book


@dataclass(frozen=True)
class Bookkeeper:
    """Enters programs in an account."""

    book: Account
    rules: Rules

    def program(self, jaxpr: Jaxpr, known: Activity, times: float, constants: int = 0) -> None:
        """A program that runs so many times; the first inputs may be constants of a loop, which bring no slack."""
        for eqn in jaxpr.eqns:
            self.operation(eqn, known, times)
        boundary = sum(size(v) for v in jaxpr.outvars if known.is_seeded(v))
        boundary -= sum(size(v) for v in jaxpr.invars[constants:] if known.carries(v))
        self.book.left += times * boundary

    def operation(self, eqn: JaxprEqn, known: Activity, times: float) -> None:
        """One operation, or the program that it calls."""
        name = eqn.primitive.name
        arguments, results = known.arguments(eqn), known.results(eqn)
        if name in CALLS:
            inner = opened(eqn.params[CALLS[name]])
            self.enter(eqn, inner, activity(inner, known.mask(eqn.invars), known.mask(eqn.outvars)), known, times)
        elif iterates(eqn) or not (arguments and results):
            self.leaf(eqn, arguments, results, times)
        elif name == "scan":
            constants, length = eqn.params["num_consts"], float(eqn.params["length"])
            inner = opened(eqn.params["jaxpr"])
            inside = scan_activity(eqn, known.mask(eqn.invars), known.mask(eqn.outvars))
            self.book.left += times * self.crossing(eqn, known)
            self.program(inner, inside, times * length, constants)
        elif name == "cond":
            self.choice(eqn, known, times)
        else:
            self.leaf(eqn, arguments, results, times)

    def enter(self, eqn: JaxprEqn, inner: Jaxpr, inside: Activity, known: Activity, times: float) -> None:
        """A program called by an operation."""
        self.book.left += times * self.crossing(eqn, known)
        self.program(inner, inside, times)

    @staticmethod
    def crossing(eqn: JaxprEqn, known: Activity) -> float:
        """What an operation that holds a program adds outside it: a use of every argument, less its results."""
        return sum(map(size, known.arguments(eqn))) - sum(map(size, known.results(eqn)))

    def choice(self, eqn: JaxprEqn, known: Activity, times: float) -> None:
        """The worst of each branch: its ratios, and what it leaves; the costs are those of the dearest."""
        books = []
        for branch in map(opened, eqn.params["branches"]):
            book = Account()
            inside = activity(branch, known.mask(eqn.invars[1:]), known.mask(eqn.outvars))
            Bookkeeper(book, self.rules).program(branch, inside, 1.0)
            books.append(book)
        branches = list(map(opened, eqn.params["branches"]))
        worst = books[branches.index(dearest(eqn))]
        for book in books:
            for name, charge in book.charges.items():
                entry = self.book.charges.setdefault(name, Charge())
                enter_charge(entry, charge, times if book is worst else 0.0)
            for name, charge in book.apart.items():
                enter_charge(self.book.apart.setdefault(name, Charge()), charge, times)
        self.book.left += times * (max(book.left for book in books) + self.crossing(eqn, known))
        self.book.forward_moves += times * max(book.forward_moves for book in books)

    def leaf(self, eqn: JaxprEqn, arguments: Sequence[Any], results: Sequence[Any], times: float) -> None:
        """One operation with its own rule."""
        cost = count_op(eqn)
        reverse = forward = cost
        active = bool(arguments and results)
        if active:
            reverse, forward = self.rules.reverse(eqn, arguments, results), self.rules.forward(eqn, arguments, results)
            moved = moved_along(eqn, arguments)
            reverse += sum(map(size, arguments)) - moved
            self.book.left -= times * (sum(map(size, results)) - moved)
        if cost == 0:
            self.book.left += times * reverse
            self.book.forward_moves += times * forward
            return
        charge = Charge(1.0, cost, reverse, forward, reverse / cost, forward / cost, active)
        books = self.book.apart if iterates(eqn) else self.book.charges
        enter_charge(books.setdefault(name_of(eqn), Charge()), charge, times)


def moved_along(eqn: JaxprEqn, arguments: Sequence[Any]) -> int:
    """The entries of an argument that an operation hands on as they are, but for those that it changes.

    Adding a few entries into an array is one such: the array's cotangent is that of the result.
    """
    whole = eqn.invars[0]
    return size(whole) if eqn.primitive.name.startswith("scatter") and whole in arguments else 0


def enter_charge(entry: Charge, charge: Charge, times: float) -> None:
    """Add a charge that comes so many times; its ratios count even where it comes 0 times."""
    entry.times += times * charge.times
    entry.cost += times * charge.cost
    entry.reverse += times * charge.reverse
    entry.forward += times * charge.forward
    entry.worst_reverse = max(entry.worst_reverse, charge.worst_reverse)
    entry.worst_forward = max(entry.worst_forward, charge.worst_forward)
    entry.active |= charge.active
