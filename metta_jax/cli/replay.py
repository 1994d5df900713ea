"""`metta-jax replay`: record an episode of a policy, look at recorded ones."""

from __future__ import annotations

import argparse
from pathlib import Path

import jax

from metta_jax.agent.device import device_name
from metta_jax.cli.own_world import own_world
from metta_jax.cli.paths import writable_directory
from metta_jax.monitor import load_run_config
from metta_jax.replays import read_replay
from metta_jax.store import PolicyRecord, PolicyStore, load_checkpoint
from metta_jax.viewer import open_viewer, write_viewer
from metta_jax.worlds.source import world_name


def make(options: argparse.Namespace) -> None:
    from metta_jax.sim import http_url, player_url, simulate

    store = PolicyStore({"device": options.device and device_name(options.device)})
    record = load_checkpoint(store, options.policy)
    world = options.world or own_world("--world", record)
    directory = options.out or record.file_path.parent.parent / "replays"
    writable_directory("--out", directory)
    play = {"replay_dir": directory, "key": jax.random.key(options.seed), "greedy": options.greedy}
    with simulate(record, world, options.num_episodes, device=options.device, **play) as results:
        replays = [Path(url) for urls in (results.replay_urls or {}).values() for url in urls]
        for (_, name), score in results.scores.simulation_scores.items():
            print(f"{record.run_name} in {name}: reward {score:.3f} an agent")
    named = options.world or load_run_config(record.file_path.parent.parent).environment.get("curriculum_path")
    title = f"{world_name(named, 'own world')} · {policy_name(record)}"
    for replay in replays:
        print(replay)
        if options.base_url is not None:
            print(player_url(http_url(replay, options.base_url, root=directory)))
        _show(replay, None, title, is_opened=not options.no_open)


def view(options: argparse.Namespace) -> None:
    _show(options.file, options.out, None, is_opened=not options.no_open)


def policy_name(record: PolicyRecord) -> str:
    """`forage/model_0062`: the run, and the policy."""
    run = record.file_path.parent.parent.name
    return f"{run}/{record.run_name}" if run else record.run_name


def _show(replay: Path, out: Path | None, title: str | None, *, is_opened: bool) -> None:
    name = replay.name.removesuffix(".z").removesuffix(".json")
    try:
        read_replay(replay)
        page = write_viewer(replay, out or replay.with_name(f"{name}.html"), title=title)
    except OSError as error:
        raise ValueError(f"{error.filename}: {error.strerror}") from None
    print(page)
    if is_opened and not open_viewer(page):
        print("No browser was found: open this page in one.")
