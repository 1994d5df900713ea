#!/usr/bin/env -S uv run
# /// script
# requires-python = ">=3.11"
# dependencies = ["metta-jax"]
#
# [tool.uv.sources]
# metta-jax = { path = "..", editable = true }
# ///
"""The complete example: train four agents to mine, to make batteries, and to trade them for hearts.

Everything that training, evaluation, replays, monitoring and checkpoints need is in this file, as explicit calls. Stop
it at any moment (control-C saves first) and start the same command again: it resumes, bit for bit. Into --out go

    run_config.json     the configuration            checkpoints/   policies, and the training state
    metrics.jsonl       one line for each update     replays/       recorded episodes, and pages that play them
    learning_curve.png, run.png                      stats/         evaluations, DuckDB databases
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import jax

from metta_jax.api import (
    Agent,
    CheckpointConfig,
    ConsoleLog,
    Environment,
    JsonLinesLog,
    LRSchedulerConfig,
    MemoryMonitor,
    MultiLog,
    OptimizerConfig,
    PolicyRecord,
    PolicyStore,
    PPOConfig,
    RunConfig,
    RunLock,
    SimulationConfig,
    SimulationSuite,
    SimulationSuiteConfig,
    SingleEnvSimulationConfig,
    SystemMonitor,
    TrainerConfig,
    TrainingComponents,
    TrainState,
    cleanup_old_policies,
    collect_metrics,
    divide_training,
    epoch_line,
    explain_out_of_memory,
    find_device,
    http_url,
    load_train_state,
    make_cpu_devices,
    num_cores,
    player_url,
    plot_learning_curve,
    plot_run,
    read_json_lines,
    record_heartbeat,
    resume_run,
    save_checkpoint,
    save_run_config,
    save_train_state,
    write_training_replay,
    write_viewer,
)
from metta_jax.trainer import REWARDS, EpisodeRewards, StopSignals, check_same_run, forget_records_after, forget_run

# What one may want to change. The numbers are for two cores and a few minutes; some can be given as arguments too.
# The rules of the default world, with more to find; in that world itself nothing is learned within minutes.
WORLD: dict[str, Any] = {"curriculum_path": "forage"}
NUM_ENVS = 64
AGENT = "fast"  # or "default", a larger network
TOTAL_STEPS = 1_000_000  # agent steps
MAX_MINUTES = 1.75  # of training, compilation included
HORIZON = 64  # steps of a row, over which gradients run back
NUM_MINIBATCHES = 32  # many small ones: early on it is the number of optimizer steps that counts
PPO = PPOConfig(clip_coef=0.2, ent_coef=0.002, gamma=0.99, gae_lambda=0.95)
OPTIMIZER = OptimizerConfig(type="adam", learning_rate=2e-3)  # bolder than the defaults, which are for long runs
SCHEDULE = LRSchedulerConfig(enabled=True, schedule_type="linear")
CHECKPOINT_INTERVAL, EVALUATE_INTERVAL, REPLAY_INTERVAL = 20, 100, 100  # epochs
LOG_INTERVAL, GRADIENT_INTERVAL = 10, 10  # epochs
EPISODES = 4  # of an evaluation, in the world of the run
# A differently shaped room that the policy has not seen, with shorter episodes, since few policies find anything there.
ELSEWHERE: dict[str, Any] = {"env": "/env/mettagrid/simple", "env_overrides": {"game": {"max_steps": 200}}}


def main() -> None:
    args = parse_arguments()
    out = Path(args.out)
    jax.config.update("jax_compilation_cache_dir", args.cache)  # what was compiled once need not be compiled again

    # 1. The device, the configuration, and what is static: environments, agent, training functions.
    make_cpu_devices(num_cores() if args.devices == "all" else args.devices)
    device = find_device(args.device) or jax.devices()[0]
    print(f"Using device: {device} ({device.device_kind})")
    world = {"curriculum_path": args.world} if args.world else WORLD
    env_device = args.device if args.devices == 1 else None  # None: divided among the devices
    env = Environment(**world, num_envs=args.num_envs, seed=args.seed, device=env_device)
    config = trainer_config(args, num_agents=args.num_envs * env.num_agents)
    agent = Agent(env, AGENT)
    policy_store = PolicyStore({"checkpoint_dir": config.paths.checkpoints, "device": args.device})
    training = divide_training(TrainingComponents.create(env, agent, config, policy_store), device)

    # 2. The training state: one pytree of arrays, that of the last checkpoint if there is one.
    lock = RunLock(config.paths)  # ValueError here and below: the directory belongs to another run
    if args.fresh:
        forget_run(config.paths)
    environment = {**world, "num_envs": args.num_envs, "seed": args.seed}
    check_same_run(RunConfig.model_validate({"trainer": config, "environment": environment, "agent": AGENT}))
    state = load_train_state(config.paths.checkpoints, training)
    if state is None:
        state = training.init(jax.random.key(args.seed))
        save_run_config(out, config, environment, AGENT, seed=args.seed)
    else:
        print(f"Resumed at epoch {int(state.epoch)}, {int(state.agent_step):,} agent steps")
        state = training.place(state)  # a checkpoint does not depend on the number of devices
    forget_records_after(out / "metrics.jsonl", int(state.agent_step))  # a killed run plays those steps again
    record = resume_run(training, policy_store, state)  # the policy that was saved last; the timer continues

    # 3. Monitors. A getter returns the current object at each reading: states are replaced every step.
    memory = MemoryMonitor()
    memory.add(lambda: state, name="TrainState", track_attributes=True)
    memory.add(lambda: state and state.params, name="Agent")
    system = SystemMonitor(sampling_interval_sec=1.0, history_size=100, auto_start=True)

    # 4. The loop.
    timer = training.timer
    timer.start()
    step, epoch, start = int(state.agent_step), int(state.epoch), time.monotonic()
    rewards = EpisodeRewards()
    history: dict[int, dict[str, float]] = {}  # scores by epoch
    scores, metrics = {}, {}
    log = MultiLog(JsonLinesLog(out / "metrics.jsonl"), ConsoleLog(config.total_timesteps, start_step=step))
    memory_hint = explain_out_of_memory(training, lambda: state)  # says which sizes would fit
    with log, memory_hint, StopSignals() as stop:  # control-C ends the loop after the update that is being computed
        while step < config.total_timesteps and time.monotonic() - start < 60 * args.max_minutes and not stop.requested:
            with timer.time("_rollout"):
                state, batch = training.rollout(state)
                jax.block_until_ready(batch)
            with timer.time("_train"):
                # `examples/written_out_loop.py` does the same in single steps: advantages, minibatches, losses.
                state, update = training.update(state, batch)
                jax.block_until_ready(state.params)
            step, epoch = int(state.agent_step), int(state.epoch)
            timer.lap_all(step, exclude_global=False)

            due = epoch % LOG_INTERVAL == 0
            record_heartbeat()
            more: dict[str, Any] = {"system": system, "memory": memory} if due else {}
            more["parameters"] = {"generation": 0, "latest_saved_policy_epoch": record.metadata.epoch if record else 0}
            more["stats"] = training.accumulate_stats(None, training.episode_stats(state))
            metrics = collect_metrics(update, agent_step=step, epoch=epoch, timer=timer, evaluation=scores, **more)
            metrics |= dict.fromkeys(REWARDS, rewards.add(metrics))
            log.log(metrics, step)
            scores = {}

            if epoch % args.checkpoint_interval == 0:
                record = save(state, training, policy_store, metrics)
                # Only a policy that is on disk is evaluated and recorded.
                log.set_activity("evaluating, recording")
                if not args.no_evaluation and epoch % args.evaluate_interval == 0:
                    scores = history[epoch] = evaluate(record, policy_store, env, out, args.seed)
                make_replay(record, env, config, epoch, args.base_url)
    trained = time.monotonic() - start

    # 5. The final checkpoint, evaluation and replay, and what is left of the run.
    if record is None or record.metadata.epoch != epoch:
        record = save(state, training, policy_store, metrics, final=True)
    if not args.no_evaluation and not stop.requested and epoch not in history:
        print("evaluating ...", flush=True)
        history[epoch] = evaluate(record, policy_store, env, out, args.seed)
        make_replay(record, env, config, epoch, args.base_url, always=True)
    lock.close()
    system.stop()
    report(out, metrics, history, system)
    if stop.requested:
        print("stopped; the same command resumes from here")
    print(f"{step:,} agent steps, {trained:.0f} s of training now. The newest policy is {record.uri}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--world", help="a name, see `metta-jax worlds` (default: forage)")
    parser.add_argument("--total-steps", type=int, default=TOTAL_STEPS, help="agent steps (default: %(default)s)")
    parser.add_argument("--max-minutes", type=float, default=MAX_MINUTES, help="of training (default: %(default)s)")
    parser.add_argument("--num-envs", type=int, default=NUM_ENVS, help="default: %(default)s")
    parser.add_argument("--horizon", type=int, default=HORIZON, help="steps of a row (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of all random numbers (default: %(default)s)")
    parser.add_argument("--device", help="cpu, gpu or tpu (default: the best one available)")
    parser.add_argument("--devices", type=lambda n: n if n == "all" else int(n), default=1, help="a number, or all")
    parser.add_argument("--out", default="out/run", help="directory of everything that is written")
    parser.add_argument("--base-url", help="where others can load the files of <out>/replays, for addresses of replays")
    parser.add_argument("--cache", default=".cache/jax", help="directory of compiled programs (default: %(default)s)")
    parser.add_argument("--fresh", action="store_true", help="start over instead of resuming the run in --out")
    parser.add_argument("--no-evaluation", action="store_true", help="no evaluation, and no replay at the end")
    for name in ("checkpoint", "evaluate", "replay"):
        default = globals()[f"{name.upper()}_INTERVAL"]
        parser.add_argument(f"--{name}-interval", type=int, default=default, help="epochs (default: %(default)s)")
    return parser.parse_args()


def trainer_config(args: argparse.Namespace, num_agents: int) -> TrainerConfig:
    """Every agent's steps of one rollout are one row of the batch."""
    return TrainerConfig(
        total_timesteps=args.total_steps,
        batch_size=num_agents * args.horizon,
        minibatch_size=max(num_agents // NUM_MINIBATCHES, 1) * args.horizon,
        bptt_horizon=args.horizon,
        ppo=PPO,
        optimizer=OPTIMIZER,
        lr_scheduler=SCHEDULE,
        checkpoint=CheckpointConfig(checkpoint_interval=args.checkpoint_interval),
        simulation=SimulationConfig(evaluate_interval=args.evaluate_interval, replay_interval=args.replay_interval),
        grad_mean_variance_interval=GRADIENT_INTERVAL,
        run_dir=args.out,
        devices=args.devices,
    )


def save(
    state: TrainState, training: TrainingComponents, policy_store: PolicyStore, metrics: dict[str, Any], **more: Any
) -> PolicyRecord:
    """A checkpoint: the policy for playing, the training state to resume from. The 5 newest stay."""
    stats = {name: value for name, value in metrics.items() if name.startswith(("overview/", "losses/"))}
    metadata = {"train_time": metrics.get("metric/train_time", 0.0), "stats": stats, **more}
    directory = training.config.paths.checkpoints
    with training.timer.time("checkpoint"):
        record = save_checkpoint(state, policy_store, int(state.epoch), metadata, agent=training.plan.agent)
        save_train_state(directory, state, training, policy_path=record)
        cleanup_old_policies(directory, keep_last_n=5)
    return record


def evaluate(
    record: PolicyRecord, policy_store: PolicyStore, env: Environment, out: Path, seed: int
) -> dict[str, float]:
    """Scores by simulation and by category: the mean reward of an agent in an episode. `--selector top` uses them."""
    simulations = {
        "trained/world": SingleEnvSimulationConfig(env=env.env_config, num_episodes=EPISODES, max_time_s=60),
        "elsewhere/simple": SingleEnvSimulationConfig(**ELSEWHERE, num_episodes=EPISODES, max_time_s=60),
    }
    suite = SimulationSuiteConfig(name="evaluation", simulations=simulations)
    options: dict[str, Any] = {"stats_dir": out / "stats", "key": jax.random.key(seed), "device": env.device}
    with SimulationSuite(suite, record, policy_store, **options).simulate() as results:
        policy_store.update_metadata(record, results.scores.to_metadata())
        return results.scores.to_metrics()


def make_replay(
    record: PolicyRecord,
    env: Environment,
    config: TrainerConfig,
    epoch: int,
    base_url: str | None,
    always: bool = False,
) -> None:
    """A recorded episode every `replay_interval` epochs, a page that plays it, and the address for MetaScope."""
    simulation = config.simulation.replace(replay_interval=1) if always else config.simulation
    directory = Path(config.paths.replays)
    replay = write_training_replay(record, env, simulation, epoch, replay_dir=directory, device=env.device)
    if replay is None:
        return
    title = f"{env.task_names[0]} · {config.paths.run}/{record.run_name}"
    page = write_viewer(replay, directory / f"epoch_{epoch:04}.html", title=title)
    print(f"replay of epoch {epoch}: {page.resolve().as_uri()}")
    if base_url is not None:
        print(f"in MetaScope: {player_url(http_url(replay, base_url, root=directory))}")


def report(out: Path, metrics: dict[str, Any], history: dict[int, dict[str, float]], system: SystemMonitor) -> None:
    """What came out: the last figures on the screen, all of them as pictures."""
    if metrics:
        print(epoch_line(metrics["metric/epoch"], metrics))
        print(", ".join(f"{name[7:]} {value:.4g}" for name, value in metrics.items() if name.startswith("losses/")))
    if "grad/norm" in metrics:
        parts = (f"{name} {metrics[f'grad/{name}']:.2e}" for name in ("mean", "variance", "norm", "clipped_norm"))
        print(f"gradient: {', '.join(parts)}")
    for epoch, scores in history.items():
        shown = (f"{name} {score:.2f}" for name, score in scores.items() if not name.endswith("/score"))
        print(f"evaluation at epoch {epoch}, reward per agent and episode: {', '.join(shown)}")
    now = system.get_summary()
    print(f"this process: {now['process_memory_mb']:.0f} MB, {now['process_cpu_percent']:.0f} % of a core")
    if records := read_json_lines(out / "metrics.jsonl"):
        print(plot_learning_curve(records, out / "learning_curve.png", title=f"PPO, agent {AGENT}", smoothing=0.5))
        print(plot_run(records, out / "run.png", smoothing=0.5))


if __name__ == "__main__":
    try:
        main()
    except (MemoryError, OSError, ValueError) as mistake:  # wrong arguments, another run in --out, or sizes too large
        sys.exit(f"run.py: {'; '.join(str(mistake).splitlines())}")
