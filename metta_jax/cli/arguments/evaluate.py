"""The arguments of `metta-jax eval`."""

from __future__ import annotations

from typing import Any

from metta_jax.cli.parser import add_device, add_import, late, place, seconds, seed, size

START, END = "===JSON_OUTPUT_START===", "===JSON_OUTPUT_END==="  # the lines around the JSON

_DESCRIPTION = f"""\
Plays every simulation of a suite with each policy, and prints JSON between the lines {START} and
{END}:

  {{simulation_suite, policies: [{{policy_uri, checkpoints: [
    {{name, uri, replay_url, metrics: {{
      reward_avg, reward_avg_category_normalized, detailed}}}}]}}]}}

reward_avg is the mean over simulations, reward_avg_category_normalized the mean over categories."""
_EXAMPLES = """\
examples:
  metta-jax eval out/forage --suite guide
  metta-jax eval out/a out/b --world arena/basic simple --num-episodes 10
  metta-jax eval out/forage --selector all --suite navigation --stats-db out/stats.duckdb"""


def add(commands: Any) -> None:
    """Add the command to a parser."""
    for name in ("eval", "sim"):  # the second is the original's name for it
        parser = commands.add_parser(
            name,
            **({"help": "scores of policies in a suite, as JSON"} if name == "eval" else {}),
            description=_DESCRIPTION,
            epilog=_EXAMPLES,
        )
        parser.add_argument("policies", nargs="+", metavar="policy", help="a policy, a run, or a directory of policies")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--suite", help="see `metta-jax worlds suites` (default: guide)")
        what.add_argument("--world", nargs="+", help="these worlds, names or files, instead of a suite")
        parser.add_argument("--num-episodes", type=size, help="of each simulation (default: the suite's)")
        parser.add_argument("--max-time-s", type=seconds, help="of each simulation (default: the suite's)")
        parser.add_argument(
            "--selector",
            choices=("latest", "top", "all", "rand"),
            default="latest",
            help="which of a directory's policies (default: %(default)s)",
        )
        parser.add_argument("--metric", default="score", help="what --selector top compares (default: %(default)s)")
        parser.add_argument("--stats-db", type=place, help="add everything to this DuckDB database")
        parser.add_argument("--replay-dir", type=place, help="write a replay of each episode")
        parser.add_argument("--replay-base-url", help="URL where others can load the files of --replay-dir")
        parser.add_argument("--seed", type=seed, default=0, help="of maps and actions (default: %(default)s)")
        parser.add_argument("--greedy", action="store_true", help="take the most probable actions")
        add_device(parser)
        add_import(parser)
        parser.set_defaults(run=late("metta_jax.cli.evaluate"))
