"""Ansible module: one step of a rollback on one node.

Each may be run again at any time, and then does what is left.

No step of a node begins before the one before it has ended on every node: all members stop, then
all change their data, then all start. So no two of them ever serve different data, and none that
has served is restored a second time. docs/explanation/upgrade.md says what happens at each kill
point.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.objects import STATIC_PODS
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.rollback_files import (
    REPLACED,
    RESTORED,
    Files,
    Journal,
    remove,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.static_pods import stop as stop_pods
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.static_pods import unhealthy
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.upgrade_cluster import (
    CommandError,
    run,
    wait_until_none,
)
from ansible_collections.kubedrill.kubeadm.plugins.module_utils.whole_files import copy_whole

DOCUMENTATION = r"""
module: rollback_step
short_description: One step of a rollback on one node
description: begin, restore and finish touch nothing that runs; stop, replace, start and wait do.
options:
  step:
    description: Which one.
    type: str
    choices: [begin, restore, stop, replace, start, wait, settle, finish]
    required: true
  to: {description: "begin: the older release, without v.", type: str, default: ""}
  sha256:
    description: "begin: the snapshot's checksum, by which a rerun knows it."
    type: str
    default: ""
  touched:
    description: "begin: whether the upgrade has changed what runs here."
    type: bool
    default: false
  image_tags:
    description: "begin: image tags of the older release; empty on a worker."
    type: dict
    default: {}
  snapshot: {description: "restore: the snapshot on this node.", type: path}
  members: {description: "restore: name to peer URL of every etcd member.", type: dict, default: {}}
  programs: {description: Directory with etcdutl., type: path, default: /usr/local/bin}
  bump: {description: "restore: what revisions are raised by.", type: int, default: 0}
  grace:
    description: "stop: seconds that a process gets to end after SIGTERM."
    type: int
    default: 6
  timeout: {description: "restore, wait: seconds that it may take.", type: int, default: 120}
author: kubedrill
"""

EXAMPLES = r"""
- name: Stop etcd, the API servers and newer kubelets
  kubedrill.kubeadm.rollback_step:
    step: stop
    grace: 6
"""

RETURN = r"""
journal:
  description: What the rollback has recorded on this node; empty after C(finish).
  type: dict
  returned: always
now:
  description: The node's clock in seconds since 1970.
  type: int
  returned: always
"""


class Step:
    """The steps. ``files`` says where everything is."""

    def __init__(self, params: dict[str, Any], files: Files) -> None:
        self.params, self.files = params, files

    def begin(self) -> bool:
        """Begin the journal, and copy the older manifests where nothing overwrites them."""
        known = self.files.journal() or {}
        if "stopped" in known:
            return False
        remove(self.files.backups)
        self.files.backups.mkdir(mode=0o700, parents=True)
        self.files.folder.chmod(0o700)
        for name, version in self.params["image_tags"].items():
            manifest = self.files.manifest(name, version)
            if manifest is None:
                raise CommandError(
                    f"no manifest of {name} {version} is on this node any more: nothing was stopped"
                )
            copy_whole(manifest, self.files.backups / f"{name}.yaml")
        touched = bool(
            self.params["touched"] or known.get("touched")
        )  # its programs may be the older ones by now
        journal = {"to": self.params["to"], "sha256": self.params["sha256"], "touched": touched}
        self.files.note({**journal, "member": bool(self.params["image_tags"])})
        return True

    def restore(self) -> bool:
        """Make the member's data from the snapshot, aside; what runs goes on."""
        if self._journal().get("replaced"):
            return False
        etcd, members = self.files.etcd(), self.params["members"]
        aside = Path(etcd["data"]) / RESTORED
        remove(aside)
        argv = [
            f"{self.params['programs']}/etcdutl", "snapshot", "restore", self.params["snapshot"],
            f"--name={etcd['name']}", f"--initial-advertise-peer-urls={etcd['peer_url']}",
            "--initial-cluster=" + ",".join(f"{name}={url}" for name, url in members.items()),
            "--initial-cluster-token=kubedrill-rollback-" + self._journal()["sha256"][:12],
            f"--data-dir={aside}", f"--bump-revision={self.params['bump']}", "--mark-compacted",
        ]  # fmt: skip
        run(argv, self.params["timeout"])
        return True

    def stop(self) -> bool:
        """Stop the kubelet where it is newer or an etcd member is here.

        End static pods, take their manifests away.
        """
        journal = self._journal()
        if journal["member"]:
            return not journal.get("replaced") and self._stop_member(journal)
        if journal.get("stopped") or not journal["touched"]:
            return False
        self._stop_kubelet(journal)
        self._note(stopped=int(time.time()))
        return True

    def _stop_kubelet(self, journal: Journal) -> None:
        run(["systemctl", "stop", "kubelet"], 60)
        if journal["touched"]:
            self.files.forget_kubelet_state()

    def _stop_member(self, journal: Journal) -> bool:
        if "stopped" not in journal:
            self._note(
                stopped=int(time.time())
            )  # before: what the API takes until it has ended is lost too
        self._stop_kubelet(journal)
        for name in (
            STATIC_PODS
        ):  # a node that boots now must not start the old etcd, or a newer API server
            (self.files.manifests / f"{name}.yaml").unlink(missing_ok=True)
        stop_pods([name for name in STATIC_PODS if name != "etcd"], self.params["grace"])
        stop_pods(["etcd"], self.params["grace"])
        return True

    def replace(self) -> bool:
        """Put the restored data in the place of the old ones, which are kept until all is over."""
        journal = self._journal()
        if not journal["member"] or journal.get("replaced"):
            return False
        data = Path(self.files.etcd()["data"])
        member, old, restored = data / "member", data / REPLACED, data / RESTORED / "member"
        if not restored.is_dir() and not old.exists():
            raise CommandError(
                f"{restored} is not there: run the same command again, it makes it anew"
            )
        if not old.exists() and member.exists():
            member.replace(old)
        if restored.is_dir():
            remove(member)  # only what a killed run put there, and what never ran
            restored.replace(member)
        self._note(replaced=True)
        remove(data / RESTORED)
        return True

    def start(self) -> bool:
        """Place the older manifests, then start the kubelet as after a boot."""
        journal = self._journal()
        if not journal["member"]:
            return False
        if not journal.get("replaced"):
            raise CommandError("the data are not restored here yet: run the same command again")
        if journal.get("started"):
            run(["systemctl", "start", "kubelet"], 60)
            return False
        for name in STATIC_PODS:
            copy_whole(self.files.backups / f"{name}.yaml", self.files.manifests / f"{name}.yaml")
        run(
            ["systemctl", "restart", "kubelet"], 60
        )  # one that runs since a boot saw no manifest: it would be slow
        self._note(started=int(time.time()))
        return True

    def wait(self) -> bool:
        """Wait until the static pods answer their health checks."""
        timeout = self.params["timeout"]
        if self._journal()["member"] and (bad := wait_until_none(unhealthy, timeout)):
            raise CommandError(
                f"not healthy {timeout} s after its start: {', '.join(bad)}; run the same command "
                f"again"
            )
        return False

    def settle(self) -> bool:
        """Write down that all is done.

        A rerun then only tidies up, and never restores what has served.
        """
        journal = self.files.journal()
        if journal is None or journal.get(
            "done"
        ):  # none: an earlier run tidied up here, and was killed before others
            return False
        self._note(done=True)
        return True

    def finish(self) -> bool:
        """Remove backups: the data that were replaced cannot come back after this."""
        data = self.files.etcd().get("data")
        if data:
            remove(Path(data) / REPLACED)
        remove(self.files.folder)
        return True

    def _journal(self) -> Journal:
        journal = self.files.journal()
        if journal is None:
            raise CommandError(
                f"{self.files.journal_file} is not there: run the same command again"
            )
        return journal

    def _note(self, **what: Any) -> None:
        self.files.note({**self._journal(), **what})


def main() -> None:
    """Do the step and exit."""
    module = AnsibleModule(
        argument_spec={
            "step": {
                "type": "str",
                "choices": [
                    "begin",
                    "restore",
                    "stop",
                    "replace",
                    "start",
                    "wait",
                    "settle",
                    "finish",
                ],
                "required": True,
            },
            "to": {"type": "str", "default": ""},
            "sha256": {"type": "str", "default": ""},
            "touched": {"type": "bool", "default": False},
            "image_tags": {"type": "dict", "default": {}},
            "snapshot": {"type": "path"},
            "members": {"type": "dict", "default": {}},
            "programs": {"type": "path", "default": "/usr/local/bin"},
            "bump": {"type": "int", "default": 0},
            "grace": {"type": "int", "default": 6},
            "timeout": {"type": "int", "default": 120},
        },
    )
    step = Step(module.params, Files())
    try:
        changed = getattr(step, module.params["step"])()
        journal = step.files.journal() or {}
    except (CommandError, OSError, KeyError, ValueError) as error:
        module.fail_json(msg=f"{module.params['step']}: {error}")
    module.exit_json(changed=changed, journal=journal, now=int(time.time()))


if __name__ == "__main__":
    main()
