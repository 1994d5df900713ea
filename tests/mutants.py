"""Mutation test of grid_kernels and metta_jax/rl on a sample. It edits the sources: run it in a clone.

`python tests/mutants.py NUMBER SEED` draws NUMBER places of each package and one change of each, and has cosmic-ray try
them. Without arguments, as cosmic-ray calls it, it runs the tests of the module that is changed.
"""

import ast
import random
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

SESSION, CONFIG = Path("out/mutants.sqlite"), Path("out/mutants.toml")
SETTINGS = """[cosmic-ray]\nmodule-path = ["grid_kernels", "metta_jax/rl"]\ntimeout = 600.0\nexcluded-modules = []
test-command = "{} tests/mutants.py"\n[cosmic-ray.distributor]\nname = "local"\n"""
RUN = "tests/conformance/test_recorded_runs.py::test_the_engine_makes_the_run"
GAMES = [f"{RUN}[{run}-{path}]" for run in ("fuzz_0", "stress_converters") for path in ("narrow", "wide")]
LEARNING = [f"tests/rl/test_{name}.py" for name in ("losses", "rollout", "update", "contracts")]


def draw(number: int, seed: int) -> None:
    """Leave a sample in the session: no annotations, no error messages, no marks between parameters."""
    rng, db = random.Random(seed), sqlite3.connect(SESSION)
    places: dict[tuple[str, int, int], list[str]] = {}
    order = "module_path, start_pos_row, start_pos_col, operator_name, operator_args, occurrence"
    for path, row, column, *_, job in db.execute(f"SELECT {order}, job_id FROM mutation_specs ORDER BY {order}"):
        places.setdefault((path, row, column), []).append(job)
    sources = {path: Path(path).read_text(encoding="utf-8") for path, *_ in places}
    for path, source in sources.items():
        nodes: list[ast.expr | ast.stmt | None] = []
        for node in ast.walk(ast.parse(source)):
            nodes += [getattr(node, "annotation", None), getattr(node, "returns", None)]
            nodes += [node] if isinstance(node, ast.Raise) else []
        spans = [((n.lineno, n.col_offset), (n.end_lineno, n.end_col_offset)) for n in nodes if n is not None]
        for place in [place for place in places if place[0] == path]:
            if any(start <= place[1:] < end for start, end in spans):
                del places[place]
    jobs: list[str] = []
    for package in ("grid_kernels", "metta_jax"):
        for path, row, column in rng.sample([place for place in places if place[0].startswith(package)], number):
            job = rng.choice(places[path, row, column])
            jobs += [] if re.match(r"[*/]\s*,", sources[path].splitlines()[row - 1][column:]) else [job]
    for table in ("mutation_specs", "work_items"):
        db.execute(f"DELETE FROM {table} WHERE job_id NOT IN ({','.join('?' * len(jobs))})", jobs)
    db.commit()


def run_tests() -> int:
    """The exit code of the tests of the changed module, its own first."""
    changed = Path(subprocess.check_output(["git", "diff", "--name-only"], text=True).strip())
    folder, further = ("rl", LEARNING) if changed.parent.name == "rl" else ("grid_kernels", GAMES)
    tests = dict.fromkeys([f"tests/{folder}/test_{changed.stem}.py", *further])
    tests = [test for test in tests if Path(test.partition("::")[0]).exists()]
    return subprocess.call([sys.executable, "-m", "pytest", "-xq", *tests])


def main() -> None:
    if len(sys.argv) == 1:
        sys.exit(run_tests())
    CONFIG.parent.mkdir(exist_ok=True)
    CONFIG.write_text(SETTINGS.format(sys.executable), encoding="utf-8")
    subprocess.check_call(["cosmic-ray", "init", str(CONFIG), str(SESSION)])
    draw(int(sys.argv[1]), int(sys.argv[2]))
    subprocess.check_call(["cosmic-ray", "exec", str(CONFIG), str(SESSION)])


if __name__ == "__main__":
    main()
