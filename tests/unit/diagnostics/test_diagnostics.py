"""Secrets are planted in every form, and must not be in the archive."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import tarfile
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from kubedrill.base.errors import StepFailed
from kubedrill.base.model import Node
from kubedrill.base.redact import GONE, Redactor, secrets_in
from kubedrill.cli.diagnostics import how_to_replay
from kubedrill.cluster.hosts import CommandResult
from kubedrill.diagnostics.collect import Archive, add_files, collect
from kubedrill.diagnostics.questions import BALANCER, CLUSTER, CONTROL_PLANE, NODE

if TYPE_CHECKING:
    from pathlib import Path

# Planted values; none of them is used anywhere.
WORD = "Hunter2-Planted"
KEY_BODY = "MIIEowIBAAKCAQEAplantedplantedplanted"
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{KEY_BODY}\n{KEY_BODY}2\n-----END RSA PRIVATE KEY-----"
JWT = "eyJhbGciOiJSUzI1NiIsImtpZCI6InBsYW50ZWQifQ.eyJpc3MiOiJwbGFudGVkIn0.c2lnbmF0dXJlLXBsYW50ZWQ"
BOOTSTRAP = "abcdef.0123456789planted"[:23]
CERT_KEY = "f8902e114ef118304e561c3ecd4d0b543adc226b7a07f675f56564185ffe0c07"

CODED = base64.b64encode(PEM.encode()).decode()
PLANTED = {
    "yaml": f"password: {WORD}",
    "yaml in quotes": f'db_password: "{WORD} with spaces"',
    "yaml block": f"secret: |\n  first {WORD}\n  second {WORD}\nafter: kept",
    "json": json.dumps({"token": WORD, "kept": "kept"}),
    "json in json": json.dumps({"last-applied": json.dumps({"apiKey": WORD, "kept": "kept"})}),
    "environment": f"export DB_PASSWORD={WORD}; run",
    "env of a pod": f"- name: API_TOKEN\n  value: {WORD}\n- name: kept\n  value: kept",
    "env of a pod in json": json.dumps([{"name": "API_TOKEN", "value": WORD}]),
    "env of a pod in json in json": json.dumps(json.dumps([{"name": "API_TOKEN", "value": WORD}])),
    "option": f"kubelet --client-secret={WORD} --v=2 kept",
    "option with a space": f"tool --password {WORD} kept",
    "header": f"Authorization: Bearer {WORD}-long",
    "header, basic": f"authorization: Basic {WORD}",
    "bearer": f"curl -H 'X: Bearer {WORD}'",
    "url": f"postgresql://drills:{WORD}@db/kubedrill",
    "private key": f"before\n{PEM}\nkept",
    "private key that is cut": PEM.split("\n-----END", maxsplit=1)[0],
    "private key in base64": f"data: {CODED}",
    "kubeconfig": f"client-key-data: {CODED}",
    "service account": f"said {JWT} kept",
    "join command": f"kubeadm join 10.0.0.1:8443 --token {BOOTSTRAP} --certificate-key {CERT_KEY}",
    "bootstrap token in a log": f"using {BOOTSTRAP} for kept",
    "certificate key": f"certificateKey: {CERT_KEY}",
    "aws": "found AKIAPLANTEDPLANTED12 kept",
    "github": "ghp_plantedplantedplantedplanted1234",
}
SECRETS = (
    WORD,
    KEY_BODY,
    JWT,
    BOOTSTRAP,
    CERT_KEY,
    "AKIAPLANTEDPLANTED12",
    "ghp_planted",
    CODED[60:90],
)


def leaks(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text]


@pytest.mark.parametrize("form", PLANTED)
def test_no_planted_secret_is_left(form: str) -> None:
    assert leaks(PLANTED[form]), "the test plants something"
    cleaned = Redactor().clean(PLANTED[form])
    assert leaks(cleaned) == []
    assert GONE in cleaned
    assert PLANTED[form].count("\n") == cleaned.count("\n"), "lines stay where they are"
    assert PLANTED[form].count("kept") == cleaned.count("kept"), cleaned


@pytest.mark.parametrize(
    "text",
    [
        "secretName: kubedrill-tls",
        "token-ttl: 24h\ntokenExpirationSeconds: 3600",
        "kubelet.service: Main process exited, code=exited, status=1/FAILURE",
        "etcd: lost leader 8e9e05c52164694d, elected 91bc3c398fb3c146 at term 4",
        "image: registry.k8s.io/kube-apiserver:v1.36.3",
        "automountServiceAccountToken: false",
        "https://172.31.77.10:8443/readyz?verbose",
        "-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----",
        "--tls-private-key-file=/etc/kubernetes/pki/apiserver.key",
    ],
)
def test_what_helps_to_find_the_cause_stays(text: str) -> None:
    assert Redactor().clean(text) == text


def test_json_and_yaml_stay_readable() -> None:
    data = {"token": WORD, "list": [{"password": WORD, "n": 1}], "kept": {"secretName": "x"}}
    cleaned = json.loads(Redactor().clean(json.dumps(data, indent=1)))
    assert cleaned == {
        "token": GONE,
        "list": [{"password": GONE, "n": 1}],
        "kept": {"secretName": "x"},
    }
    assert yaml.safe_load(Redactor().clean(yaml.safe_dump(data)))["kept"] == {"secretName": "x"}


def test_known_secrets_are_found_wherever_they_stand() -> None:
    known = secrets_in(
        [("ansible_become_password", WORD), ("cluster_name", "kubedrill"), ("token_file", "/etc/x")]
    )
    assert known == {WORD}
    coded = base64.b64encode(WORD.encode()).decode()
    assert leaks(Redactor(known).clean(f"strange place: <{WORD}>")) == []
    assert coded.rstrip("=") not in Redactor(known).clean(f"data: {coded}")


class Answering:
    """Nodes on which every command prints all planted secrets; one of them does not answer."""

    def __init__(self, dead: str = "") -> None:
        self.dead, self.asked = dead, []

    def read(self, node: Any, argv: Any, *, check: bool) -> CommandResult:
        assert not check
        self.asked.append((node.name, argv))
        if node.name == self.dead:
            raise StepFailed(f"{node.name} does not answer; password={WORD}")
        if "alarm list" in argv:
            return CommandResult(1, "", f"etcd is down, token: {WORD}")
        return CommandResult(0, "\n".join(PLANTED.values()), "")


def contents(path: Path) -> dict[str, str]:
    with tarfile.open(path) as tar:
        files = {member.name: tar.extractfile(member) for member in tar.getmembers()}
        return {name: file.read().decode() for name, file in files.items() if file}


def test_the_archive_has_all_files_and_no_secret(make_inventory: Any, tmp_path: Path) -> None:
    inventory = make_inventory()
    cell = tmp_path / "cell"
    (cell / "record").mkdir(parents=True)
    (cell / "up.1.log").write_text("\n".join(PLANTED.values()))
    (cell / "record" / "x.jsonl").write_text(json.dumps(["event", PLANTED["json"]]))
    (cell / "keys.pem").write_text(PEM)
    path = tmp_path / "out" / "diagnostics.tar.gz"
    hosts = Answering(dead="w2")
    with Archive(path, Redactor([WORD])) as archive:
        collect(archive, hosts, inventory.nodes, minutes=30)
        add_files(archive, [cell])
        archive.add("MISSING.txt", "\n".join(archive.missing))
    result = contents(path)
    assert {name: leaks(text) for name, text in result.items() if leaks(text)} == {}
    assert {f"diagnostics/cp1/{name}" for name in [*NODE, *CONTROL_PLANE]} <= set(result)
    assert {f"diagnostics/cluster/{name}" for name in CLUSTER} <= set(result)
    assert {"diagnostics/cell/up.1.log", "diagnostics/cell/record/x.jsonl"} <= set(result)
    assert "diagnostics/cell/keys.pem" not in result
    assert "w2 does not answer" in result["diagnostics/MISSING.txt"]
    assert "etcd is down" in result["diagnostics/cp1/etcd.txt"]
    assert not [asked for _, asked in hosts.asked if "get secret" in asked or "{minutes}" in asked]
    assert path.stat().st_mode & 0o077 == 0


def test_a_load_balancer_is_asked_what_it_can_answer(tmp_path: Path) -> None:
    path, hosts = tmp_path / "diagnostics.tar.gz", Answering()
    with Archive(path, Redactor()) as archive:
        collect(archive, hosts, [Node("lb1", "192.0.2.9", ("load_balancer",))], minutes=30)
    mine = {name for name in contents(path) if name.startswith("diagnostics/lb1/")}
    assert mine == {f"diagnostics/lb1/{name}" for name in BALANCER}
    assert not [
        asked
        for _, asked in hosts.asked
        if "kubectl" in asked or "ctr " in asked or "etcdctl" in asked
    ]


@pytest.mark.parametrize(("enabled", "fine"), [(1, True), (0, False)])
def test_a_balancer_that_is_not_to_run_is_not_missing(
    tmp_path: Path, enabled: int, fine: bool
) -> None:
    command = CONTROL_PLANE["haproxy.txt"].replace("/run/haproxy", str(tmp_path))
    (tmp_path / "systemctl").write_text(f"#!/bin/sh\nexit {enabled}\n")
    (tmp_path / "systemctl").chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", command], env={"PATH": path}, capture_output=True, check=False
    )
    assert (done.returncode == 0) is fine


def test_a_cluster_that_does_not_answer_at_all_still_gives_an_archive(
    make_inventory: Any, tmp_path: Path
) -> None:
    inventory = make_inventory(cp=1, workers=0)
    path = tmp_path / "diagnostics.tar.gz"
    with Archive(path, Redactor()) as archive:
        collect(archive, Answering(dead="cp1"), inventory.nodes, minutes=30)
    assert contents(path) == {}
    assert len(archive.missing) == len(NODE) + len(CONTROL_PLANE) + len(CLUSTER)


def test_the_run_is_replayed_by_a_command_in_the_archive(
    make_inventory: Any, tmp_path: Path
) -> None:
    output = how_to_replay(make_inventory(), [tmp_path / "20261121T093058Z-741446"])
    assert "kubedrill replay 20261121T093058Z-741446 --inventory inventories/test" in output
