"""JSON that a reader could take in two ways."""

import pytest

from kubedrill.base.strict_json import RepeatedKey, load_json


def test_a_repeated_key_is_refused_at_any_depth() -> None:
    with pytest.raises(RepeatedKey, match="'b' twice in one object"):
        load_json('[{"a": {"b": 1, "b": 2}}]')


def test_the_same_key_in_two_objects_is_read() -> None:
    assert load_json('[{"a": 1}, {"a": 2}]') == [{"a": 1}, {"a": 2}]


def test_values_nested_too_deeply_are_refused_as_not_json() -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        load_json("[" * 100_000)
