"""Who runs this playbook, as a claim of the cluster says it."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path
from typing import Any

from ansible import context
from ansible.plugins.lookup import LookupBase

from ansible_collections.kubedrill.kubeadm.plugins.module_utils.processes import (
    describe_process,
    hides_others,
    lineage,
    living_processes,
    process_identity,
)

DOCUMENTATION = """
name: claim
short_description: Names the process that runs this playbook
description: >-
  With its ancestors and with the other processes of this host, so that a claim of one that died is
  recognized.
options:
  _terms:
    description: Holder of a claim that is to be taken over; empty for none.
"""


class LookupModule(LookupBase):
    """Returns one mapping."""

    def run(self, terms: list[str], variables: Any = None, **kwargs: Any) -> list[dict[str, Any]]:
        """Describe ansible-playbook itself, and not the worker that runs this task."""
        self.set_options(var_options=variables, direct=kwargs)
        parent = multiprocessing.parent_process()
        playbook = (parent.pid if parent else None) or os.getpid()
        names = [Path(path).name for path in context.CLIARGS.get("args") or ()]
        return [
            {
                **describe_process(playbook),
                "holder": process_identity(playbook, ", ".join(names)),
                "lineage": lineage(playbook),
                "alive": living_processes(),
                "hidden": hides_others(),
                "takeover": "".join(terms),
            }
        ]
