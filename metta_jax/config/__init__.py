"""Configurations: frozen, hashable, checked when they are made."""

from metta_jax.config.actions import ActionConfig, ActionsConfig, AttackActionConfig, ChangeGlyphActionConfig
from metta_jax.config.agent import AGENT_PRESETS, AgentConfig, ObservationsConfig
from metta_jax.config.base import Config, ConfigError, FrozenDict, deep_merge
from metta_jax.config.directories import RunPaths, run_directories
from metta_jax.config.env import EnvConfig
from metta_jax.config.game import GameConfig, GlobalObsConfig, known_resources
from metta_jax.config.game_agent import AgentGameConfig, GroupConfig, GroupPropsConfig, RewardsConfig
from metta_jax.config.learning import (
    AdvantageConfig,
    KickstartConfig,
    KickstartTeacherConfig,
    LRSchedulerConfig,
    OptimizerConfig,
    PPOConfig,
    PrioritizedExperienceReplayConfig,
    RecurrenceConfig,
    VTraceConfig,
)
from metta_jax.config.objects import ConverterConfig, WallConfig
from metta_jax.config.run_presets import RUN_PRESETS, RunPreset, run_preset
from metta_jax.config.running import (
    CheckpointConfig,
    InitialPolicyConfig,
    ProfilerConfig,
    SimulationConfig,
    TorchProfilerConfig,
)
from metta_jax.config.simulation import SimulationSuiteConfig, SingleEnvSimulationConfig
from metta_jax.config.store import PolicyStoreConfig
from metta_jax.config.trainer import TrainerConfig
from metta_jax.config.trainer_presets import (
    create_default_trainer_config,
    create_trainer_config,
    parse_trainer_config,
)

__all__ = [
    "AGENT_PRESETS",
    "RUN_PRESETS",
    "ActionConfig",
    "ActionsConfig",
    "AdvantageConfig",
    "AgentConfig",
    "AgentGameConfig",
    "AttackActionConfig",
    "ChangeGlyphActionConfig",
    "CheckpointConfig",
    "Config",
    "ConfigError",
    "ConverterConfig",
    "EnvConfig",
    "FrozenDict",
    "GameConfig",
    "GlobalObsConfig",
    "GroupConfig",
    "GroupPropsConfig",
    "InitialPolicyConfig",
    "KickstartConfig",
    "KickstartTeacherConfig",
    "LRSchedulerConfig",
    "ObservationsConfig",
    "OptimizerConfig",
    "PPOConfig",
    "PolicyStoreConfig",
    "PrioritizedExperienceReplayConfig",
    "ProfilerConfig",
    "RecurrenceConfig",
    "RewardsConfig",
    "RunPaths",
    "RunPreset",
    "SimulationConfig",
    "SimulationSuiteConfig",
    "SingleEnvSimulationConfig",
    "TorchProfilerConfig",
    "TrainerConfig",
    "VTraceConfig",
    "WallConfig",
    "create_default_trainer_config",
    "create_trainer_config",
    "deep_merge",
    "known_resources",
    "parse_trainer_config",
    "run_directories",
    "run_preset",
]
