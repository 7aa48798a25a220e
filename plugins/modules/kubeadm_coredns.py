"""Ansible module: deploys CoreDNS by kubeadm, and lets kubeadm upgrade it."""

from __future__ import annotations

import json
import re

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.upgrade_cluster import (
    KUBECONFIG,
    CommandError,
    kubectl_json,
    run,
)

DOCUMENTATION = r"""
module: kubeadm_coredns
short_description: Deploys CoreDNS by kubeadm, and lets kubeadm upgrade it
description:
  - Runs on a control plane. kubeadm init that skips the add-on CoreDNS writes C(dns.disabled) into
    its ClusterConfiguration, and no C(kubeadm upgrade) upgrades CoreDNS from then on. This module
    removes it where the CoreDNS that is there is kubeadm's, by its image's name.
  - A CoreDNS of another image, and a cluster without CoreDNS where none is to be deployed, stay as
    they are.
options:
  image:
    description: CoreDNS' image that kubeadm of the release asks for.
    type: str
    required: true
  config:
    description: Configuration of C(kubeadm init) to deploy CoreDNS with, where there is none, or
      kubeadm's own of another version. Nothing is deployed where it is empty.
    type: str
    default: ""
author: kubedrill
"""

EXAMPLES = r"""
- name: Deploy CoreDNS
  kubedrill.kubeadm.kubeadm_coredns:
    image: registry.k8s.io/coredns/coredns:v1.14.2
    config: "{{ lookup('ansible.builtin.template', 'init.yaml.j2') }}"
"""

RETURN = r"""
actual:
  description: CoreDNS' image of before, "" where there was none.
  type: str
  returned: always
enabled:
  description: Whether kubeadm was kept from upgrading CoreDNS, and is not any more.
  type: bool
  returned: always
deployed:
  description: Whether CoreDNS was deployed, or another version of it.
  type: bool
  returned: always
"""

COMMAND_S = 120.0
"""Seconds of one command: an API server that does not answer must not hold a playbook for ever."""
KUBECTL = ("kubectl", "--kubeconfig", KUBECONFIG, "--namespace=kube-system")
_DNS = re.compile(r"^dns:\n(?P<lines>(?:  .*\n)*)", re.MULTILINE)


def is_disabled(configuration: str) -> bool:
    r"""Whether kubeadm leaves CoreDNS out of its upgrades.

    >>> is_disabled("clusterName: lab\ndns:\n  disabled: true\netcd: {}\n")
    True
    >>> is_disabled("dns: {}\nproxy:\n  disabled: true\n")
    False
    """
    match = _DNS.search(configuration)
    return bool(match and "  disabled: true\n" in match["lines"])


def is_pinned(configuration: str) -> bool:
    r"""Whether an administrator has chosen CoreDNS' image.

    >>> is_pinned("dns:\n  imageTag: v1.11.0\n"), is_pinned("dns: {}\netcd:\n  imageTag: x\n")
    (True, False)
    """
    match = _DNS.search(configuration)
    return bool(match and re.search(r"^  image(Tag|Repository): ", match["lines"], re.MULTILINE))


def enable(configuration: str) -> str:
    r"""Return a ClusterConfiguration by which kubeadm upgrades CoreDNS.

    >>> enable("dns:\n  disabled: true\netcd: {}\n")
    'dns: {}\netcd: {}\n'
    >>> enable("dns:\n  disabled: true\n  imageTag: v1.11.0\n")
    'dns:\n  imageTag: v1.11.0\n'
    """

    def without(match: re.Match[str]) -> str:
        lines = match["lines"].replace("  disabled: true\n", "", 1)
        return f"dns:\n{lines}" if lines else "dns: {}\n"

    return _DNS.sub(without, configuration, count=1)


def is_kubeadms(actual: str, image: str) -> bool:
    """Whether a running CoreDNS has the name that kubeadm gives its own.

    >>> is_kubeadms("registry.k8s.io/coredns/coredns:v1.13.1", "registry.k8s.io/coredns/coredns:v2")
    True
    >>> is_kubeadms("docker.io/coredns/coredns:1.13.1", "registry.k8s.io/coredns/coredns:v2")
    False
    """
    return actual.rpartition(":")[0] == image.rpartition(":")[0]


def decide(actual: str, image: str, configuration: str, *, may_deploy: bool) -> tuple[bool, bool]:
    """Whether kubeadm is to upgrade CoreDNS from now on, and whether to deploy it now."""
    if not actual:
        return may_deploy and is_disabled(configuration), may_deploy
    if not is_kubeadms(actual, image):
        return False, False
    is_other = actual != image and not is_pinned(configuration)
    return is_disabled(configuration), may_deploy and is_other


def read() -> tuple[str, str]:
    """CoreDNS' image, "" where there is none, and kubeadm's ClusterConfiguration."""
    image = run(
        [*KUBECTL, "get", "deployment", "coredns", "--ignore-not-found",
         "-o=jsonpath={.spec.template.spec.containers[0].image}"],
        COMMAND_S,
    )  # fmt: skip
    where = ("configmap", "kubeadm-config", "--namespace=kube-system")
    config = kubectl_json("get", *where, timeout=COMMAND_S)
    return image.strip(), str(config["data"]["ClusterConfiguration"])


def allow_upgrades(configuration: str) -> None:
    """Let kubeadm upgrade CoreDNS."""
    patch = {"data": {"ClusterConfiguration": enable(configuration)}}
    change = ["patch", "configmap", "kubeadm-config", "--type=merge", "--patch-file=/dev/stdin"]
    run([*KUBECTL, *change], COMMAND_S, stdin=json.dumps(patch))


def deploy(config: str) -> None:
    """Deploy CoreDNS, or the version of it that this kubeadm asks for."""
    phase = ["kubeadm", "init", "phase", "addon", "coredns"]
    run([*phase, "--kubeconfig", KUBECONFIG, "--config=/dev/stdin"], COMMAND_S, stdin=config)


def main() -> None:
    """Deploy, enable and exit."""
    module = AnsibleModule(
        argument_spec={
            "image": {"type": "str", "required": True},
            "config": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    image, config = module.params["image"], module.params["config"]
    try:
        actual, configuration = read()
        enabled, deployed = decide(actual, image, configuration, may_deploy=bool(config))
        if deployed and not module.check_mode:
            deploy(config)
        if enabled and not module.check_mode:
            allow_upgrades(configuration)
    except CommandError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=enabled or deployed, actual=actual, enabled=enabled, deployed=deployed)


if __name__ == "__main__":
    main()
