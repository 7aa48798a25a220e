"""What is cleaned while it is written leaks nothing, however it is cut into lines."""

from __future__ import annotations

import random

import pytest
from tests.unit.planted_secrets import FORMS

from kubedrill.base.redact import GONE, Redactor
from kubedrill.base.redact_stream import StreamRedactor


def cleaned(text: str, sizes: list[int], redactor: Redactor | None = None) -> str:
    """The text as it goes out when it comes in pieces of so many lines."""
    stream = StreamRedactor(redactor or Redactor())
    lines, out = text.split("\n"), []
    for size in sizes:
        out += stream.add(lines[:size])
        lines = lines[size:]
    return "\n".join([*out, *stream.add(lines, last=True)])


@pytest.mark.parametrize("name", FORMS)
def test_no_form_leaks_when_its_lines_come_one_by_one(name: str) -> None:
    form = FORMS[name]
    result = cleaned(form.text, [1] * form.text.count("\n"))
    assert form.leaks(result) == []
    assert [word for word in form.stays if word not in result] == []
    assert result.count("\n") == form.text.count("\n")


@pytest.mark.parametrize("seed", range(6))
def test_no_form_leaks_among_others_in_pieces_of_any_size(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - it cuts a test's text
    forms = [form for form in FORMS.values() if "BEGIN" not in form.text or "END" in form.text]
    chance.shuffle(forms)
    text = "\n---\n".join(form.text for form in forms)
    sizes = [chance.choice((1, 1, 2, 3, 10, 40)) for _ in range(text.count("\n") // 2)]
    result = cleaned(text, sizes)
    assert [form for form in forms if form.leaks(result)] == []
    assert result.count("\n") == text.count("\n")


@pytest.mark.parametrize(
    "line", ["TASK [host : Install] ***", "ok: [cp1]", 'changed: [w1] => {"a": 1}', "", "12:00 up"]
)
def test_a_line_that_nothing_can_tell_of_goes_out_at_once(line: str) -> None:
    stream = StreamRedactor(Redactor())
    assert stream.add([line, line]) == [line, line]
    assert not stream.holds


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        (["kind: ConfigMap", "data:", "  a: kept"], ["PLAY RECAP"]),
        (["data:", "  a: kept", "kind: ConfigMap"], ["---"]),
        (["- value: kept"], ["  name: A", "TASK [x]"]),
        (['{"data": {', '  "a": "kept"', "}}"], ["ok: [cp1]"]),
        (["QUJD" * 12], ["ok: [cp1]"]),
    ],
)
def test_what_is_no_secret_after_all_goes_out_when_its_object_ends(
    begin: list[str], end: list[str]
) -> None:
    stream = StreamRedactor(Redactor())
    assert stream.add(begin) + stream.add(end) == [*begin, *end]
    assert not stream.holds


def test_what_is_held_back_is_bounded() -> None:
    stream = StreamRedactor(Redactor())
    lines = ["data:", *(f"  key-{number}: x" for number in range(5000))]
    assert len(stream.add(lines)) == len(lines) - 200
    assert len(stream.add([], last=True)) == 200


def test_a_key_that_is_cut_takes_no_more_than_the_lines_that_are_looked_at_again() -> None:
    text = "\n".join(["-----BEGIN RSA PRIVATE KEY-----", *["line"] * 500])
    result = cleaned(text, [1] * 500)
    assert result.split("\n").count(GONE) == 201


@pytest.mark.parametrize("secret", ["Geheimnis-17", "an even longer one, of words"])
def test_known_secrets(secret: str) -> None:
    text = f"a\nhere {secret} there\nb"
    assert cleaned(text, [1, 1], Redactor([secret])) == f"a\nhere {GONE} there\nb"


def test_a_part_of_the_lines_is_as_the_whole_where_nothing_is_secret() -> None:
    text = "\n".join(f"ok: [cp{number}] => item {number}" for number in range(1000))
    assert cleaned(text, [7] * 100) == text
