"""Turns a function that takes groups of options into one that Typer can read.

A group is a frozen dataclass whose fields are annotated as Typer options; a command names the group
as one parameter. So options that several commands share are written once, and a command's parameter
list stays short.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer
from typer.models import OptionInfo

from rbmcli.cli.options import Running
from rbmcli.cli.streams import Use, check_streams, locked_outputs
from rbmcli.engine.threads import use_threads


class CommandError(Exception):
    """A command ended with an exception, which is the cause of this one.

    Attributes
    ----------
    running : Running
        How the command was asked to talk.
    """

    def __init__(self, running: Running) -> None:
        super().__init__("the command failed")
        self.running = running


def with_options(function: Callable[..., None]) -> Callable[..., None]:
    """Return a command whose parameters annotated with a group are replaced by the group's options.

    Before its body runs the command sets the threads of its `Running` group, and takes the locks of what
    it writes. It raises `CommandError` where the body raises.
    """
    signature = inspect.signature(function, eval_str=True)
    groups: dict[str, Any] = {
        name: parameter.annotation
        for name, parameter in signature.parameters.items()
        if dataclasses.is_dataclass(parameter.annotation)
    }

    @functools.wraps(function)
    def command(**values: Any) -> None:
        running, given = Running(), dict(values)
        try:
            built = {
                name: group(**{entry.name: values.pop(entry.name) for entry in dataclasses.fields(group)})
                for name, group in groups.items()
            }
            running = next((group for group in built.values() if isinstance(group, Running)), running)
            use_threads(running.threads)
            read, written = _named(given, uses, Use.READ), _named(given, uses, Use.WRITTEN, Use.WRITTEN_TEXT)
            is_text = Use.WRITTEN_TEXT in uses.values()
            output_format = "text" if is_text else given.get("output_format", "auto")
            check_streams(read, written, output_format, json=running.json)
            # Several runs may be at the shards of one output.
            holds_none = given.get("dry_run", False) or given.get("shard") is not None
            with locked_outputs([] if holds_none else written, running.lock_timeout):
                function(**values, **built)
        except typer.Exit:
            raise
        except Exception as error:
            raise CommandError(running) from error

    parameters: list[inspect.Parameter] = []
    for name, parameter in signature.parameters.items():
        if name in groups:
            parameters.extend(_parameters_of(groups[name]))
        else:
            parameters.append(_as_option(name, parameter.annotation, parameter.default))
    uses = {parameter.name: use for parameter in parameters if (use := _use_of(parameter.annotation))}
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {}
    command.__doc__ = _reflow(inspect.getdoc(function) or "")
    return command


def _use_of(annotation: Any) -> Use | None:
    """Return whether a parameter names what is read or written."""
    return next((extra for extra in get_args(annotation) if isinstance(extra, Use)), None)


def _named(values: dict[str, Any], uses: dict[str, Use], *wanted: Use) -> list[str]:
    """Return what the parameters of some uses name."""
    named = [values.get(name) for name, use in uses.items() if use in wanted]
    return [str(name) for value in named for name in (value if isinstance(value, list) else [value]) if name]


def _reflow(text: str) -> str:
    """Join the lines of each paragraph, which Typer would break where the source does; keep indented ones."""
    paragraphs = text.split("\n\n")
    return "\n\n".join(
        paragraph if paragraph.startswith(" ") else paragraph.replace("\n", " ") for paragraph in paragraphs
    )


def _parameters_of(group: type) -> Iterator[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    for entry in dataclasses.fields(group):
        default = inspect.Parameter.empty if entry.default is dataclasses.MISSING else entry.default
        yield _as_option(entry.name, hints[entry.name], default)


def _as_option(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    """Return a keyword parameter; an option's environment variable is left to the help's last line."""
    if get_origin(annotation) is Annotated:
        plain, *extras = get_args(annotation)
        extras = [copy.copy(extra) for extra in extras]
        for extra in extras:
            if isinstance(extra, OptionInfo):
                extra.show_envvar = False
        annotation = Annotated[(plain, *extras)]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def leading_options(group: type) -> dict[str, bool]:
    """Return every spelling of a group's options, with whether a value follows it."""
    spellings = {}
    for annotation in get_type_hints(group, include_extras=True).values():
        plain, option = get_args(annotation)
        # Within Annotated, Typer keeps the first spelling in the place of the default.
        spellings.update(dict.fromkeys((option.default, *option.param_decls), plain is not bool))
    return spellings
