"""The page docs/reference/command-line.md, made from the commands: help, arguments, options, defaults and examples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

import wardwatch

INTRODUCTION = """# Command line

Every command takes `-h` or `--help`. A command whose result a program may need takes `--json`. Settings come from
[environment variables](settings.md).

The result goes to standard output, remarks and errors go to standard error. Exit codes: 0 done, 1 failed or something
is missing, 2 wrong input, 130 stopped by Ctrl-C. An error is one line that says what is wrong and what to do.

"""

EXAMPLE = "Example: "
TYPES: dict[Any, str] = {str: "text", Path: "path", int: "whole number", float: "number"}


def command_line_page() -> str:
    """Return the page."""
    found = list(commands(typer.main.get_command(wardwatch.app), "wardwatch"))
    overview = "".join(
        f"| [`{name}`](#{name.replace(' ', '-')}) | {_text(command).splitlines()[0]} |\n" for name, command in found
    )
    return (
        f"{INTRODUCTION}| command | what it does |\n|---|---|\n{overview}\n"
        + "\n".join(_section(name, command) for name, command in found).rstrip()
        + "\n"
    )


def commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield each command that does something, with its full name; a group yields its commands."""
    below = getattr(command, "commands", None)
    if below is None:
        yield name, command
        return
    for word, each in below.items():
        yield from commands(each, f"{name} {word}")


def _text(command: Any) -> str:
    """Return the help without its example."""
    return " ".join(str(command.help).partition(EXAMPLE)[0].split())


def _example(command: Any) -> str:
    return str(command.help).partition(EXAMPLE)[2].strip().strip("`")


def _section(name: str, command: Any) -> str:
    arguments = [each for each in command.params if not each.opts[0].startswith("-")]
    options = [each for each in command.params if each.opts[0].startswith("-")]
    parts = [f"## {name}\n\n{_text(command)}\n\n```\n{_example(command)}\n```\n"]
    if arguments:
        rows = "".join(f"| `{_name(each)}` | {_required(each)} | {each.help} |\n" for each in arguments)
        parts.append(f"| argument | required | meaning |\n|---|---|---|\n{rows}")
    if options:
        rows = "".join(f"| {_name(each)} | {_value(each)} | {_default(each)} | {each.help} |\n" for each in options)
        parts.append(f"| option | value | default | meaning |\n|---|---|---|---|\n{rows}")
    return "\n".join(parts)


def _name(parameter: Any) -> str:
    if not parameter.opts[0].startswith("-"):
        return f"{parameter.name}{' ...' if parameter.nargs == -1 else ''}"
    return ", ".join(f"`{each}`" for each in (*parameter.opts, *parameter.secondary_opts))


def _required(parameter: Any) -> str:
    return "yes" if parameter.required else "no"


def _value(parameter: Any) -> str:
    if parameter.is_flag:
        return "flag"
    words = TYPES[parameter.type_descriptor.annotation]
    if parameter.min is not None and parameter.max is not None:
        return f"{words}, {parameter.min:,} to {parameter.max:,}"
    return words if parameter.min is None else f"{words}, {parameter.min:,} or more"


def _default(parameter: Any) -> str:
    if parameter.is_flag:
        on, off = parameter.opts[0], next(iter(parameter.secondary_opts), None)
        return f"`{on}`" if parameter.default else (f"`{off}`" if off else "off")
    return "none" if parameter.default is None else f"`{parameter.default}`"
