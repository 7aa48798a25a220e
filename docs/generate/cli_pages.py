"""The command line: each command's help."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click
from markdown import table

from kubedrill.cli.main import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

INTRODUCTION = """# Command line

`kubedrill COMMAND --help` prints the same. [Exit codes](exit-codes.md) are the same for all
commands.
"""


def pages() -> dict[str, str]:
    """Return an overview, and a page for each command with what is below it."""
    context = click.Context(cli, info_name="kubedrill")
    rows, texts = [], {}
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        if command is None or command.hidden:
            continue
        rows.append((f"[`{name}`](cli/{name}.md)", command.get_short_help_str(limit=120)))
        sections = [_section(each) for each in _walk(command, context)]
        texts[f"cli/{name}.md"] = f"# kubedrill {name}\n\n" + "\n".join(sections)
    texts["cli.md"] = f"{INTRODUCTION}\n{table(('command', 'what it does'), rows)}"
    return texts


def _walk(command: click.Command, parent: click.Context) -> Iterator[click.Context]:
    context = click.Context(command, info_name=command.name, parent=parent)
    yield context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None and not inner.hidden:
                yield from _walk(inner, context)


def _section(context: click.Context) -> str:
    usage = " ".join(context.command.get_usage(context).removeprefix("Usage: ").split())
    text = _prose(context.command.help or "")
    heading = f"## {context.command_path}\n\n" if context.parent and context.parent.parent else ""
    options = [
        _option(option, context)
        for option in context.command.params
        if isinstance(option, click.Option) and not option.hidden
    ]
    body = f"{heading}```text\n{usage}\n```\n\n{text}\n"
    return body + (f"\n{table(('option', 'description'), options)}" if options else "")


def _option(option: click.Option, context: click.Context) -> tuple[str, str]:
    names, text = option.get_help_record(context) or ("", "")
    return f"`{names}`", text


def _prose(text: str) -> str:
    r"""Return a help text as Markdown: ``\b`` keeps the lines that follow as they are."""
    paragraphs = []
    for part in re.split(r"\n\s*\n", text.replace("\f", "\n\n")):
        if part.lstrip().startswith("\b"):
            paragraphs.append(f"```text\n{part.replace(chr(8), '').strip(chr(10))}\n```")
        else:
            text = " ".join(part.split())
            paragraphs.append(re.sub(r"^Example: (.*)$", r"Example: `\1`", text))
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)
