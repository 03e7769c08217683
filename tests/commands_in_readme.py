"""The README's reference of commands, made from their help; `make reference` writes it anew."""

from __future__ import annotations

import inspect
import re
import sys
from typing import Any, Literal, get_args, get_origin

import typer.main

from rbmcli.cli.main import build_app
from tests.conftest import ROOT

README = ROOT / "README.md"
BEGIN, END = "<!-- commands: made by make reference -->", "<!-- end of commands -->"
_PANELS = ("Input and output", "Split", "Filters", "Search", "Model", "Training")


def reference() -> str:
    """Return the Markdown of all commands."""
    group: Any = typer.main.get_command(build_app())
    parts = [_of_command(name, command, group) for name, command in group.commands.items()]
    return "\n\n".join([_of_all(group), *parts])


def _kinds(command: Any) -> dict[str, Any]:
    signature = inspect.signature(command.callback)
    return {name: parameter.annotation for name, parameter in signature.parameters.items()}


def _of_command(name: str, command: Any, group: Any) -> str:
    kinds = _kinds(command)
    arguments = [_metavar(each, kinds) for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each.param_type_name == "option" and not each.hidden]
    needed = [f"{option.opts[0]} {_metavar(option, kinds)}" for option in options if option.required]
    usage = " ".join(["rbmcli", name, *arguments, *needed])
    lines = [f"<details><summary><code>{usage}</code></summary>", "", _text(command.help)]
    panels: dict[str, list[Any]] = {}
    for option in options:
        if option.name not in {"help", *_of_running(group)}:
            panels.setdefault(option.rich_help_panel or "Options", []).append(option)
    for title in sorted(panels, key=lambda title: (*_PANELS, title).index(title)):
        lines += ["", f"**{title}**", "", *_table(panels[title], kinds)]
    return "\n".join([*lines, "", "</details>"])


def _of_all(group: Any) -> str:
    """Return the options that every command has."""
    some = next(iter(group.commands.values()))
    shared = [option for option in some.params if option.name in _of_running(group)]
    title = "<details><summary>options of every command, before or after its name</summary>"
    return "\n".join([title, "", *_table(shared, _kinds(some)), "", "</details>"])


def _table(options: list[Any], kinds: dict[str, Any]) -> list[str]:
    return ["| option | |", "|---|---|", *(_row(option, kinds) for option in options)]


def _is_of_running(option: Any) -> bool:
    return option.param_type_name == "option" and option.rich_help_panel == "Running"


def _of_running(group: Any) -> set[str]:
    sets = [
        {option.name for option in command.params if _is_of_running(option)}
        for command in group.commands.values()
    ]
    return set.intersection(*sets)


def _row(option: Any, kinds: dict[str, Any]) -> str:
    spellings = [*option.opts, *option.secondary_opts]
    spelled = ", ".join(f"`{spelling}`" for spelling in sorted(spellings, key=len))
    value = "" if option.is_flag else f" {_metavar(option, kinds)}"
    text = _text(option.help or "").replace("|", "\\|")
    default = option.default
    known = isinstance(default, str | int | float) and not isinstance(default, bool) and default != ""
    return f"| {spelled}{value} | {text}{f' Default: {default}.' if known else ''} |"


def _metavar(parameter: Any, kinds: dict[str, Any]) -> str:
    """Return what stands for the value of an option or argument."""
    if parameter.metavar:
        return str(parameter.metavar).replace("|", "\\|")
    plain = get_args(kinds[parameter.name])[0]
    kind = next(kind for kind in get_args(plain) or (plain,) if kind is not type(None))
    kind = kind if get_origin(plain) is not Literal else plain
    if get_origin(kind) is Literal:
        return "\\|".join(get_args(kind))
    return {int: "N", float: "X"}.get(kind, "TEXT")


def _text(help_text: str) -> str:
    """Return a help text with its examples as code, and without the marks that Rich needs."""
    paragraphs = []
    for paragraph in inspect.cleandoc(help_text).replace("\\[", "[").replace("\b", "").split("\n\n"):
        is_example = paragraph.strip().startswith("rbmcli ")
        paragraphs.append(f"    {paragraph.strip()}" if is_example else re.sub(r"\s+", " ", paragraph))
    return "\n\n".join(paragraphs)


def readme_with(text: str) -> str:
    """Return the README with a reference in its place."""
    content = README.read_text(encoding="utf-8")
    before, rest = content.split(BEGIN, 1)
    _, after = rest.split(END, 1)
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


if __name__ == "__main__":
    README.write_text(readme_with(reference()), encoding="utf-8")
    sys.exit(0)
