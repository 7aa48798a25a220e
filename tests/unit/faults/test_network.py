import shutil
import subprocess
from typing import Any

import pytest
from fault_nodes import PLACE, Nodes, context, order, refused

from kubedrill.base.errors import UsageError
from kubedrill.faults.network import PARTITIONS, UNDO, Partition, Place, load, ruleset
from kubedrill.faults.shaping import Shaping

PLANES = ["172.31.77.11", "172.31.77.12", "172.31.77.13"]
HERE = Place("eth0", "172.31.77.1", 22)


def rules(kind: str, place: Place = HERE) -> str:
    return ruleset(kind, place, PLANES, "172.31.77.10", 8443)


def chain(text: str, hook: str) -> list[str]:
    body = text.split(f"chain {hook} {{")[1].split("  }", maxsplit=1)[0]
    return [line.strip() for line in body.splitlines() if line.strip()][1:]


@pytest.mark.parametrize("kind", list(PARTITIONS))
def test_the_harness_keeps_its_session_and_loopback_whatever_is_cut(kind: str) -> None:
    come, go = chain(rules(kind), "input"), chain(rules(kind), "output")
    assert come[:2] == ['iifname "lo" accept', "ip saddr 172.31.77.1 tcp dport 22 accept"]
    assert go[:2] == ['oifname "lo" accept', "ip daddr 172.31.77.1 tcp sport 22 accept"]
    assert any("drop" in line for line in come + go)


def test_a_harness_that_comes_over_ipv6_keeps_its_session_too() -> None:
    come = chain(rules("all", Place("eth0", "fd00::1", 2222)), "input")
    assert "ip6 saddr fd00::1 tcp dport 2222 accept" in come


def test_each_cut_drops_what_it_says() -> None:
    assert chain(rules("all"), "output")[-1] == 'oifname "eth0" counter drop'
    assert chain(rules("all"), "input")[-1] == 'iifname "eth0" counter drop'
    assert not any("drop" in line for line in chain(rules("outgoing"), "input"))
    assert not any("drop" in line for line in chain(rules("incoming"), "output"))
    assert [line for line in chain(rules("etcd"), "output") if "drop" in line] == [
        "tcp dport 2380 counter drop",
        "tcp sport 2380 counter drop",
    ]
    servers = "172.31.77.11, 172.31.77.12, 172.31.77.13, 172.31.77.10"
    to_api = f"ip daddr {{ {servers} }} tcp dport {{ 6443, 8443 }} counter drop"
    assert to_api in chain(rules("api"), "output")
    assert to_api in chain(rules("api"), "forward")
    assert any("dport 53 counter drop" in line for line in chain(rules("dns"), "forward"))
    assert any("< 30 counter drop" in line for line in chain(rules("loss"), "input"))


def test_a_cut_off_holder_does_not_answer_for_the_virtual_address() -> None:
    assert "arp daddr ip 172.31.77.10 drop" in rules("all")
    assert "table arp" not in rules("etcd")


@pytest.mark.parametrize("kind", list(PARTITIONS))
def test_the_kernel_takes_the_rules_twice_and_the_undo_removes_them_twice(kind: str) -> None:
    if (
        not shutil.which("nft")
        or subprocess.run(["unshare", "--net", "true"], check=False).returncode
    ):
        pytest.skip("needs nft and the right to make a network namespace")
    line = (
        "; ".join(f"({part}\n)" for part in (load(rules(kind)), load(rules(kind))))
        + "; nft list tables | wc -l; "
    )
    line += f"{UNDO}; {UNDO} && nft list tables"
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", line], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["3" if "arp" in rules(kind) else "1"], done.stderr


def test_the_undo_is_armed_before_the_rules_are_loaded(make_inventory: Any) -> None:
    nodes = Nodes(PLACE)
    ctx, fault = context(nodes, make_inventory()), Partition("cp3", "etcd")
    fault.inject(ctx)
    assert order(nodes.lines("cp3"), "systemd-run", "tcp dport 2380 counter drop")
    nodes.commands.clear()
    fault.heal(ctx)
    assert order(
        nodes.lines("cp3"), "delete table", "systemctl stop kubedrill-undo-cp3-network-etcd.timer"
    )


def test_reasons_why_not(make_inventory: Any) -> None:
    inventory = make_inventory()

    def why(fault: Partition, nodes: Nodes) -> str | None:
        return fault.available(context(nodes, inventory))

    assert why(Partition("cp1", "etcd"), Nodes(PLACE)) is None
    assert (
        why(Partition("w1", "etcd"), Nodes(PLACE)) == "w1 has no etcd member; name a control plane"
    )
    assert "below quorum" in str(why(Partition("cp1", "all"), Nodes(PLACE, down=("cp2",))))
    assert why(Partition("w1", "all"), Nodes(PLACE, down=("cp2",))) is None
    old = Nodes(
        {
            "nft --check": refused("Error: Could not process rule: No such file or directory"),
            **PLACE,
        }
    )
    assert why(Partition("w1", "all"), old) == (
        "w1 cannot drop packets with nftables: "
        "Error: Could not process rule: No such file or directory"
    )
    assert "SSH_CONNECTION" in str(
        why(Partition("w1", "all"), Nodes({"route get": PLACE["route get"]}))
    )
    with pytest.raises(UsageError, match="no partition 'everything'; expected one of: all, etcd"):
        Partition("w1", "everything")


def test_what_the_availability_check_runs_changes_nothing(make_inventory: Any) -> None:
    nodes = Nodes(PLACE)
    Partition("w1", "all").available(context(nodes, make_inventory()))
    assert all("nft --check" in line for _, line in nodes.commands if "nft" in line)
    assert not any("systemd-run" in line for _, line in nodes.commands)


def test_a_kernel_without_netem_says_so(make_inventory: Any) -> None:
    nodes = Nodes({"unshare": refused("Error: Specified qdisc kind is unknown.", 2), **PLACE})
    reason = Shaping("w1", "latency").available(context(nodes, make_inventory()))
    assert reason == (
        "no netem on w1: its kernel said 'Error: Specified qdisc kind is unknown.' "
        "to 'tc qdisc add … netem'"
    )
    assert "no tbf on w1" in str(
        Shaping("w1", "bandwidth").available(context(nodes, make_inventory()))
    )


def test_a_discipline_of_the_owner_is_not_replaced(make_inventory: Any) -> None:
    def why(kind: str) -> str | None:
        listed = f'[{{"kind": "{kind}", "root": true, "dev": "eth0"}}]'
        nodes = Nodes({"qdisc show": type(PLACE["route get"])(0, listed, ""), **PLACE})
        return Shaping("w1", "latency").available(context(nodes, make_inventory()))

    assert why("noqueue") is None
    assert why("htb") == "eth0 of w1 has a htb discipline of its owner, which would be lost"


def test_shaping_arms_its_undo_first(make_inventory: Any) -> None:
    nodes = Nodes(PLACE)
    Shaping("w1", "bandwidth").inject(context(nodes, make_inventory()))
    assert order(nodes.lines("w1"), "systemd-run", "tc qdisc add dev eth0 root tbf")
