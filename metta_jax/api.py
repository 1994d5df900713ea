"""Every public name in one place; nothing is defined here.

A name is loaded when it is first used, so that a program waits only for what it needs: `import metta_jax.api` itself
loads nothing, not even JAX. Editors and type checkers read the imports below.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metta_jax.adapters import EngineFacts, NumpyEnv, PolicyDriver, original_orders
    from metta_jax.agent import (
        Agent,
        Architecture,
        ArchitectureOutput,
        Policy,
        PolicyOutput,
        find_device,
    )
    from metta_jax.config import (
        AgentConfig,
        CheckpointConfig,
        EnvConfig,
        GameConfig,
        InitialPolicyConfig,
        KickstartConfig,
        KickstartTeacherConfig,
        LRSchedulerConfig,
        OptimizerConfig,
        PPOConfig,
        PrioritizedExperienceReplayConfig,
        ProfilerConfig,
        SimulationConfig,
        SimulationSuiteConfig,
        SingleEnvSimulationConfig,
        TorchProfilerConfig,
        TrainerConfig,
        VTraceConfig,
        create_default_trainer_config,
        create_trainer_config,
        parse_trainer_config,
        run_directories,
    )
    from metta_jax.curriculum import Curriculum, CurriculumState
    from metta_jax.mettagrid import BatchEnv, MettaGrid, VectorEnv
    from metta_jax.monitor import (
        ConsoleLog,
        CsvLog,
        DuckDbLog,
        EpochProfiler,
        JsonLinesLog,
        Logger,
        MemoryMonitor,
        MultiLog,
        ProgressLine,
        RunConfig,
        Stopwatch,
        SystemMonitor,
        TensorBoardLog,
        WandbLog,
        collect_metrics,
        due_weight_metrics,
        epoch_line,
        load_run_config,
        plot_learning_curve,
        plot_run,
        read_json_lines,
        record_heartbeat,
        save_run_config,
        timing_metrics,
        watch_heartbeat,
    )
    from metta_jax.parallel import (
        divide_training,
        env_mesh,
        init_population,
        make_cpu_devices,
        num_cores,
        population_step,
        shard_train_state,
        shard_training,
    )
    from metta_jax.replays import Replay, read_replay, write_replay
    from metta_jax.rl import (
        MinibatchLoss,
        TrainingComponents,
        TrainState,
        accumulate_rollout_stats,
        calculate_anneal_beta,
        calculate_batch_sizes,
        calculate_explained_variance,
        calculate_prioritized_sampling_params,
        check_env,
        check_policy,
        compute_advantage,
        compute_gradient_stats,
        compute_ppo_losses,
        diversity_factors,
        explain_out_of_memory,
        get_lstm_config,
        loss_stats,
        memory_needs,
        minibatch_loss,
        normalize_advantage_distributed,
        perform_rollout_step,
        process_minibatch_update,
        unpack_infos,
        validate_policy_environment_match,
    )
    from metta_jax.sim import (
        EvalRewardSummary,
        EvalStatsDB,
        Simulation,
        SimulationCompatibilityError,
        SimulationResults,
        SimulationSuite,
        evaluate_policy,
        extract_scores,
        http_url,
        player_url,
        simulate,
        write_training_replay,
    )
    from metta_jax.store import (
        BackgroundSaver,
        PolicyMetadata,
        PolicyRecord,
        PolicyStore,
        cleanup_old_policies,
        find_initial_policy,
        load_checkpoint,
        load_original_weights,
        load_train_state,
        make_model_name,
        save_checkpoint,
        save_train_state,
    )
    from metta_jax.trainer import (
        RunLock,
        TrainResult,
        make_run,
        resume_run,
        run_training,
        train,
    )
    from metta_jax.viewer import (
        ReplayView,
        StateView,
        draw,
        open_viewer,
        replay_html,
        write_viewer,
    )
    from metta_jax.worlds import World, WorldOptions, list_curricula, make_curriculum
    from metta_jax.worlds.environment import Environment
    from metta_jax.worlds.object_types import (
        TYPE_AGENT,
        TYPE_ALTAR,
        TYPE_ARMORY,
        TYPE_FACTORY,
        TYPE_GENERATOR_BLUE,
        TYPE_GENERATOR_GREEN,
        TYPE_GENERATOR_RED,
        TYPE_GENERIC_CONVERTER,
        TYPE_LAB,
        TYPE_LASERY,
        TYPE_MINE_BLUE,
        TYPE_MINE_GREEN,
        TYPE_MINE_RED,
        TYPE_TEMPLE,
        TYPE_WALL,
    )
    from metta_jax.worlds.registered import register_world, unregister_world

__all__ = [
    "TYPE_AGENT",
    "TYPE_ALTAR",
    "TYPE_ARMORY",
    "TYPE_FACTORY",
    "TYPE_GENERATOR_BLUE",
    "TYPE_GENERATOR_GREEN",
    "TYPE_GENERATOR_RED",
    "TYPE_GENERIC_CONVERTER",
    "TYPE_LAB",
    "TYPE_LASERY",
    "TYPE_MINE_BLUE",
    "TYPE_MINE_GREEN",
    "TYPE_MINE_RED",
    "TYPE_TEMPLE",
    "TYPE_WALL",
    "Agent",
    "AgentConfig",
    "Architecture",
    "ArchitectureOutput",
    "BackgroundSaver",
    "BatchEnv",
    "CheckpointConfig",
    "ConsoleLog",
    "CsvLog",
    "Curriculum",
    "CurriculumState",
    "DuckDbLog",
    "EngineFacts",
    "EnvConfig",
    "Environment",
    "EpochProfiler",
    "EvalRewardSummary",
    "EvalStatsDB",
    "GameConfig",
    "InitialPolicyConfig",
    "JsonLinesLog",
    "KickstartConfig",
    "KickstartTeacherConfig",
    "LRSchedulerConfig",
    "Logger",
    "MemoryMonitor",
    "MettaGrid",
    "MinibatchLoss",
    "MultiLog",
    "NumpyEnv",
    "OptimizerConfig",
    "PPOConfig",
    "Policy",
    "PolicyDriver",
    "PolicyMetadata",
    "PolicyOutput",
    "PolicyRecord",
    "PolicyStore",
    "PrioritizedExperienceReplayConfig",
    "ProfilerConfig",
    "ProgressLine",
    "Replay",
    "ReplayView",
    "RunConfig",
    "RunLock",
    "Simulation",
    "SimulationCompatibilityError",
    "SimulationConfig",
    "SimulationResults",
    "SimulationSuite",
    "SimulationSuiteConfig",
    "SingleEnvSimulationConfig",
    "StateView",
    "Stopwatch",
    "SystemMonitor",
    "TensorBoardLog",
    "TorchProfilerConfig",
    "TrainResult",
    "TrainState",
    "TrainerConfig",
    "TrainingComponents",
    "VTraceConfig",
    "VectorEnv",
    "WandbLog",
    "World",
    "WorldOptions",
    "accumulate_rollout_stats",
    "calculate_anneal_beta",
    "calculate_batch_sizes",
    "calculate_explained_variance",
    "calculate_prioritized_sampling_params",
    "check_env",
    "check_policy",
    "cleanup_old_policies",
    "collect_metrics",
    "compute_advantage",
    "compute_gradient_stats",
    "compute_ppo_losses",
    "create_default_trainer_config",
    "create_trainer_config",
    "diversity_factors",
    "divide_training",
    "draw",
    "due_weight_metrics",
    "env_mesh",
    "epoch_line",
    "evaluate_policy",
    "explain_out_of_memory",
    "extract_scores",
    "find_device",
    "find_initial_policy",
    "get_lstm_config",
    "http_url",
    "init_population",
    "list_curricula",
    "load_checkpoint",
    "load_original_weights",
    "load_run_config",
    "load_train_state",
    "loss_stats",
    "make_cpu_devices",
    "make_curriculum",
    "make_model_name",
    "make_run",
    "memory_needs",
    "minibatch_loss",
    "normalize_advantage_distributed",
    "num_cores",
    "open_viewer",
    "original_orders",
    "parse_trainer_config",
    "perform_rollout_step",
    "player_url",
    "plot_learning_curve",
    "plot_run",
    "population_step",
    "process_minibatch_update",
    "read_json_lines",
    "read_replay",
    "record_heartbeat",
    "register_world",
    "replay_html",
    "resume_run",
    "run_directories",
    "run_training",
    "save_checkpoint",
    "save_run_config",
    "save_train_state",
    "shard_train_state",
    "shard_training",
    "simulate",
    "timing_metrics",
    "train",
    "unpack_infos",
    "unregister_world",
    "validate_policy_environment_match",
    "watch_heartbeat",
    "write_replay",
    "write_training_replay",
    "write_viewer",
]


# Where each name of the imports above is, for `__getattr__`: a program has no imports that only type checkers read.
# fmt: off
_NAMES = {
    "metta_jax.adapters": "EngineFacts NumpyEnv PolicyDriver original_orders",
    "metta_jax.agent": "Agent Architecture ArchitectureOutput Policy PolicyOutput find_device",
    "metta_jax.config":
        "AgentConfig CheckpointConfig EnvConfig GameConfig InitialPolicyConfig KickstartConfig "
        "KickstartTeacherConfig LRSchedulerConfig OptimizerConfig PPOConfig PrioritizedExperienceReplayConfig "
        "ProfilerConfig SimulationConfig SimulationSuiteConfig SingleEnvSimulationConfig TorchProfilerConfig "
        "TrainerConfig VTraceConfig create_default_trainer_config create_trainer_config parse_trainer_config "
        "run_directories",
    "metta_jax.curriculum": "Curriculum CurriculumState",
    "metta_jax.mettagrid": "BatchEnv MettaGrid VectorEnv",
    "metta_jax.monitor":
        "ConsoleLog CsvLog DuckDbLog EpochProfiler JsonLinesLog Logger MemoryMonitor MultiLog ProgressLine "
        "RunConfig Stopwatch SystemMonitor TensorBoardLog WandbLog collect_metrics due_weight_metrics epoch_line "
        "load_run_config plot_learning_curve plot_run read_json_lines record_heartbeat save_run_config "
        "timing_metrics watch_heartbeat",
    "metta_jax.parallel":
        "divide_training env_mesh init_population make_cpu_devices num_cores population_step shard_train_state "
        "shard_training",
    "metta_jax.replays": "Replay read_replay write_replay",
    "metta_jax.rl":
        "MinibatchLoss TrainingComponents TrainState accumulate_rollout_stats calculate_anneal_beta "
        "calculate_batch_sizes calculate_explained_variance calculate_prioritized_sampling_params check_env "
        "check_policy compute_advantage compute_gradient_stats compute_ppo_losses diversity_factors "
        "explain_out_of_memory get_lstm_config loss_stats memory_needs minibatch_loss "
        "normalize_advantage_distributed perform_rollout_step process_minibatch_update unpack_infos "
        "validate_policy_environment_match",
    "metta_jax.sim":
        "EvalRewardSummary EvalStatsDB Simulation SimulationCompatibilityError SimulationResults SimulationSuite "
        "evaluate_policy extract_scores http_url player_url simulate write_training_replay",
    "metta_jax.store":
        "BackgroundSaver PolicyMetadata PolicyRecord PolicyStore cleanup_old_policies find_initial_policy "
        "load_checkpoint load_original_weights load_train_state make_model_name save_checkpoint save_train_state",
    "metta_jax.trainer": "RunLock TrainResult make_run resume_run run_training train",
    "metta_jax.viewer": "ReplayView StateView draw open_viewer replay_html write_viewer",
    "metta_jax.worlds": "World WorldOptions list_curricula make_curriculum",
    "metta_jax.worlds.environment": "Environment",
    "metta_jax.worlds.object_types":
        "TYPE_AGENT TYPE_ALTAR TYPE_ARMORY TYPE_FACTORY TYPE_GENERATOR_BLUE TYPE_GENERATOR_GREEN "
        "TYPE_GENERATOR_RED TYPE_GENERIC_CONVERTER TYPE_LAB TYPE_LASERY TYPE_MINE_BLUE TYPE_MINE_GREEN "
        "TYPE_MINE_RED TYPE_TEMPLE TYPE_WALL",
    "metta_jax.worlds.registered": "register_world unregister_world",
}
# fmt: on


def __getattr__(name: str) -> Any:
    home = next((module for module, names in _NAMES.items() if name in names.split()), None)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
