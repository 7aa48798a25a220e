"""A module with all that can go well and wrong, for a copy of the collection."""

from __future__ import annotations

import os
import sys

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.node_baseline import warn


def main() -> None:
    """Do what is asked."""
    module = AnsibleModule(
        argument_spec={
            "do": {
                "type": "str",
                "default": "return",
                "choices": [
                    "return",
                    "raise",
                    "fail",
                    "fall through",
                    "die",
                    "noise",
                    "warn",
                    "run",
                    "run missing",
                    "run failing",
                ],
            },
            "text": {"type": "str", "default": ""},
            "number": {"type": "int"},
            "flag": {"type": "bool", "default": False},
            "many": {"type": "list", "elements": "int", "default": []},
            "secret": {"type": "str", "no_log": True},
            "file": {"type": "path", "default": "~/$SAMPLE"},
            "parts": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "place": {"type": "path"},
                    "token": {"type": "str", "no_log": True},
                },
            },
        },
        mutually_exclusive=[("number", "flag")],
        required_if=[("do", "run", ("text",))],
        supports_check_mode=True,
    )
    do = module.params["do"]
    if do == "raise":
        raise ValueError(f"this went wrong: {module.params['secret']}")
    if do == "fail":
        module.fail_json(msg=f"refused with {module.params['secret']}", text="für 'x'")
    if do == "fall through":
        return
    if do == "die":
        sys.stdout.write("half a res")
        sys.stdout.flush()
        os._exit(3)
    if do == "noise":
        os.write(1, b"before\n[not json\n")
    if do == "warn":
        warn("careful")
    if do == "run":
        status, output, errors = module.run_command(
            ["sh", "-c", module.params["text"]], environ_update={"ADDED": "1"}
        )
        module.exit_json(changed=True, status=status, output=output, errors=errors)
    if do == "run missing":
        module.run_command(["/no/such/program", "a b"])
    if do == "run failing":
        module.run_command(["sh", "-c", "echo out; echo err >&2; exit 7"], check_rc=True)
    module.exit_json(
        changed=True,
        checked=module.check_mode,
        params=module.params,
        way="piped" if hasattr(sys.modules[AnsibleModule.__module__], "TASK") else "ansible",
        uid=os.geteuid(),
        home=os.environ.get("HOME"),
        added=os.environ.get("ADDED"),
        echo=module.params["secret"],
        big="x" * (module.params["number"] or 0),
        diff={"before": "a\n", "after": "b\n"},
        stdout="one\ntwo",
    )


if __name__ == "__main__":
    main()
