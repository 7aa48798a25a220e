"""kubedrill app: what is wrong with an option is said before anything is touched."""

from __future__ import annotations

import pytest

from kubedrill.cli.main import run


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["deploy", "--version", "v9"], "'v9' is not one of 'v1', 'v2'"),
        (["load", "--rates", "50,25"], "expected growing numbers"),
        (["load", "--objective", "fast"], "expected PERCENT:MILLISECONDS:RATE"),
        (["load", "--seconds", "5"], "that takes 1,000 writes; give --seconds 21 or more"),
        (["load", "--objective", "99:250:1"], "that takes 100 writes; give --seconds 105 or more"),
        (["traffic", "--writes", "0"], "expected a number from 0.1 to 1000, found 0"),
        (["status", "--inventory", "no/such"], "no/such"),
    ],
)
def test_a_wrong_option_is_a_usage_error(
    words: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["app", *words]) == 2
    assert expected in " ".join(capsys.readouterr().err.split())
