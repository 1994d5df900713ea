"""Reading YAML and JSON."""

import json
import re
from pathlib import Path
from typing import Any

FILE_ENDINGS = (".yaml", ".yml", ".json")
"""How the files of configurations end that are given where a name could be."""

_FLOAT = re.compile(r"^[-+]?(\d[\d_]*)(\.[\d_]*)?([eE][-+]?\d+)$")
_MERGE_TAG = "tag:yaml.org,2002:merge"


def read_yaml(path: str | Path) -> Any:
    """The content of a YAML file as plain Python values.

    Unlike plain PyYAML, `3e-4` is a number (as in YAML 1.2), and a key that is given twice is an error. A list of
    `defaults` is an error too, since Hydra has to compose such a file first.
    Raises FileNotFoundError, or a ValueError that names the file and the line.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    def mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            if key_node.tag == _MERGE_TAG:
                continue
            key = loader.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is given twice", key_node.start_mark)
            seen.add(key)
        loader.flatten_mapping(node)
        return loader.construct_mapping(node, deep=True)

    Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789"))
    try:
        with open(path, encoding="utf-8") as file:
            content = yaml.load(file, Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: {error}") from None
    if isinstance(content, dict) and isinstance(content.get("defaults"), list):
        problem = f"{content['defaults']} is for Hydra, which composes the file with others"
        advice = "give what it composes: its own program prints that with --cfg job --resolve"
        raise ValueError(f"{path}: defaults: {problem}; {advice}")
    return content


def write_yaml(path: str | Path, content: Any) -> None:
    """Write plain Python values as a YAML file. Keys keep their order."""
    import yaml

    Path(path).write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")


def read_plain_file(path: str | Path) -> Any:
    """The content of a file as plain Python values: of JSON if it ends in `.json`, else of YAML, see `read_yaml`.

    Raises FileNotFoundError, or a ValueError that names the file and what is wrong: also a key that is given twice.
    """
    if not str(path).endswith(".json"):
        return read_yaml(path)
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: {error}") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    items = dict(pairs)
    if len(items) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"key {next(key for key in keys if keys.count(key) > 1)!r} is given twice")
    return items
