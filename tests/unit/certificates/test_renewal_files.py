"""The files of a renewal: nothing that is used changes before all copies are complete."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pki
import pytest

from ansible_collections.kubedrill.kubeadm.plugins.module_utils import certificates
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.renewal_files import (
    RenewalFiles,
    describe,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.upgrade_cluster import CommandError

LONG_AGO = datetime.now(UTC).replace(microsecond=0) - timedelta(days=300)


class Renewal(RenewalFiles):
    """With a kubeadm in Python, in whose place no namespace is made."""

    renews: tuple[str, ...] = tuple(certificates.PAIRS) + certificates.KUBECONFIGS
    seen: dict[str, bytes]

    def _command(self, kubeadm: str) -> list[str]:
        argv = super()._command(kubeadm)
        assert argv[:2] == ["unshare", "--mount"]
        assert argv[7:9] == [str(self.new), str(self.kubernetes)]
        assert argv[9:13] == [kubeadm, "certs", "renew", "all"]
        self.seen = pki.contents(self.new)
        now, year = datetime.now(UTC), timedelta(days=365)
        for name in self.renews:
            path = self.new / name
            pair = pki.make_pair(now, year)
            if path.suffix == ".conf" and path.exists():
                path.write_text(pki.make_kubeconfig(pair))
            elif path.suffix != ".conf":
                path.with_suffix(".crt").write_text(pair[0])
                path.with_suffix(".key").write_text(pair[1])
        return ["true"]


@pytest.fixture
def renewal(tmp_path: Path) -> Renewal:
    pki.write_pki(tmp_path / "kubernetes", LONG_AGO)
    return Renewal(tmp_path / "kubernetes", tmp_path / "root" / "config")


def used(renewal: RenewalFiles) -> dict[str, bytes]:
    return {
        name: content
        for name, content in pki.contents(renewal.kubernetes).items()
        if not name.startswith("kubedrill/")
    }


def stage(renewal: RenewalFiles, config: str = "kind: ClusterConfiguration") -> bool:
    return renewal.stage("kubeadm", config, 5)


def test_copies_are_renewed_and_then_take_their_places(renewal: Renewal) -> None:
    before = used(renewal)
    assert stage(renewal)
    assert used(renewal) == before
    assert renewal.seen["kubeadm.yaml"] == b"kind: ClusterConfiguration"
    assert renewal.seen["pki/ca.key"] == before["pki/ca.key"]
    journal = renewal.journal()
    assert sorted(Path(path).name for path in journal) == sorted(
        Path(name).name for name in certificates.files()
    )
    assert len(renewal.differing()) == len(journal)
    renewal.place(journal)
    assert renewal.differing() == []
    after = used(renewal)
    assert {name for name in before if before[name] != after[name]} == set(certificates.files())
    assert [
        name
        for name in certificates.certificate_files()
        if certificates.explain_unusable(renewal.kubernetes, name)
    ] == []
    renewal.put_back(journal)
    assert used(renewal) == before
    renewal.remove()
    assert not renewal.folder.exists()


def test_private_keys_stay_private_and_no_authority_s_key_is_left_in_a_copy(
    renewal: Renewal,
) -> None:
    (renewal.kubernetes / "admin.conf").chmod(0o640)
    stage(renewal)
    assert [name for name in pki.contents(renewal.new) if "ca." in name] == []
    for folder in (renewal.folder, renewal.new, renewal.previous):
        assert folder.stat().st_mode & 0o777 == 0o700
    renewal.place(renewal.journal())
    modes = {
        name: (renewal.kubernetes / name).stat().st_mode & 0o777 for name in certificates.files()
    }
    assert modes.pop("admin.conf") == 0o640
    assert {mode for name, mode in modes.items() if name.endswith(".key")} == {0o600}
    assert {mode for name, mode in modes.items() if name.endswith(".crt")} == {0o644}


def test_a_control_plane_that_joined_has_no_super_admin(renewal: Renewal) -> None:
    (renewal.kubernetes / "super-admin.conf").unlink()
    stage(renewal)
    renewal.place(renewal.journal())
    assert not (renewal.kubernetes / "super-admin.conf").exists()


def test_a_rerun_keeps_what_is_staged_also_where_some_of_it_is_in_place(renewal: Renewal) -> None:
    stage(renewal)
    copies = pki.contents(renewal.folder)
    path, entry = list(renewal.journal().items())[3]
    renewal.place({path: entry})  # and then the node lost its power
    again = Renewal(renewal.kubernetes, renewal.root_kubeconfig)
    assert not stage(again)
    assert pki.contents(renewal.folder) == copies
    assert len(again.differing()) == len(again.journal()) - 1
    again.place(again.journal())
    assert again.differing() == []


@pytest.mark.parametrize("place", ["kubernetes", "new"])
def test_copies_of_files_that_are_others_by_now_are_never_put_into_place(
    renewal: Renewal, place: str
) -> None:
    """As of an upgrade after the killed run, or where a copy was lost with the power."""
    stage(renewal)
    folder = renewal.kubernetes if place == "kubernetes" else renewal.new
    pair = pki.make_pair(datetime.now(UTC), timedelta(days=365))
    (folder / "pki/apiserver.crt").write_text(pair[0])
    assert renewal.journal() == {}
    assert renewal.differing() == []
    copies = pki.contents(renewal.new)
    assert stage(renewal)
    assert pki.contents(renewal.new) != copies


def test_a_run_that_was_killed_while_it_staged_has_begun_nothing(renewal: Renewal) -> None:
    renewal.new.mkdir(parents=True)
    (renewal.new / "pki").mkdir()
    (renewal.new / "pki/apiserver.crt").write_text("half")
    (renewal.new / "of-an-older-run").write_text("x")
    assert not renewal.begun()
    assert stage(renewal)
    assert "of-an-older-run" not in pki.contents(renewal.new)


@pytest.mark.parametrize(
    ("renews", "reason"),
    [
        (("pki/apiserver",), "did not renew pki/apiserver-kubelet-client.crt"),
        ((*certificates.PAIRS, "admin.conf"), "did not renew super-admin.conf"),
    ],
)
def test_what_kubeadm_left_as_it_was_is_an_error(
    renewal: Renewal, renews: tuple[str, ...], reason: str
) -> None:
    before, renewal.renews = used(renewal), renews
    with pytest.raises(CommandError, match=reason):
        stage(renewal)
    assert used(renewal) == before
    assert not renewal.begun()


def test_a_kubeadm_that_fails_is_quoted(renewal: Renewal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        Renewal, "_command", lambda *_: ["sh", "-c", "echo the CA is not there >&2; exit 3"]
    )
    with pytest.raises(CommandError, match="the CA is not there"):
        stage(renewal)
    assert not renewal.begun()


def test_root_s_copy_of_the_kubeconfig_is_renewed_too(renewal: Renewal) -> None:
    text = (renewal.kubernetes / "admin.conf").read_text() + "preferences: {mine: true}\n"
    renewal.root_kubeconfig.parent.mkdir()
    renewal.root_kubeconfig.write_text(text)
    renewal.root_kubeconfig.chmod(0o600)
    stage(renewal)
    assert renewal.root_kubeconfig.read_text() == text
    renewal.place(renewal.journal())
    admin = (renewal.kubernetes / "admin.conf").read_text()
    assert renewal.root_kubeconfig.read_text() == admin + "preferences: {mine: true}\n"
    assert renewal.root_kubeconfig.stat().st_mode & 0o777 == 0o600


def test_root_s_kubeconfig_of_something_else_stays_as_it_is(renewal: Renewal) -> None:
    other = pki.make_kubeconfig(pki.make_pair(LONG_AGO, timedelta(days=999)))
    renewal.root_kubeconfig.parent.mkdir()
    renewal.root_kubeconfig.write_text(other)
    stage(renewal)
    assert str(renewal.root_kubeconfig) not in renewal.journal()


def test_a_file_that_is_a_link_stays_one(renewal: Renewal, tmp_path: Path) -> None:
    link, target = renewal.kubernetes / "pki/apiserver.crt", tmp_path / "elsewhere.crt"
    link.rename(target)
    link.symlink_to(target)
    stage(renewal)
    renewal.place(renewal.journal())
    assert link.is_symlink()
    assert target.read_bytes() == (renewal.new / "pki/apiserver.crt").read_bytes()


def test_a_restart_without_new_certificates_is_noted_and_places_nothing(renewal: Renewal) -> None:
    before = used(renewal)
    renewal.keep_running()
    assert renewal.begun()
    assert renewal.journal() == {}
    renewal.place(renewal.journal())
    assert used(renewal) == before


def test_what_is_returned_of_the_files(renewal: Renewal) -> None:
    folder = renewal.kubernetes
    (folder / "pki/etcd/ca.key").unlink()
    (folder / "pki/front-proxy-ca.crt").write_text("")
    (folder / "super-admin.conf").unlink()
    (folder / "pki/apiserver.key").write_text("")
    state = describe(renewal)
    assert state["missing"] == ["super-admin.conf"]
    assert list(state["unusable"]) == ["pki/apiserver.crt"]
    assert state["begun"] is False
    assert len(state["certificates"]) == len(certificates.certificate_files()) - 2
    assert state["certificates"]["scheduler.conf"] == {
        "issued": LONG_AGO.timestamp(),
        "expires": (LONG_AGO + timedelta(days=365)).timestamp(),
    }
    assert {name: each["key"] for name, each in state["authorities"].items()} == {
        "pki/ca": True,
        "pki/etcd/ca": False,
        "pki/front-proxy-ca": True,
    }
    assert state["authorities"]["pki/front-proxy-ca"]["expires"] == 0
    json.dumps(state)
    assert "KEY" not in json.dumps(state)


def may_mount() -> bool:
    argv = ["unshare", "--mount", "sh", "-c", "mount --bind /tmp /mnt"]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not may_mount(), reason="a namespace of mounts needs root")
def test_the_copies_stand_in_the_place_of_the_files_for_kubeadm_alone(tmp_path: Path) -> None:
    """The real command, with a program that tells what it sees in kubeadm's place."""
    kubernetes = tmp_path / "kubernetes"
    pki.write_pki(kubernetes, LONG_AGO)
    program = tmp_path / "kubeadm"
    program.write_text(f'#!/bin/sh\ncat "$5" && ls {kubernetes} >&2; echo "$@" >&2; exit 1\n')
    program.chmod(0o755)
    renewal = RenewalFiles(kubernetes, tmp_path / "none")
    with pytest.raises(CommandError) as error:
        renewal.stage(str(program), "kind: ClusterConfiguration", 5)
    text = str(error.value)
    assert "kubeadm.yaml" in text
    assert f"certs renew all --config {kubernetes}/kubeadm.yaml" in text
    assert not (kubernetes / "kubeadm.yaml").exists()
