"""Inputs at files that kubedrill wrote, and that somebody changed: bundles, runs, exports."""

from __future__ import annotations

import json

import pyrage
from doorkit import Door

from kubedrill.base.project import ROOT

BUNDLE = "cache/bundles/v1.35.4-amd64"
PART = {
    "name": "kubeadm", "version": "v1", "kind": "binary", "path": "bin/kubeadm", "source": "test",
    "size": 4, "sha256": "0" * 64, "nodes": ["control_plane"],
}  # fmt: skip
MANIFEST = {
    "schema": 1, "kubernetes": "v1.35.4", "arch": "amd64", "source": "modules", "key": "k",
    "parts": [PART],
}  # fmt: skip


def part(**changed: object) -> dict[str, object]:
    return {**MANIFEST, "parts": [{**PART, **changed}]}


def bundle(name: str, manifest: object, *says: str) -> Door:
    text = manifest if isinstance(manifest, str) else json.dumps(manifest)
    return Door(
        f"bundle: {name}",
        ("bundle", "verify"),
        2,
        says,
        never=("files are as they should be",),
        files={f"{BUNDLE}/bundle.json": text, f"{BUNDLE}/bin/kubeadm": "four"},
    )


AGAIN = "Run `kubedrill bundle build --kubernetes 1.35.4`."

BUNDLES = [
    bundle("empty", {**MANIFEST, "parts": []}, "lists no parts", AGAIN),
    bundle("cut", json.dumps(MANIFEST)[:60], "cannot be read", AGAIN),
    bundle("no JSON", "hello", "cannot be read", AGAIN),
    bundle("nothing", "", "cannot be read"),
    bundle("nested without end", "[" * 100_000, "cannot be read"),
    bundle("a list", [], "not an object"),
    bundle("a newer schema", {**MANIFEST, "schema": 2}, "schema 2, this version of kubedrill"),
    bundle("a schema that is a word", {**MANIFEST, "schema": "new"}, "schema 'new'"),
    bundle("no parts", {k: v for k, v in MANIFEST.items() if k != "parts"}, "parts is missing"),
    bundle("a part that is a word", {**MANIFEST, "parts": ["x"]}, "parts[0]: expected names"),
    bundle("a part without a size", part(size=None), "parts[0].size: expected a whole"),
    bundle("a part outside", part(path="../../x"), "leaves the bundle"),
    bundle("a part without a path", part(path=""), "parts[0].path: expected the path of a file"),
    bundle("a part that is the bundle", part(path="."), "expected the path of a file"),
    bundle("a part of a negative size", part(size=-1), "parts[0].size: expected 0 or more"),
    bundle("a part of another size", part(size=5), "4 bytes, expected 5"),
    bundle("a part of other contents", MANIFEST, "sha256 "),
    bundle("another architecture", {**MANIFEST, "arch": "arm64"}, "it is for arm64"),
    bundle("another release", {**MANIFEST, "kubernetes": "vlatest"}, "its folder is", AGAIN),
    Door("bundle: of a release that nobody builds", ("bundle", "verify"), 2,
         ("Remove ", "does not make it"), never=("bundle build",),
         files={"cache/bundles/vlatest-amd64/bundle.json": json.dumps(
             {**MANIFEST, "kubernetes": "vlatest"})}),
    Door("bundle: none", ("bundle", "verify"), 2, ("run `kubedrill bundle build` first",)),
    Door("bundle: none of that release", ("bundle", "verify", "--kubernetes", "1.36.3"), 2,
         ("there is no such folder",)),
    Door("bundle: a listed one is cut", ("bundle", "list"), 0, ("not usable",),
         files={f"{BUNDLE}/bundle.json": "{"}),
]  # fmt: skip


def export(name: str, content: str | bytes, *says: str) -> Door:
    return Door(f"export: {name}", ("history", "import", "runs.jsonl"), 2, ("runs.jsonl", *says),
                files={"runs.jsonl": content})  # fmt: skip


RUN = {
    "schema": 1, "run": "r1", "cluster": "c", "seed": 1, "verdict": "INCONCLUSIVE", "exit_code": 3,
    "drills": [], "not_run": [],
}  # fmt: skip


def line(**changed: object) -> str:
    return json.dumps({**RUN, **changed}) + "\n"


EXPORTS = [
    Door("export: good", ("history", "import", "runs.jsonl"), 0, ("1 runs read: 1 added",),
         files={"runs.jsonl": line()}),
    export("no JSON", "hello\n", "line 1: is no run: "),
    export("cut", line()[:40], "line 1: is no run: "),
    export("no text", b"\xff\xfe\x00", "it is not UTF-8 text"),
    export("a list", "[]\n", "line 1: expected names with their values"),
    export("a word", '"x"\n', "line 1: expected names with their values"),
    export("nested without end", "[" * 10_000, "line 1: "),
    export("a newer schema", line(schema=2), "schema: expected 1, found 2"),
    export("a verdict that is none", line(verdict="GOOD"), "verdict: expected 'PASS'"),
    export("a status that is none", line(exit_code=7), "exit_code: expected 0"),
    export("no verdict", json.dumps({k: v for k, v in RUN.items() if k != "verdict"}),
           "verdict: is missing"),
    export("a name that is not known", line(mood="good"), "mood: is not known here"),
    Door("export: a run given twice", ("history", "import", "runs.jsonl"), 1,
         ("1 runs read: 1 added", "line 2: run r1: it was in line 1 already"),
         files={"runs.jsonl": line() + line()}),
    export("a verdict that nothing proves", line(verdict="PASS", exit_code=0),
           "verdict: found PASS, expected INCONCLUSIVE"),
    export("a seed without end", line().replace('"seed": 1', f'"seed": {"9" * 5000}'), "line 1: "),
    export("a seed that is negative", line(seed=-1), "seed: expected 0 or more, found -1"),
    export("a run without a name", line(run=""), "run: expected some text"),
    export("the old format, cut", '{"format": 1, "run": "r"}\n', "line 1: "),
    export("a thousand mistakes", "x\n" * 1000, "and 950 more"),
    Door("export: a folder", ("history", "import", "."), 2, ("directory",)),
    Door("export: there is none", ("history", "import", "none"), 2,
         ("No such file", "history export")),
]  # fmt: skip


def run(name: str, record: str | bytes, *says: str) -> Door:
    return Door(f"run: {name}", ("report", "run1"), 2, says,
                files={"reports/run1/record/node-drain.jsonl": record})  # fmt: skip


GOOD_RECORD = ROOT / "tests" / "records" / "good.jsonl"
HEADER = GOOD_RECORD.read_text(encoding="utf-8").partition("\n")[0] + "\n"

RECORDS = [
    run("an empty record", "", "node-drain.jsonl"),
    run("no record", '{"not": "a record"}\n', "node-drain.jsonl", "as kubedrill wrote it"),
    run("a word", "hello\n", "expected a JSON array"),
    run("a program's file", b"\x7fELF\x02\x01\x01\xff\n", "expected a JSON array"),
    run("another format", '["header", {"format": 9}]\n', "9"),
    run("a line that is nothing", HEADER + "null\n", "line 2: found None, expected one of header"),
    run("a line that is a number", HEADER + "5\n", "line 2: found 5, expected one of header"),
    run("a line that is empty", HEADER + "[]\n", "line 2: found [], expected one of header"),
    run("a line of too few values", HEADER + '["span"]\n', "line 2: found ",
        "expected one of header"),
    run("a line of a list", HEADER + "[[1]]\n", "line 2: found [[1]], expected one of header"),
    run("nested without end", "[" * 10_000 + "\n", "node-drain.jsonl"),
    Door("run: a verdict that is no JSON", ("history", "add", "run1"), 2,
         ("is not JSON", "kubedrill report run1"),
         files={"reports/run1/record/x.jsonl": "", "reports/run1/verdict.json": "{"}),
    Door("run: a verdict nested without end", ("history", "add", "run1"), 2,
         ("is not JSON", "kubedrill report run1"),
         files={"reports/run1/record/x.jsonl": "", "reports/run1/verdict.json": "[" * 100_000}),
    Door("run: a verdict of another schema", ("history", "add", "run1"), 2,
         ("found schema 2, expected 1",),
         files={"reports/run1/record/x.jsonl": "", "reports/run1/verdict.json": '{"schema": 2}'}),
    Door("run: a folder without a record", ("report", "run1"), 2, ("record/*.jsonl",),
         files={"reports/run1/record/readme.txt": ""}),
]  # fmt: skip

AGE_KEY = pyrage.x25519.Identity.generate()
OTHER_KEY = pyrage.x25519.Identity.generate()


def backup(name: str, content: bytes, key: str | bytes, *says: str) -> Door:
    return Door(
        f"backup: {name}",
        ("backup", "verify", "lab.tar.gz.age", "--identity", "backup.key"),
        2,
        says,
        never=("proven", str(AGE_KEY)),
        files={"lab.tar.gz.age": content, "backup.key": key},
    )


SEALED = pyrage.encrypt(b"hello" * 50_000, [AGE_KEY.to_public()])
MANY = pyrage.encrypt(b"\x1f\x8b" + b"[" * 100_000, [AGE_KEY.to_public()])

BACKUPS = [
    backup("empty", b"", str(AGE_KEY), "no file of age"),
    backup("of something else", SEALED, str(AGE_KEY), "it is no backup of kubedrill"),
    backup("no archive", MANY, str(AGE_KEY), "it is no backup of kubedrill"),
    backup("cut", SEALED[:-9], str(AGE_KEY), "it was cut or changed"),
    backup("cut early", SEALED[:80], str(AGE_KEY), "it was cut or changed"),
    backup("tampered", SEALED[:-9] + b"123456789", str(AGE_KEY), "it was cut or changed"),
    backup("another key", SEALED, str(OTHER_KEY), "other keys than those of the key file"),
    backup("a public key", SEALED, str(AGE_KEY.to_public()), "holds no private key"),
    backup("an empty key file", SEALED, "", "holds no private key"),
    backup("a key that is cut", SEALED, str(AGE_KEY)[:-4], "holds no usable key"),
    backup("a key of bytes", SEALED, b"\xff\xfe\0", "it is no text"),
]

DOORS = [*BUNDLES, *EXPORTS, *RECORDS, *BACKUPS]
