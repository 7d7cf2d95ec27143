"""Where a template out of a downloaded file runs: it can reach nothing, and can't go on for ever.

Jinja's sandbox keeps a template from Python's insides; nothing in it bounds time or memory. Here
each turn of a loop, each operator, call and filter is a step; steps, the processor's time and the
size of every value are bounded. Chat templates take some hundred steps and a millisecond.
"""

import functools
import re
import time
from collections.abc import Callable, Mapping, Sequence, Set, Sized
from typing import Any, NoReturn

from jinja2 import Template, TemplateError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.runtime import Context, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

STEPS, SECONDS = 50_000, 2.0
#: Characters, or elements of all depths, of a value and of the source; integers likewise.
LARGEST = 1 << 17
#: What a call may make of what it is given: the product of the two largest.
LARGEST_CALL = 16 * LARGEST
#: Fields this wide are filled in by nobody who writes chats.
WIDE_FIELD = re.compile(r"\d{5}")
#: No names that a template can write: they begin with a digit.
STEP, JOIN, WEIGH = "0step", "0join", "0weigh"


class TooMuch(TemplateError):
    """A template wants more steps, time or room than any chat needs."""


class Generation(Extension):
    """`{% generation %}`: where transformers notes what a model wrote. Here it means nothing."""

    tags = {"generation"}  # noqa: RUF012 - as Jinja declares it

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """The block's content alone."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class BoundedEnvironment(ImmutableSandboxedEnvironment):
    """A sandbox whose templates end. `renew` before each rendering; one thread at a time."""

    intercepted_binops = frozenset(("+", "-", "*", "/", "//", "%", "**"))

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.loopcontrols", Generation],
            finalize=weighed,
        )
        self._steps, self._until = 0, 0.0
        self.filters = {name: self._bounded(each) for name, each in self.filters.items()}
        self.globals.update(
            {STEP: self.step, JOIN: join, WEIGH: weighed, "raise_exception": refuse}
        )
        del self.globals["lipsum"]
        self.renew()

    def template(self, source: str) -> Template:
        """Compile it. Raises TemplateError."""
        if len(source) > LARGEST:
            raise TooMuch("it is too long")
        self.renew()
        try:
            code = self.compile(_bounding(self.parse(source)))
        except RecursionError as error:
            raise TooMuch("it is nested too deeply") from error
        return Template.from_code(self, code, self.make_globals(None))

    def renew(self) -> None:
        """Give the next rendering all its steps and time."""
        self._steps, self._until = 0, time.thread_time() + SECONDS

    def step(self) -> bool:
        """Count one and return true. Raises TooMuch."""
        self._steps += 1
        if self._steps > STEPS or time.thread_time() > self._until:
            raise TooMuch("it does not come to an end")
        return True

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """An operator, unless its result would be too large."""
        self.step()
        if operator in ("*", "**") and weight(left) * weight(right) > LARGEST:
            raise TooMuch("a product is too large")
        if operator == "%" and isinstance(left, str):
            _weigh_call((left, right))
        return weighed(super().call_binop(context, operator, left, right))

    def call(self, context: Context, callee: Any, /, *args: Any, **kwargs: Any) -> Any:
        """A call as the sandbox allows it, unless it is given too much."""
        self.step()
        method = getattr(callee, "__wrapped__", callee)  # as Jinja wraps `format`
        _weigh_call((getattr(method, "__self__", None), *args, *kwargs.values()))
        return weighed(super().call(context, callee, *args, **kwargs))

    def _bounded(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)  # what Jinja has marked it with is kept
        def bounded(*args: Any, **kwargs: Any) -> Any:
            self.step()
            _weigh_call((*args, *kwargs.values()))
            return weighed(function(*args, **kwargs))

        return bounded


def join(*values: Any) -> str:
    """What `~` does."""
    return "".join(str(weighed(value)) for value in weighed(values))


def refuse(message: str) -> NoReturn:
    """What templates call `raise_exception`."""
    raise TemplateError(message)


def weighed(value: Any) -> Any:
    """The value. Raises TooMuch."""
    if weight(value) > LARGEST:
        raise TooMuch("a value is too large")
    return value


def weight(value: Any) -> int:
    """Characters or elements, at all depths; the count stops where it is too much anyway."""
    total, left = 0, [value]
    while left and total <= LARGEST_CALL:
        one = left.pop()
        total += 1
        if isinstance(one, Undefined | bool):
            continue
        if isinstance(one, int):
            total += abs(one)
        elif isinstance(one, str | bytes):
            total += len(one)
        elif isinstance(one, Mapping):
            left += [*one.keys(), *one.values()]
        elif isinstance(one, Sequence | Set) and isinstance(one, Sized):
            left += [*one] if not isinstance(one, range) else [len(one)]
    return total


def _weigh_call(values: tuple[Any, ...]) -> None:
    weights = sorted(weight(value) for value in values)[-2:]
    if (weights[0] * weights[-1] if len(weights) > 1 else 0) > LARGEST_CALL:
        raise TooMuch("a call is given too much")
    if any(isinstance(value, str) and WIDE_FIELD.search(value) for value in values):
        raise TooMuch("a field is too wide")


def _bounding(tree: nodes.Template) -> nodes.Template:
    """The template with calls of ours wherever the sandbox itself would look away."""
    for loop in list(tree.find_all(nodes.For)):
        loop.body.insert(0, nodes.ExprStmt(_call(STEP, []), lineno=loop.lineno))
        if loop.test is not None:
            loop.test = nodes.And(_call(STEP, []), loop.test)
    called: list[nodes.Macro | nodes.CallBlock] = [*tree.find_all(nodes.Macro)]
    for macro in [*called, *tree.find_all(nodes.CallBlock)]:
        macro.body.insert(0, nodes.ExprStmt(_call(STEP, []), lineno=macro.lineno))
    for parent in [tree, *tree.find_all(nodes.Node)]:
        for field, value in parent.iter_fields():
            if isinstance(value, list):
                setattr(parent, field, [_checked(one) for one in value])
            else:
                setattr(parent, field, _checked(value))
    return tree


def _checked(node: Any) -> Any:
    if isinstance(node, nodes.Concat):
        return _call(JOIN, node.nodes)
    if isinstance(node, nodes.List | nodes.Dict):
        return _call(WEIGH, [node])
    if isinstance(node, nodes.Tuple) and node.ctx == "load":
        return _call(WEIGH, [node])
    return node


def _call(name: str, given: list[nodes.Expr]) -> nodes.Call:
    return nodes.Call(nodes.Name(name, "load"), given, [], None, None)
