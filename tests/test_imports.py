"""Imports point one way, use declared packages only, and do no work."""

from __future__ import annotations

import ast
import compileall
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# A module may import modules of its own layer and of the layers below it; inside a layer there must be no cycle.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("grid_kernels",),
    ("metta_jax",),  # the package itself: its version, and `make`, which imports when it is called
    ("core",),
    ("mapgen",),
    ("config",),
    ("mettagrid", "monitor"),
    ("replays",),
    ("agent", "curriculum", "worlds", "viewer"),
    ("rl", "store", "sim", "adapters", "conformance", "trainer", "parallel", "sweep", "cli"),
    ("api", "__main__"),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}

# What a declared package is imported as; pydantic documents its core package as the place of some of its names.
IMPORT_NAMES = {
    "orbax-checkpoint": {"orbax"},
    "pillow": {"PIL"},
    "pyyaml": {"yaml"},
    "pydantic": {"pydantic", "pydantic_core"},
}


def test_imports_point_one_way() -> None:
    wrong = [
        f"{path}:{line}: {importer} may not import {imported}"
        for path, importer, line, imported in _internal_imports()
        if RANK[imported] > RANK[importer] or (importer == "grid_kernels" and imported != "grid_kernels")
    ]
    assert not wrong, "\n".join(wrong)


def test_no_cycle_between_packages() -> None:
    graph: dict[str, set[str]] = {}
    for _, importer, _, imported in _internal_imports():
        if importer != imported:
            graph.setdefault(importer, set()).add(imported)
    assert _find_cycle(graph) is None


def test_no_import_by_name_goes_around_the_layers() -> None:
    """`importlib.import_module` is for the packages of others; a package may look up its own optional modules."""
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}"
        for folder in ("metta_jax", "grid_kernels")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith(("import_module", "__import__"))
        and any(
            "metta_jax" in ast.unparse(argument) or "grid_kernels" in ast.unparse(argument) for argument in node.args
        )
    ]
    assert not wrong, "\n".join(wrong)


def test_grid_kernels_needs_jax_and_numpy_only() -> None:
    wrong = [
        f"{path}:{line}: {module}"
        for path, line, module in _external_imports("grid_kernels")
        if module.split(".")[0] not in {"jax", "numpy"}
    ]
    assert not wrong, "\n".join(wrong)


def test_map_generators_need_no_jax_and_no_engine() -> None:
    """They run on the host; maps that are drawn on the device are the engine's."""
    wrong = [
        f"{path}:{line}: {module}"
        for folder in ("metta_jax/core", "metta_jax/mapgen")
        for path, line, module in _external_imports(folder)
        if module.split(".")[0] in {"jax", "flax"}
    ]
    wrong += [
        f"{path}:{line}: {imported}"
        for path, importer, line, imported in _internal_imports()
        if importer == "mapgen" and imported not in {"mapgen", "core", "metta_jax"}
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("folder", "extras"), [("metta_jax", ()), ("examples", ()), ("benchmarks", ()), ("tests", ("test",))]
)
def test_every_third_party_import_is_declared(folder: str, extras: tuple[str, ...]) -> None:
    allowed = _declared(extras)
    wrong = [
        f"{path}:{line}: {module}"
        for path, line, module in _external_imports(folder)
        if module.split(".")[0] not in allowed
    ]
    assert not wrong, "\n".join(wrong)


def test_import_does_no_work_on_the_device() -> None:
    program = (
        "import sys, metta_jax.api\n"
        "from jax._src import xla_bridge\n"
        "sys.exit('a backend was started by the import' if xla_bridge.backends_are_initialized() else 0)\n"
    )
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_the_package_alone_imports_nothing() -> None:
    """`metta_jax.make` imports what it needs when it is called."""
    program = (
        "import sys; before = set(sys.modules); import metta_jax; assert callable(metta_jax.make)\n"
        "added = {name.split('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)\n"
        "sys.exit(0 if added == {'metta_jax'} else str(added))"
    )
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_the_names_come_without_waiting_for_all_of_them() -> None:
    """`metta_jax.api` loads what is used; nothing loads what only pictures and checkpoints need."""
    program = (
        "import sys, metta_jax.api\n"
        "found = [name for name in ('jax', 'numpy', 'pydantic') if name in sys.modules]\n"
        "for name in metta_jax.api.__all__:\n"
        "    getattr(metta_jax.api, name)\n"
        "assert not hasattr(metta_jax.api, 'ast_of_nothing')\n"
        "found += [name for name in ('matplotlib', 'orbax', 'pandas', 'PIL') if name in sys.modules]\n"
        "sys.exit(f'loaded: {found}' if found else 0)\n"
    )
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_an_installation_without_sources_works(tmp_path: Path) -> None:
    """Of compiled files alone, as some packagers make them."""
    for package in ("metta_jax", "grid_kernels"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    assert compileall.compile_dir(tmp_path, quiet=2, legacy=True)
    for source in tmp_path.rglob("*.py"):
        source.unlink()
    program = tmp_path / "program.py"
    program.write_text(
        "import metta_jax.api as api\n"
        "assert api.__file__.endswith('.pyc')\n"
        "assert all(getattr(api, name) is not None for name in api.__all__)\n"
        "watch = api.Stopwatch()\n"
        "with watch.time('a'):\n"
        "    pass\n"
        "assert watch.get_filename('a') == 'program.py', watch.get_filename('a')\n",
        encoding="utf-8",
    )
    result = subprocess.run([sys.executable, program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def _layer_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[0] == "grid_kernels":
        return "grid_kernels"
    return "metta_jax" if parts[1] == "__init__" else parts[1]


def _internal_imports() -> Iterator[tuple[Path, str, int, str]]:
    """(file, importing layer name, line, imported layer name) for every import of our own packages."""
    for folder in ("metta_jax", "grid_kernels"):
        for path, line, module in _imports(folder):
            if path == ROOT / "metta_jax" / "__init__.py":
                continue  # see test_the_package_alone_imports_nothing
            parts = module.split(".")
            if parts[0] == "grid_kernels":
                yield path.relative_to(ROOT), _layer_name(path), line, "grid_kernels"
            elif parts[0] == "metta_jax":
                imported = parts[1] if len(parts) > 1 and parts[1] in RANK else "metta_jax"
                yield path.relative_to(ROOT), _layer_name(path), line, imported


def _external_imports(folder: str) -> Iterator[tuple[Path, int, str]]:
    ours = {"metta_jax", "grid_kernels", "tests", "benchmarks", "examples"}
    siblings = {path.stem for path in (ROOT / folder).rglob("*.py")} if folder != "metta_jax" else set()
    for path, line, module in _imports(folder):
        top = module.split(".")[0]
        if top not in ours and top not in siblings and top not in sys.stdlib_module_names:
            yield path.relative_to(ROOT), line, module


def _imports(folder: str) -> Iterator[tuple[Path, int, str]]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        package = path.relative_to(ROOT).parent.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield path, node.lineno, alias.name
            elif isinstance(node, ast.ImportFrom):
                base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
                module = ".".join(part for part in (base, node.module) if part)
                # `from metta_jax import worlds` names the package in its list.
                for alias in node.names:
                    yield path, node.lineno, f"{module}.{alias.name}"


def _declared(extras: tuple[str, ...]) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = list(project["dependencies"])
    for extra in extras:
        requirements += project["optional-dependencies"][extra]
    names = (requirement.split(">")[0].split("=")[0].split("[")[0].strip() for requirement in requirements)
    return {module for name in names for module in IMPORT_NAMES.get(name, {name.replace("-", "_")})}


def _find_cycle(graph: dict[str, set[str]]) -> list[str] | None:
    finished: set[str] = set()

    def visit(name: str, path: list[str]) -> list[str] | None:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in finished:
            return None
        for child in sorted(graph.get(name, ())):
            cycle = visit(child, [*path, name])
            if cycle:
                return cycle
        finished.add(name)
        return None

    for name in sorted(graph):
        cycle = visit(name, [])
        if cycle:
            return cycle
    return None
