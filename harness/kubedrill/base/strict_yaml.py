"""YAML without its traps: no key twice, no number in base 60."""

from __future__ import annotations

from typing import Any

import yaml


class DecimalLoader(yaml.SafeLoader):
    """Refuses numbers in base 60."""

    def construct_number(self, node: yaml.ScalarNode) -> int | float:
        """Refuse 1:30, which is 90 in YAML 1.1."""
        if ":" in node.value:
            raise yaml.constructor.ConstructorError(
                problem=f"{node.value} is a number in base 60 to YAML; write it in seconds, or "
                "in quotes where it is no number",
                problem_mark=node.start_mark,
            )
        is_int = node.tag == "tag:yaml.org,2002:int"
        return self.construct_yaml_int(node) if is_int else self.construct_yaml_float(node)


for _tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float"):
    DecimalLoader.add_constructor(_tag, DecimalLoader.construct_number)


class _StrictLoader(DecimalLoader):
    """Refuses a key that stands twice, too: the last one would win silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        first: dict[str, int] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                line = key.start_mark.line + 1
                if key.value in first:
                    raise yaml.constructor.ConstructorError(
                        problem=f"{key.value} is given twice, first in line {first[key.value]}; "
                        "keep one of them",
                        problem_mark=key.start_mark,
                    )
                first[key.value] = line
        return super().construct_mapping(node, deep=deep)


def load_strictly(text: str) -> Any:
    r"""Load YAML as :func:`yaml.safe_load`, but for keys that stand twice and numbers in base 60.

    >>> load_strictly("a: 1\nb: {a: 2.5}")
    {'a': 1, 'b': {'a': 2.5}}

    Raises yaml.YAMLError.
    """
    return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a SafeLoader


def describe_error(error: yaml.YAMLError) -> str:
    """What is wrong, with the line."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    if isinstance(error, yaml.constructor.ConstructorError) and mark and problem:
        return f"line {mark.line + 1}: {problem}"
    return f"is not YAML: {' '.join(str(error).split())}"
