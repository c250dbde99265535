"""Calls: what the language itself provides, atoms of the library by their signature, fns, inner models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from karush.compiler.library import modules_of
from karush.compiler.messages import call_messages, name_messages
from karush.compiler.model import Expr
from karush.compiler.names.context import Context
from karush.compiler.names.symbols import (
    DimSymbol,
    FnSymbol,
    ImportSymbol,
    ModelSymbol,
    Poison,
    PoisonSymbol,
    Symbol,
    poison,
)
from karush.compiler.resolving import structure
from karush.compiler.resolving.atoms import resolve_atom
from karush.compiler.resolving.clauses import REDUCTIONS, resolve_range, resolve_reduction
from karush.compiler.resolving.functions import inline
from karush.compiler.resolving.operators import apply_elementwise, is_number
from karush.compiler.resolving.problems import DERIVATIVES, INLINE_PROBLEMS, resolve_derivative, resolve_inline
from karush.compiler.resolving.records import resolve_dual
from karush.dsl import ast

LANGUAGE: dict[str, Callable[[Context, ast.Call], Expr]] = {
    "range": resolve_range,
    "concat": structure.concat,
    "stack": structure.stack,
    "zeros": structure.filled,
    "ones": structure.filled,
    "eye": structure.eye,
    "reshape": structure.reshape,
    "norm": structure.norm,
    "dual": resolve_dual,
}
"""Functions that are words of the language: they stand beside the atoms in the outermost scope."""

LANGUAGE_NAMES = frozenset(LANGUAGE) | DERIVATIVES | INLINE_PROBLEMS | REDUCTIONS


def resolve_call(context: Context, node: ast.Call) -> Expr:
    """``function(arguments)``."""
    if not isinstance(node.function, ast.Name):
        member = _of_module(context, node.function)
        if member is not None:
            return _call_library(context, replace(node, function=member), member)
        if not isinstance(node.function, ast.Attribute) or _is_poisoned(context, node.function):
            return poison(node.span)  # the parser has said that only a name can be called
        return context.refuse(call_messages.not_a_function(node.function, None), node.span)
    name = node.function.id
    symbol, hider = context.scope.find(name)
    if symbol is not None:
        return _call_symbol(context, node, symbol)
    if hider is not None:
        return context.refuse(name_messages.out_of_sight(node.function, context.scope), node.span)
    if name in INLINE_PROBLEMS and (node.clause is not None or name != "minimum"):
        return resolve_inline(context, node, name)
    if name in DERIVATIVES:
        return resolve_derivative(context, node, name)
    return _call_library(context, node, node.function)


def _of_module(context: Context, node: ast.Expr) -> ast.Name | None:
    """The function that ``losses.hinge`` means, where ``losses`` is an imported module of the library that has it."""
    if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
        return None
    symbol = context.find(node.value.id)
    source = context.session.library.sources.get(("atom", node.name))
    if not isinstance(symbol, ImportSymbol) or source is None:
        return None
    return ast.Name(node.name, span=node.span) if symbol.module in modules_of(source) else None


def _is_poisoned(context: Context, node: ast.Expr) -> bool:
    """Whether fields are taken from a name that was found wrong, or from an import."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and isinstance(context.find(node.id), PoisonSymbol)


def _call_library(context: Context, node: ast.Call, function: ast.Name) -> Expr:
    name = function.id
    if node.clause is not None:
        if name in REDUCTIONS:
            return resolve_reduction(context, node, name)
        if context.session.library.atom(name) is None and name not in LANGUAGE_NAMES:
            return context.refuse(name_messages.unknown_name(function, context, wanted="function"), node.span)
        return context.refuse(call_messages.clause_in_call(node, name), node.span)
    if name in LANGUAGE:
        return LANGUAGE[name](context, node)
    if name in ("max", "min") and len(node.arguments) > 1:
        return _extreme(context, node, "maximum" if name == "max" else "minimum")
    atom = context.session.library.atom(name)
    if atom is not None and not _is_declared_below(context, name):
        return resolve_atom(context, node, atom)
    _resolve_arguments(context, node)
    if context.session.library.set(name) is not None:
        return context.refuse(call_messages.set_as_value(node, name), node.span)
    return context.refuse(name_messages.unknown_name(function, context, wanted="function"), node.span)


def _is_declared_below(context: Context, name: str) -> bool:
    """Whether the file's own atom of this name comes further down: it is no symbol in sight yet."""
    inside_file = any(level.kind == "file" for level in context.scope.levels())
    return inside_file and name in context.session.library.atoms


def _call_symbol(context: Context, node: ast.Call, symbol: Symbol) -> Expr:
    match symbol:
        case PoisonSymbol():
            return poison(node.span)
        case FnSymbol():
            return inline(context, node, symbol)
        case ModelSymbol():
            call = context.record(node)
            if call is not None and not isinstance(call, Poison):
                return context.refuse(name_messages.record_as_value(node, call), node.span)
            return poison(node.span)
        case _ if symbol.word == "atom":
            atom = context.session.library.atom(symbol.name)
            return poison(node.span) if atom is None else resolve_atom(context, node, atom)
    _resolve_arguments(context, node)
    shown = "size" if isinstance(symbol, DimSymbol) else symbol.word
    return context.refuse(call_messages.not_a_function(node.function, shown), node.span)


def _resolve_arguments(context: Context, node: ast.Call) -> None:
    """Look at the arguments of a call that is refused, for the findings in them."""
    for argument in node.arguments:
        context.expression(argument.value)


def _extreme(context: Context, node: ast.Call, atom: str) -> Expr:
    """``max(a, b, …)``: entry by entry, two at a time."""
    values: list[Expr] = []
    for argument in node.arguments:
        if argument.name is not None:
            return context.refuse(call_messages.unexpected_name(argument, node), node.span)
        values.append(context.expression(argument.value))
    if any(isinstance(v, Poison) for v in values) or not all(is_number(context, v) for v in values):
        return poison(node.span)
    result = values[0]
    for value in values[1:]:
        result = apply_elementwise(context, node, atom, (result, value), None)
        if isinstance(result, Poison):
            return result
    return result
