"""JSON that a reader could take in two ways."""

import pytest

from kubedrill.base.errors import ConfigErrors
from kubedrill.base.strict_json import RepeatedKey, load_json
from kubedrill.base.yaml_lines import read_document


def test_a_repeated_key_is_refused_at_any_depth() -> None:
    with pytest.raises(RepeatedKey, match="'b' twice in one object"):
        load_json('[{"a": {"b": 1, "b": 2}}]')


def test_the_same_key_in_two_objects_is_read() -> None:
    assert load_json('[{"a": 1}, {"a": 2}]') == [{"a": 1}, {"a": 2}]


def test_values_nested_too_deeply_are_refused_as_not_json() -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        load_json("[" * 100_000)


def test_half_of_a_character_is_refused_and_a_whole_one_is_read() -> None:
    with pytest.raises(ValueError, match="half of a character"):
        load_json(b'{"a": ["\\ud83d"]}')
    assert load_json('{"a": "\\ud83d\\ude00"}') == {"a": "\U0001f600"}


def test_yaml_refuses_it_with_its_line() -> None:
    with pytest.raises(ConfigErrors, match=r"line 2: .*half of a character"):
        read_document("plan", 'a: 1\nb: "\\ud83d"\n')
