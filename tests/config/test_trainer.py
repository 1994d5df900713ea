"""TrainerConfig and its parts."""

from __future__ import annotations

import copy
import re
from typing import Any, ClassVar

import pytest

from metta_jax.config import (
    CheckpointConfig,
    ConfigError,
    InitialPolicyConfig,
    KickstartConfig,
    LRSchedulerConfig,
    OptimizerConfig,
    PPOConfig,
    PrioritizedExperienceReplayConfig,
    ProfilerConfig,
    SimulationConfig,
    TorchProfilerConfig,
    TrainerConfig,
    VTraceConfig,
    create_default_trainer_config,
    create_trainer_config,
    parse_trainer_config,
    run_directories,
)


@pytest.mark.parametrize(
    ("part", "defaults"),
    [
        (
            OptimizerConfig(),
            {
                "type": "adam",
                "learning_rate": 0.0004573146765703167,
                "beta1": 0.9,
                "beta2": 0.999,
                "eps": 1e-12,
                "weight_decay": 0,
            },
        ),
        (
            LRSchedulerConfig(),
            {"enabled": False, "anneal_lr": False, "warmup_steps": None, "schedule_type": None},
        ),
        (PrioritizedExperienceReplayConfig(), {"prio_alpha": 0, "prio_beta0": 0.6}),
        (VTraceConfig(), {"vtrace_rho_clip": 1, "vtrace_c_clip": 1}),
        (InitialPolicyConfig(), {"uri": None, "type": "top", "range": 1, "metric": "epoch", "filters": {}}),
        (CheckpointConfig(), {"checkpoint_interval": 60, "wandb_checkpoint_interval": 300, "checkpoint_dir": ""}),
        (SimulationConfig(), {"evaluate_interval": 300, "replay_interval": 300, "replay_dir": ""}),
        (
            PPOConfig(),
            {
                "clip_coef": 0.1,
                "ent_coef": 0.0021,
                "gae_lambda": 0.916,
                "gamma": 0.977,
                "max_grad_norm": 0.5,
                "vf_clip_coef": 0.1,
                "vf_coef": 0.44,
                "l2_reg_loss_coef": 0,
                "l2_init_loss_coef": 0,
                "norm_adv": True,
                "clip_vloss": True,
                "target_kl": None,
            },
        ),
        (ProfilerConfig(), {"interval_epochs": 10000, "profile_dir": ""}),
        (
            KickstartConfig(),
            {
                "teacher_uri": None,
                "action_loss_coef": 1,
                "value_loss_coef": 1,
                "anneal_ratio": 0.65,
                "kickstart_steps": 1_000_000_000,
                "additional_teachers": None,
            },
        ),
    ],
)
def test_defaults_of_parts(part: Any, defaults: dict[str, Any]) -> None:
    assert part.model_dump() == defaults


def test_defaults() -> None:
    values = TrainerConfig().model_dump()
    nested = {name for name, value in values.items() if isinstance(value, dict) and name != "env_overrides"}
    assert nested == {
        "ppo", "optimizer", "lr_scheduler", "prioritized_experience_replay", "vtrace", "kickstart", "initial_policy",
        "checkpoint", "simulation", "profiler", "recurrence", "advantage",
    }  # fmt: skip
    assert {name: value for name, value in values.items() if name not in nested} == {
        "total_timesteps": 50_000_000_000,
        "batch_size": 524288,
        "minibatch_size": 16384,
        "gradient_chunk_size": None,
        "acting_chunk_size": None,
        "bptt_horizon": 64,
        "update_epochs": 1,
        "forward_pass_minibatch_target_size": 4096,
        "async_factor": 2,
        "num_workers": 1,
        "zero_copy": True,
        "require_contiguous_env_ids": False,
        "cpu_offload": False,
        "scale_batches_by_world_size": False,
        "devices": None,
        "compile": False,
        "compile_mode": "reduce-overhead",
        "verbose": True,
        "env": None,
        "curriculum": "/env/mettagrid/curriculum/simple",
        "env_overrides": {},
        "grad_mean_variance_interval": 0,
        "target": "metta.rl.trainer.MettaTrainer",
        "run_dir": "./train_dir",
        "value_write_back": False,
        "minibatch_rows": "drawn",
        "row_groups": 1,
    }
    assert values["recurrence"] == {"reset_at_episode_end": True, "initial_state": "stored"}
    assert values["advantage"] == {
        "estimator": "importance_clipped",
        "bootstrap_last": True,
        "bootstrap_truncated": True,
    }


BOUNDS: list[tuple[str, list[Any], list[Any]]] = [
    ("optimizer/learning_rate", [0, 1.01], [1e-9, 1]),
    ("optimizer/beta1", [-0.1, 1, 1.1], [0, 0.999999]),
    ("optimizer/beta2", [-0.1, 1, 1.1], [0, 0.999999]),
    ("optimizer/eps", [0, -1, 2], [1e-18, 1]),
    ("optimizer/weight_decay", [-1, 2.1], [0, 2]),
    ("lr_scheduler/warmup_steps", [-1, 1.5], [0, 3, None]),
    ("lr_scheduler/schedule_type", ["step"], ["constant", "linear", "cosine", "exponential", None]),
    ("prioritized_experience_replay/prio_alpha", [-0.1, 1.1], [0, 1]),
    ("prioritized_experience_replay/prio_beta0", [-0.1, 1.1], [0, 1]),
    ("vtrace/vtrace_rho_clip", [0], [0.1, 1e6]),
    ("vtrace/vtrace_c_clip", [0], [0.1, 1e6]),
    ("initial_policy/type", ["rand"], ["top", "latest", "specific"]),
    ("initial_policy/range", [0], [1]),
    ("checkpoint/checkpoint_interval", [0], [1, 300]),
    ("checkpoint/wandb_checkpoint_interval", [-1], [0, 1, 10**6]),
    ("simulation/evaluate_interval", [-1], [0, 60]),
    ("simulation/replay_interval", [-1], [0, 1]),
    ("ppo/clip_coef", [0, 1.1], [0.001, 1]),
    ("ppo/ent_coef", [-0.1], [0]),
    ("ppo/gae_lambda", [-0.1, 1.1], [0, 1]),
    ("ppo/gamma", [-0.1, 1.1], [0, 1]),
    ("ppo/max_grad_norm", [0], [0.1]),
    ("ppo/vf_clip_coef", [-0.1], [0]),
    ("ppo/vf_coef", [-0.1], [0]),
    ("ppo/l2_reg_loss_coef", [-0.1], [0]),
    ("ppo/l2_init_loss_coef", [-0.1], [0]),
    ("ppo/target_kl", [0], [0.1, None]),
    ("profiler/interval_epochs", [-1], [0]),
    ("kickstart/action_loss_coef", [-1], [0]),
    ("kickstart/value_loss_coef", [-1], [0]),
    ("kickstart/anneal_ratio", [-0.1, 1.1], [0, 1]),
    ("kickstart/kickstart_steps", [0], [1]),
    ("recurrence/initial_state", ["last"], ["stored", "zero"]),
    ("compile_mode", ["fast"], ["default", "reduce-overhead", "max-autotune"]),
    ("total_timesteps", [0, 1.5], [1, 2**40]),
    ("batch_size", [0], [16384]),
    ("minibatch_size", [0], [64]),
    ("bptt_horizon", [0], [1, 16384]),
    ("update_epochs", [0], [1]),
    ("forward_pass_minibatch_target_size", [0], [1]),
    ("async_factor", [0], [1]),
    ("num_workers", [0], [1]),
    ("grad_mean_variance_interval", [-1], [0]),
]


@pytest.mark.parametrize(("path", "wrong", "right"), BOUNDS, ids=[path for path, _, _ in BOUNDS])
def test_bounds(path: str, wrong: list[Any], right: list[Any]) -> None:
    def nested(value: Any) -> dict[str, Any]:
        *parents, last = path.split("/")
        needed = {"enabled": True} if parents == ["lr_scheduler"] else {}  # without it the others are refused
        return {parents[0]: {**needed, last: value}} if parents else {last: value}

    for value in wrong:
        with pytest.raises(ConfigError, match=rf"^{re.escape(path.replace('/', '.'))}: .*{re.escape(str(value))}"):
            TrainerConfig(nested(value))  # type: ignore
    for value in right:
        TrainerConfig(nested(value))  # type: ignore


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"minibatch_size": 2048, "batch_size": 1024}, "minibatch_size must be <= batch_size"),
        ({"minibatch_size": 1024, "batch_size": 1536}, "batch_size must be divisible by minibatch_size"),
        ({"curriculum": None}, "curriculum or env must be set"),
        ({"curriculum": ""}, "curriculum or env must be set"),
        (
            {"simulation": {"evaluate_interval": 59}},
            r"evaluate_interval must be at least as large as checkpoint_interval \(59 < 60\)",
        ),
        ({"bptt_horizon": 48}, "minibatch_size 16384 must be divisible by bptt_horizon 48"),
        (
            {"bptt_horizon": 64, "minibatch_size": 32, "batch_size": 64},
            "minibatch_size 32 must be divisible by bptt_horizon 64",
        ),
        ({"require_contiguous_env_ids": True}, "require_contiguous_env_ids is not supported"),
        (
            {"cpu_offload": True},
            "cpu_offload: True is not supported: a rollout stays on the device that trains on it; gradient_chunk_size "
            "saves more memory",
        ),
        (
            {"gradient_chunk_size": 192},
            "gradient_chunk_size 192 must divide minibatch_size 16384 and be divisible by bptt_horizon 64",
        ),
        (
            {"gradient_chunk_size": 32},
            "gradient_chunk_size 32 must divide minibatch_size 16384 and be divisible by bptt_horizon 64",
        ),
        ({"_target_": "other.Trainer"}, "Unsupported trainer config: other.Trainer"),
        ({"target": "other.Trainer"}, "Unsupported trainer config: other.Trainer"),
    ],
)
def test_values_that_contradict_each_other(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f": {message}$") as caught:
        TrainerConfig(values)  # type: ignore
    assert len(caught.value.errors()) == 1
    assert re.fullmatch(message, caught.value.errors()[0]["msg"])


@pytest.mark.parametrize(
    "values",
    [
        {"simulation": {"evaluate_interval": 0}},
        {"simulation": {"evaluate_interval": 60}},
        {"simulation": {"evaluate_interval": 100}},  # less than wandb_checkpoint_interval
        {"checkpoint": {"wandb_checkpoint_interval": 1}},  # less than checkpoint_interval
        {"_target_": "metta.rl.trainer.MettaTrainer"},
        {"curriculum": None, "env": "/env/mettagrid/simple"},
    ],
)
def test_values_that_go_together(values: dict[str, Any]) -> None:
    TrainerConfig(values)  # type: ignore


def test_constructors_of_the_guide() -> None:
    assert TrainerConfig(ppo=PPOConfig(clip_coef=0.1)) == TrainerConfig()
    config = TrainerConfig(
        num_workers=4,
        total_timesteps=50_000_000,
        batch_size=524288,
        minibatch_size=16384,
        ppo=PPOConfig(clip_coef=0.2, ent_coef=0.01, gamma=0.99),
        optimizer=OptimizerConfig(type="adam", learning_rate=3e-4),
        checkpoint=CheckpointConfig(checkpoint_dir="./checkpoints", checkpoint_interval=100),
    )
    assert config.ppo.gamma == 0.99
    assert config.paths.checkpoints == "./checkpoints"
    PPOConfig(clip_coef=0.1, ent_coef=0.01, gamma=0.99, gae_lambda=0.95, vf_coef=0.5, max_grad_norm=0.5)
    OptimizerConfig(type="adam", learning_rate=3e-4, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0)
    SimulationConfig(evaluate_interval=300, replay_interval=300, replay_dir="./replays")
    assert TorchProfilerConfig is ProfilerConfig
    with pytest.raises(ConfigError, match=r"^ppo\.clip_coef: Input should be a valid number, not '0\.1'"):
        TrainerConfig.model_validate({"ppo": {"clip_coef": "0.1"}})


def test_paths() -> None:
    paths = TrainerConfig(run_dir="runs/a").paths
    assert (paths.checkpoints, paths.replays, paths.profiles, paths.stats) == (
        "runs/a/checkpoints",
        "runs/a/replays",
        "runs/a/profiles",
        "runs/a/stats",
    )
    assert paths.run == "a"
    assert TrainerConfig().paths.stats == "./train_dir/stats"
    paths = TrainerConfig(
        checkpoint=CheckpointConfig(checkpoint_dir="c"),
        simulation=SimulationConfig(replay_dir="r"),
        profiler=ProfilerConfig(profile_dir="p"),
    ).paths
    assert (paths.checkpoints, paths.replays, paths.profiles) == ("c", "r", "p")


def test_profiler_is_enabled_by_its_interval() -> None:
    assert ProfilerConfig().enabled
    assert not ProfilerConfig(interval_epochs=0).enabled


def test_curriculum_comes_before_env() -> None:
    assert TrainerConfig().curriculum_or_env == "/env/mettagrid/curriculum/simple"
    assert TrainerConfig(curriculum="a", env="b").curriculum_or_env == "a"
    assert TrainerConfig(curriculum=None, env="b").curriculum_or_env == "b"


def test_env_is_not_overruled_by_the_default_curriculum() -> None:
    assert TrainerConfig(env="b").curriculum_or_env == "b"
    assert TrainerConfig().replace(env="b").curriculum_or_env == "b"
    assert create_default_trainer_config(env="b").curriculum_or_env == "b"


def test_target_has_an_alias() -> None:
    config = TrainerConfig().replace(_target_="metta.rl.trainer.MettaTrainer")
    assert config == TrainerConfig(target="metta.rl.trainer.MettaTrainer")  # type: ignore


def test_run_directories(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.delenv("DATA_DIR", raising=False)
    monkeypatch.delenv("METTA_RUN", raising=False)
    monkeypatch.chdir(tmp_path)
    assert re.fullmatch(r"\./train_dir/run_\d{8}_\d{6}", run_directories().run_dir)
    assert run_directories("mine").checkpoints == "./train_dir/mine/checkpoints"
    monkeypatch.setenv("DATA_DIR", "/data")
    monkeypatch.setenv("METTA_RUN", "named")
    assert run_directories().run_dir == "/data/named"
    assert run_directories().run == "named"
    assert run_directories("mine").stats == "/data/mine/stats"
    assert list(tmp_path.iterdir()) == []  # nothing is made on disk


class TestDefaultTrainer:
    def test_defaults(self) -> None:
        config = create_default_trainer_config()
        assert config == TrainerConfig(
            total_timesteps=10_000_000,
            batch_size=8192,
            minibatch_size=512,
            checkpoint=CheckpointConfig(checkpoint_dir="./checkpoints"),
            simulation=SimulationConfig(replay_dir="./replays"),
            curriculum="/env/mettagrid/simple",
        )

    def test_snippet_of_the_guide(self) -> None:
        config = create_default_trainer_config(
            num_workers=4,
            total_timesteps=50_000_000,
            batch_size=524288,
            ppo={"clip_coef": 0.2, "ent_coef": 0.01},
        )
        assert config.ppo == PPOConfig(clip_coef=0.2, ent_coef=0.01)
        assert (config.num_workers, config.batch_size, config.minibatch_size) == (4, 524288, 512)

    def test_overrides_are_merged_at_every_depth(self) -> None:
        overrides = {"checkpoint": {"checkpoint_interval": 7}, "simulation": {"replay_dir": "r"}}
        before = copy.deepcopy(overrides)
        config = create_default_trainer_config(**overrides, checkpoint_dir="here")
        assert config.checkpoint == CheckpointConfig(checkpoint_interval=7, checkpoint_dir="here")
        assert config.simulation.replay_dir == "r"
        assert overrides == before

    def test_unknown_overrides_are_refused_with_their_path(self) -> None:
        with pytest.raises(ConfigError, match=r"^ppo\.clipcoef: Extra inputs are not permitted"):
            create_default_trainer_config(ppo={"clipcoef": 0.2})
        with pytest.raises(ConfigError, match=r"^pppo: Extra inputs are not permitted \(did you mean 'ppo'\?\)"):
            create_default_trainer_config(pppo={})


class TestPortedTrainer:
    cfg: ClassVar[dict[str, Any]] = {
        "run": "mine",
        "run_dir": "runs/mine",
        "trainer": {"_target_": "metta.rl.trainer.MettaTrainer", "ppo": {"gamma": 0.5}},
        "device": "cpu",
    }

    def test_directories_lie_in_run_dir(self) -> None:
        before = copy.deepcopy(self.cfg)
        config = create_trainer_config(self.cfg)
        assert config.checkpoint.checkpoint_dir == "runs/mine/checkpoints"
        assert config.simulation.replay_dir == "runs/mine/replays"
        assert config.profiler.profile_dir == "runs/mine/profiles"
        assert config.run_dir == "runs/mine"
        assert config.ppo.gamma == 0.5
        assert (config.async_factor, config.zero_copy) == (2, True)
        assert self.cfg == before
        assert parse_trainer_config is create_trainer_config

    def test_given_directories_stay(self) -> None:
        config = create_trainer_config(self.cfg | {"trainer": {"checkpoint": {"checkpoint_dir": "there"}}})
        assert config.checkpoint.checkpoint_dir == "there"

    def test_serial_vectorization(self) -> None:
        config = create_trainer_config(self.cfg | {"vectorization": "serial"})
        assert (config.async_factor, config.zero_copy) == (1, False)
        config = create_trainer_config(self.cfg | {"vectorization": "multiprocessing"})
        assert (config.async_factor, config.zero_copy) == (2, True)

    @pytest.mark.parametrize("key", ["trainer", "run", "run_dir"])
    def test_missing_keys(self, key: str) -> None:
        cfg = {name: value for name, value in self.cfg.items() if name != key}
        with pytest.raises(ValueError, match=f"^cfg must have a '{key}' field$"):
            create_trainer_config(cfg)

    def test_a_trainer_config_is_fine_too(self) -> None:
        config = create_trainer_config(self.cfg | {"trainer": TrainerConfig(ppo=PPOConfig(gamma=0.5))})
        assert config == create_trainer_config(self.cfg)
