"""A read-only, hashable mapping: how configurations store dictionaries."""

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Annotated, Any, Generic, TypeVar, get_args

from pydantic import GetCoreSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

Key = TypeVar("Key")
Value = TypeVar("Value", covariant=True)


class FrozenDict(Mapping[Key, Value], Generic[Key, Value]):
    """A mapping that cannot be changed, iterates in the order of its source, and can be hashed.

    Values are frozen too: mappings become FrozenDict, lists become tuples, sets become frozensets.
    It equals every mapping with the same items, whatever their order.
    Raises a ValueError for a value that cannot be hashed after that.
    """

    __slots__ = ("_hash", "_items")

    def __init__(self, items: Mapping[Key, Value] | None = None) -> None:
        frozen = {key: freeze(value) for key, value in (items or {}).items()}
        object.__setattr__(self, "_items", frozen)
        object.__setattr__(self, "_hash", hash(frozenset(frozen.items())))

    def __getitem__(self, key: Key) -> Value:
        return self._items[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"FrozenDict({self._items!r})"

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a FrozenDict cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a FrozenDict cannot be changed")

    def __reduce__(self) -> tuple[Any, ...]:
        # Rebuilt from the items: hashes of strings differ from process to process, so the stored one must not travel.
        return FrozenDict, (self._items,)

    def __copy__(self) -> "FrozenDict[Key, Value]":
        return self

    def __deepcopy__(self, memo: object) -> "FrozenDict[Key, Value]":
        return self

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        key_type, value_type = get_args(source) or (Any, Any)
        items = core_schema.dict_schema(handler.generate_schema(key_type), handler.generate_schema(value_type))
        return core_schema.chain_schema(
            [
                core_schema.no_info_plain_validator_function(_plain_dict),
                items,
                core_schema.no_info_plain_validator_function(_frozen_or_error),
            ],
            serialization=core_schema.wrap_serializer_function_ser_schema(
                lambda value, serialize: serialize(thaw(value)), schema=items
            ),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        return handler(schema["steps"][1])


class _StoredFrozen:
    """Mark a mapping field whose value is kept as a FrozenDict."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        key_type, value_type = get_args(source)
        return handler.generate_schema(FrozenDict[key_type, value_type])


FieldKey = TypeVar("FieldKey")
FieldValue = TypeVar("FieldValue")
# The type of mapping fields: type checkers let callers pass any mapping, and readers do nothing but read.
FrozenMapping = Annotated[Mapping[FieldKey, FieldValue], _StoredFrozen()]


def freeze(value: Any) -> Any:
    """The same value in a form that cannot be changed; a ValueError if it still has no hash."""
    if isinstance(value, FrozenDict):
        return value
    if isinstance(value, Mapping):
        return FrozenDict(value)
    if isinstance(value, Set):
        return frozenset(freeze(item) for item in value)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray):
        frozen = [freeze(item) for item in value]
        # A named tuple keeps its type.
        return type(value)(*frozen) if hasattr(value, "_fields") else tuple(frozen)
    try:
        hash(value)
    except TypeError:
        raise ValueError(f"a value of type {type(value).__name__} cannot be stored: it has no hash") from None
    return value


def thaw(value: Any) -> Any:
    """The same value with plain dictionaries in place of frozen ones, at every depth."""
    if isinstance(value, FrozenDict):
        return {key: thaw(item) for key, item in value.items()}
    if type(value) is tuple:
        return tuple(thaw(item) for item in value)
    return value


def _plain_dict(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise PydanticCustomError("dict_type", "Input should be a valid dictionary")


def _frozen_or_error(value: dict[Any, Any]) -> FrozenDict[Any, Any]:
    try:
        return FrozenDict(value)
    except ValueError as error:
        raise PydanticCustomError("not_hashable", "{message}", {"message": str(error)}) from None
