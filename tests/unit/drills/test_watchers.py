from typing import Any

from fakes import json_node

from kubedrill.base.model import Span
from kubedrill.core.watchers import States, node_state


class Spans:
    def __init__(self) -> None:
        self.written = []

    def span(self, span: Span) -> None:
        self.written.append((span.subject, span.name, span.start, span.end))


def test_a_state_is_one_span_until_it_changes() -> None:
    spans = Spans()
    states = States(spans, "vip")
    assert states.see({"cp1": "holds"}, 10) == [("cp1", "", "holds")]
    assert states.see({"cp1": "holds"}, 20) == []
    assert states.see({"cp2": "holds"}, 30) == [("cp1", "holds", ""), ("cp2", "", "holds")]
    states.close(40)
    assert spans.written == [
        ("cp1", "holds", 10, None),
        ("cp1", "holds", 10, 30),
        ("cp2", "holds", 30, None),
        ("cp2", "holds", 30, 40),
    ]


def node(ready: str, **spec: Any) -> Any:
    return {**json_node("w1", ready), "spec": spec}


def test_unknown_is_not_ready() -> None:
    assert node_state(node("Unknown")) == "NotReady (unknown)"
    assert node_state(node("False")) == "NotReady"
    assert node_state(node("True", unschedulable=True)) == "Ready, cordoned"
    assert node_state({"spec": {}, "status": {}}) == "NotReady (unknown)"
