"""Help as wide as the terminal."""

from __future__ import annotations

import argparse
import itertools
import re
import textwrap

_COLUMNS = re.compile(r"^( +\S.*? {2,})(?=\S)")  # an example or a name, and its description
_LARGEST_HANG = 24  # columns before a description; beyond it, the description gets its own line


class HelpFormatter(argparse.HelpFormatter):
    """Wrap paragraphs at the width of the terminal; indented lines, such as examples, stay separate."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        del indent
        lines = text.rstrip().splitlines()
        parts: list[str] = []
        for is_own, group in itertools.groupby(lines, key=lambda line: not line or line.startswith(" ")):
            if is_own:
                parts += [part for line in group for part in _wrapped_line(line, width)]
            else:
                parts += textwrap.wrap(" ".join(group), width, break_long_words=False, break_on_hyphens=False)
        return "\n".join(parts) + "\n"


def _wrapped_line(line: str, width: int) -> list[str]:
    if len(line) <= width:
        return [line]
    margin = len(line) - len(line.lstrip())
    columns = _COLUMNS.match(line)
    if columns is None:
        hang = " " * (margin + 4)
        return textwrap.wrap(line, width, subsequent_indent=hang, break_long_words=False, break_on_hyphens=False)
    head, about = columns[1], line[columns.end() :]
    if len(head) <= _LARGEST_HANG:
        hang = " " * len(head)
        return textwrap.wrap(
            about, width, initial_indent=head, subsequent_indent=hang, break_long_words=False, break_on_hyphens=False
        )
    return [*_wrapped_line(head.rstrip(), width), *textwrap.wrap(about, width, initial_indent=" " * (margin + 4),
            subsequent_indent=" " * (margin + 4), break_long_words=False)]  # fmt: skip
