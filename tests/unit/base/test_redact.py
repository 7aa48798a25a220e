"""No secret is left of any form, whatever stands around it, and nothing else is touched."""

from __future__ import annotations

import base64
import html
import importlib
import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.planted_secrets import FORMS, LOGIN, OTHER, PEM, WORD

from kubedrill.base.redact import (
    GONE,
    Redactor,
    redact,
    redact_value,
    remember_secrets,
    secrets_in,
)
from kubedrill.base.secret_forms import is_secret_name

if TYPE_CHECKING:
    from tests.unit.planted_secrets import Form

RECORDS = sorted((Path(__file__).parents[2] / "records").glob("*.jsonl"))


@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
def test_no_secret_is_left(form: Form) -> None:
    assert form.leaks(form.text) == list(form.secrets) != [], "the form holds what it plants"
    cleaned = Redactor().clean(form.text)
    assert form.leaks(cleaned) == []
    assert GONE in cleaned
    assert [text for text in form.stays if text not in cleaned] == [], cleaned
    assert cleaned.count("\n") == form.text.count("\n"), "lines stay where they are"
    assert Redactor().clean(cleaned) == cleaned


@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
def test_no_secret_is_left_in_a_text_that_json_holds(form: Form) -> None:
    text = json.dumps({"out": form.text, "last": "kept"})
    cleaned = Redactor().clean(text)
    assert form.leaks(cleaned) == []
    assert form.leaks(json.dumps(Redactor().clean_value({"out": [form.text]}))) == []


WITHOUT = {
    "shapes.TOKENS": "aws",
    "shapes.BOOTSTRAP": "bootstrap token in a log",
    "shapes.PRIVATE_KEY": "private key that is cut",
    "shapes.PRIVATE_KEY_END": "end of a private key",
    "shapes.URL_PASSWORD": "url",
    "shapes.URL_USER": "url with a token",
    "shapes.WEBHOOK": "slack webhook",
    "shapes.WEBHOOK_NAME": "webhook by its name",
    "shapes.QUERY": "shared access signature",
    "shapes.ACCOUNT_KEY": "azure signature",
    "shapes.HEADER": "authorization without a scheme",
    "shapes.COOKIE": "cookie",
    "shapes.BEARER": "bearer alone",
    "shapes.BASIC": "basic alone",
    "shapes.DOCKER_AUTH": "Docker auth",
    "shapes.AUTH_LIST": "auth as a list",
    "shapes.BARE": "keepalived",
    "shapes.USER_OPTION": "-u user:pass",
    "shapes.SHORT_OPTION": "-p x",
    "shapes.BASE64": "docker config without a name",
    "shapes.FOLDED": "private key in folded base64",
    "blocks._YAML_KIND": "Secret",
    "blocks._JSON_KIND": "Secret in json",
    "names.HIT": "ansible_become_pass",
    "names._ENV_NAME": "name, value",
    "names._NAME_AFTER": "value, name",
    "names._OPTION": "option in a list",
    "names._BLOCK": "yaml block",
    "names._KEY_BEGINS": "sa.key without armour",
}
"""Each rule with a form that only it takes."""


@pytest.mark.parametrize("rule", WITHOUT)
def test_each_rule_is_needed(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file, name = rule.split(".")
    rules: Any = importlib.import_module(f"kubedrill.base.secret_{file}")
    rule_itself, never = getattr(rules, name), re.compile(r"(?!)(?P<name>)(?P<value>)(?P<gap>)")
    monkeypatch.setattr(rules, name, never)
    if file == "shapes":
        others = tuple(
            (words, tuple(each for each in patterns if each is not rule_itself))
            for words, patterns in rules._CHEAPLY
        )
        monkeypatch.setattr(rules, "_CHEAPLY", others)
    form = FORMS[WITHOUT[rule]]
    assert form.leaks(Redactor().clean(form.text)), f"{rule} takes nothing of its own"


STAYS = [
    "secretName: kubedrill-tls",
    "token-ttl: 24h\ntokenExpirationSeconds: 3600",
    "kubelet.service: Main process exited, code=exited, status=1/FAILURE",
    "etcd: lost leader 8e9e05c52164694d, elected 91bc3c398fb3c146 at term 4",
    "image: registry.k8s.io/kube-apiserver:v1.36.3@sha256:" + "0f" * 32,
    "uid: 5f0c1c9e-1b7a-4d3e-9f33-0a4c3f2b1d10, resourceVersion: 123456789012",
    "record_sha256: " + "8e9e05c5" * 8,
    "automountServiceAccountToken: false",
    "https://172.31.77.10:8443/readyz?verbose",
    "postgresql://drills@db.example/kubedrill, ssh://admin@10.0.0.1:22",
    "-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----",
    "certificate-authority-data: "
    + base64.b64encode(b"-----BEGIN CERTIFICATE-----\nMIICplantedplanted").decode(),
    "--tls-private-key-file=/etc/kubernetes/pki/apiserver.key",
    "open /etc/kubernetes/pki/sa.key: no such file or directory",
    "mkdir -p /var/lib/x; ssh -p 2222 w1; ps -p 123; docker run -p 8080:80 x; patch -p1",
    "docker run -u 1000:1000 -p 8080:80 x",
    "TASK [kubedrill.kubeadm.secret_encryption : Write the configuration] *****",
    "PASS: 14 of 14 passed, 0 failed; pass: 3",
    'secret "kubedrill-tls" not found; the token is expired; invalid bearer token',
    "error: could not read the token: permission denied",
    "E1130 16:00:00.000000       1 token.go:45] token: the request has timed out",
    "API_TOKEN:  <set to the key 'token' in secret 'api'>",
    "password: ${DB_PASSWORD}\ntoken: {{ lookup('env', 'T') }}\nsecret: null\npassword: ''",
    "imagePullSecrets:\n- name: registry\nsecrets:\n- name: a",
    json.dumps({"imagePullSecrets": [{"name": "registry"}], "secrets": 12, "tokens": 3}),
    "kind: ConfigMap\ndata:\n  a: b",
    json.dumps({"kind": "ConfigMap", "data": {"a": "b"}}),
    "node server.certificaterotat, host web001.kubedrill",
    "mailto:me@example.org, git@github.com:kubedrill/kubedrill.git",
    "Set the cookie: then try again",
    "user kubedrill-probe, author: me, authority: x, tokenizer: y",
]


@pytest.mark.parametrize("text", STAYS)
def test_what_helps_to_find_the_cause_stays(text: str) -> None:
    assert Redactor().clean(text) == text


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_real_record_stays_as_it_is(path: Path) -> None:
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            values = json.loads(line)
        except ValueError:  # the line that was cut
            continue
        assert redact_value(values) == values
        assert redact(line) == line


def test_json_and_yaml_stay_readable() -> None:
    data = {"token": WORD, "list": [{"password": WORD, "n": 1}], "kept": {"secretName": "x"}}
    expected = {"token": GONE, "list": [{"password": GONE, "n": 1}], "kept": {"secretName": "x"}}
    assert json.loads(Redactor().clean(json.dumps(data, indent=1))) == expected
    assert Redactor().clean_value(data) == expected
    cleaned = yaml.safe_load(Redactor().clean(yaml.safe_dump(data)))
    assert cleaned["kept"] == {"secretName": "x"}


def test_values_are_cleaned_by_the_names_around_them() -> None:
    value = {
        "env": [{"name": "DB_PASS", "value": WORD}, {"name": "A", "value": "kept"}],
        "argv": ["tool", "--password", WORD, "kept"],
        "headers": [["Authorization", "Basic x"], {"Cookie": "a=b"}],
        "auth": ["me", WORD],
        "secret": {"kind": "Secret", "data": {"user": "cGxhbnRlZA=="}},
        "passwords": [WORD, {"deep": WORD}],
        "tokens": 3,
        "secure_token": True,
    }
    assert Redactor().clean_value(value) == {
        "env": [{"name": "DB_PASS", "value": GONE}, {"name": "A", "value": "kept"}],
        "argv": ["tool", "--password", GONE, "kept"],
        "headers": [["Authorization", GONE], {"Cookie": GONE}],
        "auth": [GONE, GONE],
        "secret": {"kind": "Secret", "data": {"user": GONE}},
        "passwords": [GONE, {"deep": GONE}],
        "tokens": 3,
        "secure_token": True,
    }


VARIABLES = {
    "ansible_become_pass": "planted-1",
    "ansible_become_password": "planted-2",
    "ansible_ssh_pass": "planted-3",
    "cluster_encryption_key": "c2VjcmV0Ym94LXBsYW50ZWQ=",
    "join_token": "planted-5",
    "db": {"admin": {"password": "planted-6"}, "replicas": [{"api_key": "planted-7"}]},
    "registry_auths": {"r": {"auth_token": "planted-8"}},
    "history_url": "postgresql://u:planted-9@db/x",
    "pin_password": 1234567,
}


def test_every_secret_of_an_inventory_is_known() -> None:
    known = secrets_in(VARIABLES.items())
    assert known == {
        *(f"planted-{n}" for n in (1, 2, 3, 5, 6, 7, 8, 9)),
        "c2VjcmV0Ym94LXBsYW50ZWQ=",
        "1234567",
    }
    plain = {
        "ansible_become": True,
        "ansible_become_user": "root",
        "ansible_ssh_private_key_file": "/home/me/.ssh/id",
        "token_file": "/etc/x",
        "taint_key": "node-role.kubernetes.io/control-plane",
        "cluster_name": "kubedrill",
        "ssh_public_key": "AAAAC3NzaC1lZDI1NTE5AAAA",
        "short": "x",
    }
    assert secrets_in(plain.items()) == set()


SECRET = 'it\'s "Hunter" & <2> Ünïcode/+='


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        quote(SECRET, safe=""),
        html.escape(SECRET),
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        json.dumps(json.dumps(SECRET)),
        SECRET.replace("'", "''"),
        base64.b64encode(SECRET.encode()).decode(),
        base64.b64encode(f"me:{SECRET}".encode()).decode(),
        base64.b64encode(f"abcd{SECRET}ef".encode()).decode(),
        base64.urlsafe_b64encode(f"a{SECRET}".encode()).decode(),
    ],
)
def test_a_known_secret_is_taken_in_every_disguise(text: str) -> None:
    cleaned = Redactor([SECRET]).clean(f"strange place: <{text}> kept")
    assert "Hunter" not in cleaned
    assert GONE in cleaned
    for word in re.findall(r"[A-Za-z0-9+/_-]{16,}", cleaned):
        with_padding = word.replace("-", "+").replace("_", "/") + "=" * (-len(word) % 4)
        try:
            assert b"Hunter" not in base64.b64decode(with_padding)
        except ValueError:
            continue
    assert cleaned.endswith((" kept", "> kept"))


def test_a_key_that_is_known_is_taken_line_by_line() -> None:
    body = PEM.split("\n")[1]
    assert body not in Redactor([PEM]).clean(f"line 17: {body}")


def test_a_short_secret_is_taken_as_a_word_and_a_common_one_where_it_is_named() -> None:
    redactor = Redactor(["roses", "vagrant"])
    assert redactor.clean("roses, primroses") == f"{GONE}, primroses"
    assert redactor.clean("user vagrant, password=vagrant") == f"user vagrant, password={GONE}"


def test_what_was_remembered_is_taken_from_then_on_but_never_a_node_s_name() -> None:
    assert redact("a planted-42 b cp1-node") == "a planted-42 b cp1-node"
    remember_secrets(["planted-42", "cp1-node"], public=["CP1-node"])
    assert redact("a planted-42 b cp1-node") == f"a {GONE} b cp1-node"
    assert redact_value({"x": ["planted-42"]}) == {"x": [GONE]}


@pytest.mark.parametrize("name", ["DB_PASS", "dbPass", "my-token", "ANSIBLE_SSH_PASS", "api_keys"])
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["passed", "bypass", "secretName", "token_ttl", "compass", "PASS"])
def test_names_of_other_things(name: str) -> None:
    assert not is_secret_name(name)


AROUND = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=60)


@settings(max_examples=150, deadline=None)
@given(form=st.sampled_from(sorted(FORMS)), before=AROUND, after=AROUND)
def test_whatever_stands_on_the_lines_around(form: str, before: str, after: str) -> None:
    planted = FORMS[form]
    cleaned = Redactor().clean(f"{before}\n{planted.text}\n{after}")
    leaks = planted.leaks(cleaned)
    assert [leak for leak in leaks if leak not in before + after] == []
    assert Redactor().clean(cleaned) == cleaned


WORDS = [WORD, OTHER, LOGIN, GONE, "password: ", "token=", "|\n  ", '"', "'", "\\", "[", "]", "{"]
WORDS += [
    "\n",
    " ",
    "- name: DB_PASS\n  value: ",
    "kind: Secret\ndata:\n  a: b\n",
    "--password ",
    ",",
]
WORDS += [
    "https://a:b@c/",
    "Authorization: Basic ",
    "-p ",
    "}",
    "secret: >-\n",
    "sa.key: ",
    "=",
    ":",
]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=8), max_size=12).map("".join))
def test_cleaning_again_changes_nothing(text: str) -> None:
    cleaned = Redactor([WORD]).clean(text)
    assert Redactor([WORD]).clean(cleaned) == cleaned
    assert cleaned.count("\n") == text.count("\n")
    assert WORD not in cleaned


HOSTILE = [
    "A" * 64 + "\n",
    " ",
    " \n",
    '"',
    "\\",
    "-p ",
    "password",
    "password: ",
    "token=",
    "://a:b",
]
HOSTILE += [
    "://a@",
    ":",
    "secret ",
    "a.key:",
    "password: [",
    "a.b.",
    "a=b;",
    "kind: Secret\n",
    "auth: [",
]
HOSTILE += [
    '"kind":"Secret","data":{',
    "value: x\n",
    "name: A_TOKEN\n",
    "authorization: ",
    "cookie: a",
]
HOSTILE += [
    "LS0tLS1CRUdJTi\n",
    '"\\n',
    "\\n",
    '"a\\nb',
    "-----BEGIN PRIVATE KEY-----",
    "-----END PRIVATE KEY-----\n",
    "_",
    "1",
]
HOSTILE += [
    "kind: Secret\ndata:\n a: b\n",
    "https://a/hooks/",
    "password: 'a''",
    "password: |\n a\n",
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_no_text_takes_long(unit: str) -> None:
    """What grows with the square of the length takes minutes here."""
    text = (unit * (200_000 // len(unit) + 1))[:200_000]
    began = time.process_time()
    Redactor()._pass(text)
    assert time.process_time() - began < 20
