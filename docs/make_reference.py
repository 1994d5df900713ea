"""The API reference: `python docs/make_reference.py` writes docs/reference, a page for each package.

A page has the public names of its package, and the classes that these are made of: `Rules` is on it because the public
`EnvParams` has such a field. Reads the sources without importing them, so what it writes does not depend on what is
installed.
"""

from __future__ import annotations

import ast
import functools
import html
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "reference"
HEAD = "Made from the docstrings by `python docs/make_reference.py`."
KERNELS = "grid_kernels"
KERNELS_ABOUT = "Array functions of the engine: arrays in, arrays out. No configuration, and no import of `metta_jax`."
OURS = ("metta_jax", KERNELS)

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


class Definition(NamedTuple):
    """Where a name is defined: its module, and the statement."""

    module: str
    node: ast.stmt


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    pages = reference()
    for file in FOLDER.glob("*.md"):
        if file.name not in pages:
            file.unlink()
    for name, text in pages.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    print(f"{FOLDER}: {len(pages)} pages")


def reference() -> dict[str, str]:
    """File name -> text."""
    pages, index = {}, ["# Reference", "", HEAD, "", "| package | about |", "|---|---|"]
    homes: dict[str, str] = {}
    other_names: dict[str, str] = {}  # of what a package gives a shorter name: `worlds.register` is `register_world`
    parts = parts_of_public_classes()
    for package in packages():
        public = public_names(package)
        if not public:
            continue
        names = sorted({*public, *parts.get(package, ())}, key=lambda name: (name.lower(), name))
        file = f"{package.removeprefix('metta_jax.')}.md"
        pages[file] = page(package, names, parts.get(package, {}))
        index.append(f"| [`{package}`]({file}) | {first_line(docstring(tree_of(package)))} |")
        for name in names:
            homes.setdefault(name, f"{file}#{name.lower()}")
            definition = find(package, name) or parts.get(package, {}).get(name)
            if definition and isinstance(definition.node, Function | ast.ClassDef):
                other_names.setdefault(definition.node.name, homes[name])
    pages[f"{KERNELS}.md"] = kernels_page()
    index.append(f"| [`{KERNELS}`]({KERNELS}.md) | {KERNELS_ABOUT} |")
    index += ["", "## Names of `metta_jax.api`", ""]
    for name in public_names("metta_jax.api"):
        home = homes.get(name) or other_names.get(name)
        index.append(f"- [`{name}`]({home})" if home else f"- `{name}`")
    return {"README.md": "\n".join(index) + "\n", **pages}


def packages() -> list[str]:
    found = (path.parent.relative_to(ROOT) for path in (ROOT / "metta_jax").rglob("__init__.py"))
    return sorted(".".join(path.parts) for path in found if len(path.parts) <= 2)


def parts_of_public_classes() -> dict[str, dict[str, Definition]]:
    """By package and name: classes that are public only in `metta_jax.api`, and classes of a public class's fields."""
    listed = [(package, name) for package in packages() for name in public_names(package)]
    waiting = [found for package, name in listed if (found := find(package, name))]
    known = {(found.module, found.node.name) for found in waiting if isinstance(found.node, Function | ast.ClassDef)}
    parts: dict[str, dict[str, Definition]] = {}
    waiting += [found for name in public_names("metta_jax.api") if (found := find("metta_jax.api", name))]
    while waiting:
        definition = waiting.pop()
        if not isinstance(definition.node, ast.ClassDef):
            continue
        module, name = definition.module, definition.node.name
        package = ".".join(module.split(".")[:2])
        if (module, name) not in known and package in packages():
            known.add((module, name))
            parts.setdefault(package, {})[name] = definition
        elif (module, name) not in known:
            continue
        waiting += [
            found
            for part in annotated_fields(definition.node)
            if not ast.unparse(part.annotation).startswith("ClassVar")
            for word in re.findall(r"\w+", ast.unparse(part.annotation))
            if word[0].isupper() and (found := find(module, word)) and (found.module, word) not in known
        ]
    return parts


def kernels_page() -> str:
    """Every public function and class of every module of `grid_kernels`, which has no list of names."""
    lines = [f"# {KERNELS}", "", HEAD, "", KERNELS_ABOUT]
    for path in sorted((ROOT / KERNELS).glob("*.py")):
        module = f"{KERNELS}.{path.stem}"
        if path.stem.startswith("_"):
            continue
        lines += ["", f"## {module}", "", *prose(docstring(tree_of(module)))]
        for node in tree_of(module).body:
            if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
                lines += ["", f"### {node.name}", "", *described(node.name, Definition(module, node))]
    return text_of(lines)


def page(package: str, names: list[str], parts: dict[str, Definition]) -> str:
    lines = [f"# {package}", "", HEAD, "", *prose(docstring(tree_of(package)))]
    for name in names:
        definition = find(package, name) or parts.get(name) or find_elsewhere(package, name)
        lines += ["", f"## {name}", ""]
        if definition is None:
            lines.append("A module." if path_of(f"{package}.{name}").exists() else "A value.")
            continue
        lines += [f"`{definition.module}`", "", *described(name, definition)]
    return text_of(lines)


def text_of(lines: list[str]) -> str:
    return "\n".join(line.rstrip() for line in lines).rstrip() + "\n"


def described(name: str, definition: Definition) -> Iterator[str]:
    node = definition.node
    if isinstance(node, Function):
        yield from code(signature(name, node))
        yield from prose(docstring(node))
    elif isinstance(node, ast.ClassDef):
        bases = ", ".join(ast.unparse(base) for base in node.bases)
        made = next((part for part in node.body if isinstance(part, Function) and part.name == "__init__"), None)
        yield from code(signature(name, made) if made else f"class {name}({bases})" if bases else f"class {name}")
        yield from prose(docstring(node))
        yield from fields(node, comments(definition.module))
        yield from methods(node)
    else:
        yield from code(ast.unparse(node))


def fields(node: ast.ClassDef, comments: dict[int, str]) -> Iterator[str]:
    """What a dataclass or a configuration is made of; what a field is stands in its description or after it."""
    rows = []
    for part in annotated_fields(node):
        default, text = field_default(part.value)
        text = text or escape(comments.get(part.end_lineno or 0, ""))
        cells = (ast.unparse(part.target), ast.unparse(part.annotation), default)
        rows.append("| " + " | ".join([*map(code_cell, cells), text]) + " |")
    if rows:
        yield from ("", "| field | type | default | |", "|---|---|---|---|", *rows)


def annotated_fields(node: ast.ClassDef) -> Iterator[ast.AnnAssign]:
    for part in node.body:
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name) and not part.target.id.startswith("_"):
            yield part


@functools.cache
def comments(module: str) -> dict[int, str]:
    """The comments of a module by line; not those that are meant for a program."""
    text = path_of(module).read_text(encoding="utf-8")
    found = (token for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type == tokenize.COMMENT)
    stripped = ((token.start[0], token.string.removeprefix("#").strip()) for token in found)
    return {line: text for line, text in stripped if not text.startswith(("noqa", "type:", "pyright:"))}


def field_default(value: ast.expr | None) -> tuple[str, str]:
    """The default and the description of a field, as far as it has them."""
    if value is None:
        return "", ""
    if not (isinstance(value, ast.Call) and ast.unparse(value.func).endswith(("Field", "field"))):
        return ast.unparse(value), ""
    given = {keyword.arg: keyword.value for keyword in value.keywords}
    text = given["description"].value if isinstance(given.get("description"), ast.Constant) else ""  # type: ignore[attr-defined]
    if "default_factory" in given:
        return f"{ast.unparse(given['default_factory'])}()", escape(str(text))
    return ast.unparse(given["default"]) if "default" in given else "", escape(str(text))


def methods(node: ast.ClassDef) -> Iterator[str]:
    for part in node.body:
        if not isinstance(part, Function) or (part.name.startswith("_") and part.name != "__call__"):
            continue
        decorators = {ast.unparse(decorator) for decorator in part.decorator_list}
        if any(name.endswith((".setter", "validator")) or "validator(" in name for name in decorators):
            continue
        is_property = decorators & {"property", "functools.cached_property"}
        yield from ("", f"### {node.name}.{part.name}", "")
        if is_property:
            yield from code(f"{part.name}: {ast.unparse(part.returns) if part.returns else ''}")
        else:
            yield from code(signature(part.name, part))
        yield from prose(docstring(part))


def signature(name: str, node: Function) -> str:
    """One line if it fits, else an argument a line."""
    arguments = ast.unparse(node.args)
    first, _, rest = arguments.partition(", ")
    if first in {"self", "cls"}:
        arguments = rest
    returns = f" -> {ast.unparse(node.returns)}" if node.returns and node.name != "__init__" else ""
    line = f"{name}({arguments}){returns}"
    if len(line) <= 110:
        return line
    return f"{name}(\n    " + ",\n    ".join(split_arguments(arguments)) + f",\n){returns}"


def split_arguments(text: str) -> list[str]:
    """At commas outside of brackets and quotes."""
    parts, depth, quote, start = [], 0, "", 0
    for i, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
        elif letter == "," and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
    return [*parts, text[start:].strip()]


def code(text: str) -> list[str]:
    return ["```text", text, "```", ""]


def prose(text: str) -> list[str]:
    """A docstring as Markdown: sections of arguments as lists, everything else as it is."""
    lines: list[str] = []
    inside, indent = False, 0
    for line in text.splitlines():
        stripped = line.strip()
        if stripped in {"Args:", "Attributes:", "Returns:", "Raises:"}:
            inside, indent = True, 0
            lines += ["", f"**{stripped[:-1]}**", ""]
        elif inside and stripped and line.startswith(" "):
            indent = indent or len(line) - len(stripped)
            new = len(line) - len(stripped) == indent
            lines.append(f"- {stripped}" if new else f"  {stripped}")
        else:
            inside = inside and not stripped
            lines.append(line)
    return lines


def find(module: str, name: str) -> Definition | None:
    """The statement that defines a name, wherever it comes from; None for modules and what is made by a call."""
    tree = tree_of(module)
    for node in tree.body:
        targets: list[ast.expr] = []
        if isinstance(node, Function | ast.ClassDef) and node.name == name:
            return Definition(module, node)
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return Definition(module, node)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(OURS):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return None if path_of(f"{node.module}.{alias.name}").exists() else find(node.module, alias.name)
    return None


def find_elsewhere(package: str, name: str) -> Definition | None:
    """What a package hands on lazily, from the package that has it."""
    others = (other for other in packages() if other != package and name in public_names(other))
    return next((found for other in others if (found := find(other, name))), None)


def public_names(module: str) -> list[str]:
    for node in tree_of(module).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return sorted(ast.literal_eval(node.value), key=str.lower)
    return []


def path_of(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if (path / "__init__.py").exists() else path.with_suffix(".py")


@functools.cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(path_of(module).read_text(encoding="utf-8"))


def docstring(node: ast.AST) -> str:
    return ast.get_docstring(node) or ""  # type: ignore[arg-type]


def first_line(text: str) -> str:
    return text.partition("\n")[0]


def code_cell(text: str) -> str:
    """Code in a table. Readers of Markdown disagree about a bar between backticks."""
    if "|" not in text:
        return f"`{text}`" if text else ""
    return f"<code>{html.escape(text, quote=False).replace('|', '&#124;')}</code>"


def escape(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    main()
