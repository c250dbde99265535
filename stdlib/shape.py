"""Sizes and shapes. A size is nominal: a polynomial in the names of dims with integer coefficients.

``m`` and ``d`` are different sizes even where the data make both 50; ``T + 1`` equals ``1 + T``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class CeilingQuotient:
    """max(0, ⌈numerator / divisor⌉): the length of a range with a step."""

    numerator: Size
    divisor: int

    def __str__(self) -> str:
        return f"ceil(({self.numerator}) / {self.divisor})"


Factor = str | CeilingQuotient
Monomial = tuple[Factor, ...]


@dataclass(frozen=True)
class Size:
    """Σ coefficient · Π factors, in a canonical order; the empty monomial carries the constant."""

    terms: tuple[tuple[Monomial, int], ...]

    @staticmethod
    def constant(value: int) -> Size:
        """The size that is a number."""
        return Size((((), value),) if value else ())

    @staticmethod
    def of(factor: Factor) -> Size:
        """The size that is one dim (or one quotient)."""
        return Size((((factor,), 1),))

    @staticmethod
    def collect(terms: list[tuple[Monomial, int]]) -> Size:
        """The canonical size of a sum of terms."""
        total: dict[Monomial, int] = {}
        for monomial, coefficient in terms:
            key = tuple(sorted(monomial, key=str)) if len(monomial) > 1 else monomial
            total[key] = total.get(key, 0) + coefficient
        kept = [(k, c) for k, c in total.items() if c]
        if len(kept) > 1:
            kept.sort(key=lambda t: (-len(t[0]), str(t[0])))
        return Size(tuple(kept))

    def __add__(self, other: Size) -> Size:
        if not self.terms or not other.terms:
            return self if self.terms else other
        return Size.collect([*self.terms, *other.terms])

    def __sub__(self, other: Size) -> Size:
        return self + Size(tuple([(monomial, -coefficient) for monomial, coefficient in other.terms]))

    def __mul__(self, other: Size) -> Size:
        return Size.collect([(a + b, x * y) for a, x in self.terms for b, y in other.terms])

    @property
    def value(self) -> int | None:
        """The number, where the size is one; else None."""
        if not self.terms:
            return 0
        return self.terms[0][1] if len(self.terms) == 1 and not self.terms[0][0] else None

    def evaluate(self, dims: Mapping[str, int]) -> int:
        """The number that the size has where the dims have these values."""
        total = 0
        for monomial, coefficient in self.terms:
            product = coefficient
            for factor in monomial:
                if isinstance(factor, CeilingQuotient):
                    product *= max(0, -(-factor.numerator.evaluate(dims) // factor.divisor))
                else:
                    product *= dims[factor]
            total += product
        return total

    def dims(self) -> frozenset[str]:
        """Names of the dims that occur."""
        found: set[str] = set()
        for monomial, _ in self.terms:
            for factor in monomial:
                found |= factor.numerator.dims() if isinstance(factor, CeilingQuotient) else {factor}
        return frozenset(found)

    def __str__(self) -> str:
        if not self.terms:
            return "0"
        words = []
        for monomial, coefficient in self.terms:
            names = " * ".join(map(str, monomial))
            size = abs(coefficient)
            body = names if names and size == 1 else f"{size} * {names}" if names else str(size)
            words.append(("- " if coefficient < 0 else "+ ") + body)
        first = words[0]
        words[0] = first[2:] if first.startswith("+ ") else "-" + first[2:]
        return " ".join(words)


Shape = tuple[Size, ...]

SCALAR: Shape = ()


def show_shape(shape: Shape) -> str:
    """A shape as the user would write it: ``[m, d]``; a scalar is ``a scalar``."""
    return f"[{', '.join(map(str, shape))}]" if shape else "a scalar"


# ---------------------------------------------------------------- rules: shapes of arguments -> shape of the result


@dataclass(frozen=True)
class ShapeError:
    """Why these shapes do not fit, in the user's words: sizes by name."""

    message: str


ShapeRule = Callable[[tuple[Shape, ...]], Shape | ShapeError]


def elementwise(shapes: tuple[Shape, ...]) -> Shape | ShapeError:
    """One shape for all that are not scalars: only scalars broadcast."""
    result: Shape = SCALAR
    for shape in shapes:
        if shape and result and shape != result:
            return ShapeError(f"{show_shape(result)} and {show_shape(shape)} differ; only scalars broadcast")
        result = result or shape
    return result


def to_scalar(shapes: tuple[Shape, ...]) -> Shape | ShapeError:
    """All entries of an array of any rank to one number."""
    return SCALAR


def like_first(shapes: tuple[Shape, ...]) -> Shape | ShapeError:
    """The shape of the first argument."""
    return shapes[0]


def matmul(shapes: tuple[Shape, ...]) -> Shape | ShapeError:
    """``[m, n] @ [n, p]``, ``[m, n] @ [n]``, ``[n] @ [n, p]``, ``[n] @ [n]``."""
    left, right = shapes
    if not left or not right:
        return ShapeError("`@` takes vectors and matrices; a scalar factor is written with `*`")
    if len(left) > 2 or len(right) > 2:
        return ShapeError(f"`@` takes vectors and matrices: {show_shape(left)} @ {show_shape(right)}")
    if left[-1] != right[0]:
        shown = f"{show_shape(left)} @ {show_shape(right)}"
        return ShapeError(f"{shown}: inner sizes {left[-1]} and {right[0]} differ")
    return left[:-1] + right[1:]


def transpose(shapes: tuple[Shape, ...]) -> Shape | ShapeError:
    """``[m, n]`` to ``[n, m]``; scalars and vectors stay."""
    (shape,) = shapes
    if len(shape) > 2:
        return ShapeError(f"`.T` takes a matrix, not {show_shape(shape)}")
    return shape[::-1]


def concat(shapes: tuple[Shape, ...]) -> Shape | ShapeError:
    """Along the first axis: its sizes add, the others are equal."""
    first = shapes[0]
    if any(not shape for shape in shapes):
        return ShapeError("`concat` takes arrays; scalars are put in brackets: concat([a], x)")
    total = Size.constant(0)
    for shape in shapes:
        if shape[1:] != first[1:]:
            return ShapeError(f"all axes but the first must agree: {show_shape(first)}, {show_shape(shape)}")
        total = total + shape[0]
    return (total, *first[1:])


def stack(shapes: tuple[Shape, ...]) -> Shape | ShapeError:
    """Equal shapes along a new first axis."""
    for shape in shapes:
        if shape != shapes[0]:
            return ShapeError(f"the parts must have one shape: {show_shape(shapes[0])}, {show_shape(shape)}")
    return (Size.constant(len(shapes)), *shapes[0])


def _square(shape: Shape) -> ShapeError | None:
    if len(shape) == 2 and shape[0] == shape[1]:
        return None
    return ShapeError(f"a square matrix is needed, not {show_shape(shape)}")


def diag(shapes: tuple[Shape, ...]) -> Shape | ShapeError:
    """A vector to the matrix that has it as its diagonal, a square matrix to its diagonal."""
    (shape,) = shapes
    if len(shape) == 1:
        return shape * 2
    return _square(shape) or shape[:1]


def square_to_scalar(shapes: tuple[Shape, ...]) -> Shape | ShapeError:
    """``[n, n]`` to a scalar."""
    return _square(shapes[0]) or SCALAR


def square_to_square(shapes: tuple[Shape, ...]) -> Shape | ShapeError:
    """``[n, n]`` to ``[n, n]``."""
    return _square(shapes[0]) or shapes[0]


def vector_to_vector(shapes: tuple[Shape, ...]) -> Shape | ShapeError:
    """``[n]`` to ``[n]``."""
    shape = shapes[0]
    return shape if len(shape) == 1 else ShapeError(f"a vector is needed, not {show_shape(shape)}")


def diff(shapes: tuple[Shape, ...]) -> Shape | ShapeError:
    """``[n]`` to ``[n - 1]``."""
    shape = vector_to_vector(shapes)
    return shape if isinstance(shape, ShapeError) else (shape[0] - Size.constant(1),)


def solve(shapes: tuple[Shape, ...]) -> Shape | ShapeError:
    """``[n, n]`` with ``[n]`` or ``[n, p]``."""
    matrix, right = shapes
    wrong = _square(matrix)
    if wrong:
        return wrong
    if len(right) not in (1, 2) or right[0] != matrix[0]:
        return ShapeError(f"the right-hand side of `solve` is {show_shape(right)}, not [{matrix[0]}]")
    return right


def kron(shapes: tuple[Shape, ...]) -> Shape | ShapeError:
    """``[m, n]``, ``[p, q]`` to ``[m p, n q]``."""
    a, b = shapes
    if len(a) != 2 or len(b) != 2:
        return ShapeError(f"`kron` takes two matrices, not {show_shape(a)}, {show_shape(b)}")
    return (a[0] * b[0], a[1] * b[1])


def vec(shapes: tuple[Shape, ...]) -> Shape | ShapeError:
    """All entries in row-major order as a vector."""
    total = Size.constant(1)
    for size in shapes[0]:
        total = total * size
    return (total,)


SHAPE_RULES: Mapping[str, ShapeRule] = {
    "sum": to_scalar, "mean": to_scalar, "prod": to_scalar, "max": to_scalar, "min": to_scalar,
    "sumsq": to_scalar, "logsumexp": to_scalar,
    "norm1": to_scalar, "norm2": to_scalar, "norminf": to_scalar, "norm": to_scalar, "geo_mean": to_scalar,
    "sum_largest": to_scalar, "sum_smallest": to_scalar, "median": to_scalar, "quantile": to_scalar,
    "tv": to_scalar, "cross_entropy": to_scalar,
    "softmax": vector_to_vector, "sort": vector_to_vector, "cumsum": vector_to_vector, "diff": diff,
    "cummax": vector_to_vector, "cummin": vector_to_vector,
    "trace": square_to_scalar, "det": square_to_scalar, "logdet": square_to_scalar,
    "lambda_max": square_to_scalar, "lambda_min": square_to_scalar,
    "sigma_max": to_scalar, "norm_nuc": to_scalar,
    "inv": square_to_square, "cholesky": square_to_square, "solve": solve, "kron": kron, "vec": vec,
    "diag": diag, "matmul": matmul, "transpose": transpose, "concat": concat, "stack": stack,
}  # fmt: skip
"""Shape rule of every primitive that is not elementwise, by the name of the primitive."""


OPEN_RANK = frozenset({"solve"})
"""Primitives of which an argument without sizes has any rank also beside arguments with sizes; else it is a scalar."""


def result_shape(primitive: str, shapes: tuple[Shape, ...]) -> Shape | ShapeError:
    """Shape of a primitive of arguments of these shapes; elementwise where it has no rule."""
    return SHAPE_RULES.get(primitive, elementwise)(shapes)
