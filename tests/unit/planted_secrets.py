"""Every form in which a secret can stand in text; none of the values is used anywhere.

Each form is a text with the parts of it that must be gone, and words that must stay.
"""

from __future__ import annotations

import base64
import json
import textwrap
from dataclasses import dataclass

WORD = "Hunter2-Planted"
OTHER = "c0rrect h0rse, b4ttery: st4ple"
KEY_BODY = "MIIEowIBAAKCAQEAplantedplantedplantedplanted"
PEM = (
    f"-----BEGIN RSA PRIVATE KEY-----\n{KEY_BODY}\n{KEY_BODY[::-1]}\n-----END RSA PRIVATE KEY-----"
)
JWT = "eyJhbGciOiJSUzI1NiIsImtpZCI6InBsYW50ZWQifQ.eyJpc3MiOiJwbGFudGVkIn0.c2lnbmF0dXJlLXBsYW50ZWQ"
BOOTSTRAP = "abcdef.0123456789plante"
CERT_KEY = "f8902e114ef118304e561c3ecd4d0b543adc226b7a07f675f56564185ffe0c07"
LOGIN = base64.b64encode(f"admin:{WORD}".encode()).decode()
CODED = base64.b64encode(PEM.encode()).decode()
CODED_WORD = base64.b64encode(WORD.encode()).decode()
FOLDED = "\n".join(textwrap.wrap(CODED, 64))
AWS_KEY = "wJalrXUtnFEMIplantedbPxRfiCYEXAMPLEKEYab"


@dataclass(frozen=True)
class Form:
    """A text, what must not be left of it, and what must."""

    text: str
    secrets: tuple[str, ...] = (WORD,)
    stays: tuple[str, ...] = ()

    def leaks(self, text: str) -> list[str]:
        """What is left of the secrets in a text."""
        return [secret for secret in self.secrets if secret in text]


def _key(text: str, *stays: str) -> Form:
    lines = FOLDED.split("\n")
    parts = (KEY_BODY, KEY_BODY[::-1], CODED[60:90], CODED[100:130], lines[1][4:40], lines[2][4:40])
    return Form(text, tuple(part for part in parts if part in text), stays)


def _indented(text: str, by: int) -> str:
    return textwrap.indent(text, " " * by)


def _words(text: str, *stays: str) -> Form:
    return Form(text, ("c0rrect", "h0rse", "b4ttery", "st4ple"), stays)


_MANIFEST = {
    "apiVersion": "v1",
    "data": {"user": CODED_WORD, "conf": base64.b64encode(b"planted: yes").decode()},
    "kind": "Secret",
    "metadata": {"name": "kept"},
}
_DATA = (CODED_WORD, base64.b64encode(b"planted: yes").decode())

FORMS = {
    # names
    "ansible_become_pass": Form(f"ansible_become_pass: {WORD}"),
    "ansible_ssh_pass of an inventory": Form(
        f"cp1 ansible_ssh_pass={WORD} x=kept", stays=("kept",)
    ),
    "*_PASS": Form(f"export DB_PASS={WORD}", stays=("export DB_PASS=",)),
    "dbPass": Form(json.dumps({"dbPass": WORD, "kept": 1}), stays=('"kept": 1',)),
    "yaml": Form(f"password: {WORD}\nafter: kept", stays=("after: kept",)),
    "yaml in quotes": _words(f'db_password: "{OTHER}"\nafter: kept', "after: kept"),
    "yaml in single quotes": _words(f"password: 'it''s {OTHER}'\nafter: kept", "after: kept"),
    "password with spaces": _words(f"password: {OTHER}\nafter: kept", "after: kept"),
    "password with spaces in a line": _words(
        "login of user: kept password: c0rrect h0rse, b4ttery st4ple", "kept"
    ),
    "password with commas": Form(
        "password: Hunter2,Planted,Again", ("Hunter2", "Planted", "Again")
    ),
    "password = with commas": Form(
        "password=Hunter2,Planted host=kept", ("Hunter2", "Planted"), ("kept",)
    ),
    "yaml list": _words("password: [c0rrect h0rse, b4ttery, st4ple]\nafter: kept", "after: kept"),
    "yaml list of lines": _words(
        "passwords:\n- c0rrect h0rse\n- b4ttery st4ple\nafter: kept", "after: kept"
    ),
    "yaml deeper list": _words(
        "  passwords:\n    - c0rrect h0rse\n    - b4ttery st4ple\n  after: kept", "after: kept"
    ),
    "yaml on the next line": Form(f"password:\n  {WORD}\nafter: kept", stays=("after: kept",)),
    "yaml over lines": _words(
        "password: c0rrect h0rse\n  b4ttery st4ple\nafter: kept", "after: kept"
    ),
    "yaml quoted over lines": _words(
        'password: "c0rrect h0rse\n  b4ttery st4ple"\nafter: kept', "after: kept"
    ),
    "yaml block": _words(
        "secret: |\n  c0rrect h0rse\n\n  b4ttery st4ple\nafter: kept", "after: kept"
    ),
    "yaml folded block": _words(
        "- token: >-\n    c0rrect h0rse\n    b4ttery st4ple\n  after: kept", "after: kept"
    ),
    "yaml flow": Form(f"db: {{password: {WORD}, host: kept}}", stays=("host: kept}",)),
    "json": Form(json.dumps({"token": WORD, "kept": "kept"}), stays=('"kept": "kept"',)),
    "json with quotes": Form(json.dumps({"token": f'a"{WORD}', "kept": 1}), stays=('"kept": 1',)),
    "json list": Form(json.dumps({"passwords": ["kept-not", WORD]}), ("kept-not", WORD)),
    "pretty json": Form(
        json.dumps({"token": WORD, "kept": "kept"}, indent=2), stays=('"kept": "kept"',)
    ),
    "json in json": Form(
        json.dumps({"last-applied": json.dumps({"apiKey": WORD, "kept": "kept"})}), stays=("kept",)
    ),
    "python": Form(f"{{'password': '{WORD}', 'kept': 'kept'}}", stays=("'kept': 'kept'",)),
    "go": Form(f'cfg.Password := "{WORD}"'),
    "environ": Form(f'os.environ["DB_PASSWORD"] = "{WORD}"'),
    "environment": Form(f"export DB_PASSWORD={WORD}; kept", stays=("; kept",)),
    "unit": Form(f"Environment=DB_PASSWORD={WORD} A=kept", stays=("A=kept",)),
    "client secret": Form(f"client_secret={WORD}&grant=kept", stays=("grant=kept",)),
    "aws secret": Form(f"aws_secret_access_key = {AWS_KEY}", (AWS_KEY,)),
    "certificate key": Form(f"certificateKey: {CERT_KEY}", (CERT_KEY,)),
    "keepalived": Form(f"  auth_pass {WORD}"),
    "netrc": Form(f"machine kept login me password {WORD}", stays=("machine kept",)),
    "redis": Form(f"requirepass {WORD}"),
    "sql": Form(f"ALTER USER kept IDENTIFIED BY '{WORD}'", stays=("kept",)),
    "sql of postgres": Form(f"ALTER ROLE kept PASSWORD '{WORD}'", stays=("kept",)),
    # environments of pods
    "name, value": Form(
        f"- name: API_TOKEN\n  value: {WORD}\n- name: A\n  value: kept", stays=("value: kept",)
    ),
    "value, name": Form(
        f"- value: {WORD}\n  name: API_TOKEN\n- value: kept\n  name: A", stays=("value: kept",)
    ),
    "value in a block, name": _words(
        "- value: |\n    c0rrect h0rse\n    b4ttery st4ple\n  name: DB_PASS"
    ),
    "name, value in json": Form(json.dumps([{"name": "API_TOKEN", "value": WORD}])),
    "value, name in json": Form(
        json.dumps([{"value": "kept", "name": "A"}, {"value": WORD, "name": "DB_PASS"}]),
        stays=("kept",),
    ),
    "value, name in pretty json": Form(json.dumps([{"value": WORD, "name": "DB_PASS"}], indent=1)),
    "name, value in json in json": Form(
        json.dumps(json.dumps([{"name": "A_TOKEN", "value": WORD}]))
    ),
    "value, name in json in json": Form(
        json.dumps(json.dumps([{"value": WORD, "name": "A_TOKEN"}]))
    ),
    "name, value in python": Form(str([{"name": "DB_PASS", "value": WORD}])),
    "described pod": Form(f"      DB_PASSWORD:  {WORD}\n      A: kept", stays=("A: kept",)),
    # Secrets
    "Secret": Form(
        f"apiVersion: v1\ndata:\n  user: {CODED_WORD}\n  conf: {_DATA[1]}\nkind: Secret\n"
        "metadata:\n  name: kept",
        _DATA,
        ("name: kept", "  user: "),
    ),
    "stringData": _words(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: kept\nstringData:\n  conf: |\n"
        "    c0rrect h0rse\n    b4ttery\n  user: st4ple\n---\nkind: ConfigMap\n"
        "data:\n  a: kept-too",
        "name: kept",
        "kept-too",
    ),
    "list of Secrets": Form(
        "items:\n- apiVersion: v1\n  data:\n    user: " + CODED_WORD + "\n  kind: Secret\n"
        "- apiVersion: v1\n  data:\n    a: kept\n  kind: ConfigMap",
        (CODED_WORD,),
        ("a: kept",),
    ),
    "Secret in json": Form(json.dumps(_MANIFEST), _DATA, ('"name": "kept"',)),
    "Secret in pretty json": Form(json.dumps(_MANIFEST, indent=4), _DATA, ('"name": "kept"',)),
    "Secret in json in json": Form(json.dumps({"x": json.dumps(_MANIFEST)}), _DATA, ("kept",)),
    "stringData in json": Form(
        json.dumps({"kind": "Secret", "stringData": {"user": f'a"{WORD}', "b": WORD}})
    ),
    "sa.key": _key(f"  sa.key: {CODED}\n  sa.pub: kept", "sa.pub: kept"),
    "sa.key without armour": Form(f"sa.key: {KEY_BODY}", (KEY_BODY,)),
    "tls.key, folded": _key(f"  tls.key: >-\n{_indented(FOLDED, 4)}\n  after: kept", "after: kept"),
    "tls.key in json": _key(json.dumps({"tls.key": PEM, "kept": 1}), '"kept": 1'),
    "Docker auth": Form(
        json.dumps({"auths": {"kept.example": {"auth": LOGIN}}}), (LOGIN,), ("kept.example",)
    ),
    "Docker auth in json in json": Form(json.dumps(json.dumps({"auth": LOGIN})), (LOGIN,)),
    ".dockerconfigjson": Form(
        ".dockerconfigjson: "
        + base64.b64encode(json.dumps({"auths": {"r": {"auth": LOGIN}}}).encode()).decode(),
        (base64.b64encode(json.dumps({"auths": {"r": {"auth": LOGIN}}}).encode()).decode()[20:60],),
    ),
    ".dockerconfigjson in json": Form(json.dumps({".dockerconfigjson": WORD})),
    ".dockerconfigjson, plain": Form(
        f'.dockerconfigjson: \'{{"auths":{{"r":{{"auth":"{LOGIN}"}}}}}}\'', (LOGIN,)
    ),
    "docker config without a name": Form(
        "said " + base64.b64encode(json.dumps({"auths": {"r": {"auth": LOGIN}}}).encode()).decode(),
        (base64.b64encode(json.dumps({"auths": {"r": {"auth": LOGIN}}}).encode()).decode()[20:60],),
    ),
    # keys
    "private key": _key(f"before\n{PEM}\nkept", "before", "kept"),
    "indented private key": _key(f"key: |\n{_indented(PEM, 2)}\nkept: kept", "kept: kept"),
    "private key that is cut": _key(PEM.split("\n-----END", maxsplit=1)[0]),
    "end of a private key": _key(
        "said\n" + PEM.split("-----\n", maxsplit=1)[1] + "\nkept", "said", "kept"
    ),
    "private key in json": _key(json.dumps({"out": PEM, "kept": 1}), '"kept": 1'),
    "private key in base64": _key(f"data: {CODED}"),
    "private key in folded base64": _key(f"said\n{FOLDED}\nkept!", "said", "kept!"),
    "private key in base64 in json": _key(json.dumps({"out": FOLDED})),
    "kubeconfig": _key(f"    client-key-data: {CODED}\n    x: kept", "x: kept"),
    # options
    "option": Form(f"kubelet --client-secret={WORD} --v=2 kept", stays=("--v=2 kept",)),
    "option with a space": Form(f"tool --password {WORD} kept", stays=("kept",)),
    "option in quotes": _words(f'tool --password "{OTHER}" kept', "kept"),
    "option in a list": Form(json.dumps(["tool", "--password", WORD, "kept"]), stays=("kept",)),
    "option in a pretty list": Form(
        json.dumps(["--password", WORD, "kept"], indent=2), stays=("kept",)
    ),
    "option in a Python list": Form(str(["tool", "--db-password", WORD, "kept"]), stays=("kept",)),
    "option in a YAML list": Form(f"- tool\n- --password\n- {WORD}\n- kept", stays=("- kept",)),
    "option in json in json": Form(
        json.dumps(json.dumps(["--password", WORD, "kept"])), stays=("kept",)
    ),
    "-p x": Form(f"sshpass -p {WORD} ssh kept", stays=("ssh kept",)),
    "-p x of a login": Form(f"docker login -u me -p {WORD} kept.example", stays=("kept.example",)),
    "-px": Form(f"mysql -uroot -p{WORD} kept", stays=("kept",)),
    "-P x": Form(f"7z x -P {WORD} kept", stays=("kept",)),
    "-p in a list": Form(json.dumps(["tool", "-p", WORD, "kept"]), stays=("kept",)),
    "-u user:pass": Form(
        f"curl -u me:{WORD} https://kept.example/", stays=("https://kept.example/",)
    ),
    "--user user:pass": Form(f"curl --user me:{WORD} kept", stays=("kept",)),
    "-u in a list": Form(json.dumps(["curl", "-u", f"me:{WORD}", "kept"]), stays=("kept",)),
    "join command": Form(
        f"kubeadm join 10.0.0.1:8443 --token {BOOTSTRAP} --certificate-key {CERT_KEY}",
        (BOOTSTRAP, CERT_KEY),
        ("kubeadm join 10.0.0.1:8443",),
    ),
    # headers
    "bearer": Form(f"Authorization: Bearer {WORD}-long"),
    "authorization without a scheme": Form(f"Authorization: {WORD}\nA: kept", stays=("A: kept",)),
    "bearer alone": Form(f"curl -H 'X: Bearer {WORD}' kept", stays=("kept",)),
    "basic": Form(f"authorization: Basic {LOGIN}", (LOGIN,)),
    "basic alone": Form(f"said Basic {LOGIN} kept", (LOGIN,), ("kept",)),
    "basic in a list": Form(json.dumps(["Authorization", f"Basic {LOGIN}"]), (LOGIN,)),
    "basic in a list of values": Form(
        json.dumps({"Authorization": [f"Basic {LOGIN}"], "a": "kept"}), (LOGIN,), ("kept",)
    ),
    "basic in an object": Form(
        json.dumps({"name": "Authorization", "value": f"Basic {LOGIN}"}), (LOGIN,)
    ),
    "auth as a list": Form(json.dumps({"auth": ["me", WORD], "kept": 1}), stays=('"kept": 1',)),
    "auth as a tuple": Form(f"get(url, auth=('me', '{WORD}'))"),
    "api key header": Form(f"X-Api-Key: {WORD}\nA: kept", stays=("A: kept",)),
    "cookie": Form(f"Cookie: a=1; session={WORD}\nHost: kept", stays=("Host: kept",)),
    "set-cookie": Form(f"Set-Cookie: session={WORD}; HttpOnly\nHost: kept", stays=("Host: kept",)),
    "cookie in json": Form(json.dumps({"Cookie": f"session={WORD}", "a": "kept"}), stays=("kept",)),
    "cookie in a list": Form(json.dumps(["Cookie", f"session={WORD}"])),
    # URLs
    "url": Form(
        f"postgresql://drills:{WORD}@db/kubedrill", stays=("postgresql://drills:", "@db/kubedrill")
    ),
    "url with @ and : in the password": Form(f"amqp://me:a@b:{WORD}@mq/kept", stays=("@mq/kept",)),
    "url without a user": Form(f"redis://:{WORD}@cache:6379/0", stays=("@cache:6379/0",)),
    "url with a token": Form(
        f"https://{WORD}@git.example/kept.git", stays=("@git.example/kept.git",)
    ),
    "query": Form(f"https://x.example/a?user=kept&api_key={WORD}", stays=("user=kept",)),
    "shared access signature": Form(
        f"https://a.blob.core.windows.net/kept?sv=2024&sig={WORD}%3D", stays=("/kept?sv=2024",)
    ),
    "presigned": Form(
        f"https://s3.example/kept?X-Amz-Signature={WORD}&a=b", stays=("/kept?", "&a=b")
    ),
    "azure account": Form(
        f"AccountName=kept;AccountKey={WORD}==;a=b", stays=("AccountName=kept", "a=b")
    ),
    "azure signature": Form(f"SharedAccessSignature={WORD}; a=kept", stays=("a=kept",)),
    "slack webhook": Form(f"https://hooks.slack.com/services/T000/B000/{WORD}"),
    "discord webhook": Form(f"https://discord.com/api/webhooks/123/{WORD}"),
    "teams webhook": Form(f"https://acme.webhook.office.com/webhookb2/{WORD}/x"),
    "webhook by its name": Form(
        f'"webhook_url": "https://chat.example/in/{WORD}"', stays=("chat.example",)
    ),
    "webhook by its path": Form(
        f"https://chat.example/hooks/abc{WORD}xyz", stays=("chat.example",)
    ),
    # shapes
    "service account": Form(f"said {JWT} kept", (JWT, JWT[-16:]), ("said", "kept")),
    "bootstrap token in a log": Form(f"using {BOOTSTRAP} for kept", (BOOTSTRAP,), ("for kept",)),
    "aws": Form("found AKIAPLANTEDPLANTED12 kept", ("AKIAPLANTEDPLANTED12",), ("kept",)),
    "gcp": Form(f"AIza{'planted' * 5} kept", ("AIzaplanted",), ("kept",)),
    "github": Form("ghp_plantedplantedplantedplanted1234 kept", ("ghp_planted",), ("kept",)),
    "github, new": Form("github_pat_11PLANTED0planted_planted kept", ("PLANTED0",), ("kept",)),
    "gitlab": Form("glpat-plantedplantedplanted kept", ("glpat-planted",), ("kept",)),
    "slack": Form("xoxb-123456-plantedplanted kept", ("123456-planted",), ("kept",)),
}
