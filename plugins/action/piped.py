"""Runs a module of this collection as one plain Python program; meta/runtime.yml names them all."""

from __future__ import annotations

from ansible.plugins.action import normal

from ansible_collections.kubedrill.kubeadm.plugins.plugin_utils.piped_action import PipedAction


class ActionModule(PipedAction, normal.ActionModule):
    """The action of ordinary modules, with another payload."""
