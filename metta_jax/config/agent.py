"""The configuration of an agent: a named network, or a network spelled out."""

from collections.abc import Mapping
from typing import Any, Literal, Self, get_args

from pydantic import Field, model_validator

from metta_jax.config.base import Config, FrozenDict
from metta_jax.config.errors import custom
from metta_jax.config.fields import Count, Count32, NonNegativeFloat
from metta_jax.core.frozen_dict import FrozenMapping

AgentPreset = Literal["default", "fast", "latent_attn_tiny", "latent_attn_small", "latent_attn_med"]
AGENT_PRESETS: tuple[str, ...] = get_args(AgentPreset)

_TARGET_NAME = "MettaAgent"
_WITHOUT_EFFECT = ("policy_selector",)  # in the original's files: which stored policy a program loads


class ObservationsConfig(Config, frozen=True):
    """Which observation the network reads."""

    obs_key: Literal["grid_obs"] = Field(
        default="grid_obs", description="Name of the observation; environments have only this one, the default."
    )


class AgentConfig(Config, frozen=True):
    """A network with its regularizers.

    Made from the name of a preset, from the fields, or from MettaGrid's form {"device": ..., "agent": {...}}.
    A definition with components needs `observations.obs_key`; one without any is the preset "default".
    Components are checked by the agent package, which knows their options.
    """

    preset: AgentPreset | None = Field(
        default="default",
        description="Ready-made network; None if components are given. Default: the one of the example program.",
    )
    device: str | None = Field(default=None, description="Kind of device to run on. Default: what JAX finds.")
    clip_range: NonNegativeFloat = Field(
        default=0.0, description="Limit of weights as a multiple of their largest initial value. Default 0: no limit."
    )
    analyze_weights_interval: Count = Field(default=300, description="Epochs between weight metrics. 0: never.")
    l2_init_weight_update_interval: Count32 = Field(
        default=0, description="Epochs after which the reference weights follow. 0: never. Default: never."
    )
    observations: ObservationsConfig = Field(
        default_factory=ObservationsConfig, description="Which observation the network reads."
    )
    components: FrozenMapping[str, FrozenDict[str, Any]] = Field(
        default=FrozenDict(), description="Parts of the network by name. Default: those of the preset."
    )

    @model_validator(mode="before")
    @classmethod
    def _accept_all_forms(cls, data: Any) -> Any:
        if isinstance(data, str):
            return {"preset": data}
        if not isinstance(data, dict):
            return data
        data = _inner(data)
        observations = data.get("observations", {})
        is_definition = "components" in data and data.get("preset") is None
        is_key_missing = isinstance(observations, Mapping) and "obs_key" not in observations
        if is_key_missing and (is_definition or "observations" in data):
            raise custom("Configuration is missing required field 'observations.obs_key'", "missing")
        if is_definition:
            data["preset"] = None if data["components"] else "default"
        return data

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.preset is not None and self.components:
            raise custom(f"preset: {self.preset!r} cannot be combined with components; give one of them")
        if self.preset is None and not self.components:
            raise custom(f"preset: None needs components; named networks are {', '.join(AGENT_PRESETS)}")
        return self


def _inner(data: dict[str, Any]) -> dict[str, Any]:
    """The fields of an agent from {"device": ..., "agent": {...} or a preset's name} or from the fields themselves."""
    fields = {name: value for name, value in data.items() if name not in _WITHOUT_EFFECT}
    if "agent" in fields:
        inner = fields.pop("agent")
        if isinstance(inner, str):
            inner = {"preset": inner}
        if not isinstance(inner, Mapping):
            raise custom(f"agent: {inner!r} is not the name of a network or a mapping")
        twice = sorted(set(fields) & set(inner))
        if twice:
            raise custom(f"{twice[0]}: given twice, also as agent.{twice[0]}")
        fields |= {name: value for name, value in inner.items() if name not in _WITHOUT_EFFECT}
    target = fields.pop("_target_", _TARGET_NAME)
    if not isinstance(target, str) or target.rsplit(".", 1)[-1] != _TARGET_NAME:
        raise custom(f"_target_: {target!r} is not {_TARGET_NAME}")
    return fields
