"""The examples in docstrings do what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import kubedrill
from ansible_collections.kubedrill.kubeadm.plugins import filter as filters
from ansible_collections.kubedrill.kubeadm.plugins import module_utils

RUN_BY_OTHERS = ("kubedrill.acceptance", "kubedrill.history.migrations", "kubedrill.cli.__main__")
"""Tests of a cluster, what Alembic runs, and the program itself: importing them does something."""

MODULES = [
    module.name
    for package in (kubedrill, module_utils, filters)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if not module.name.startswith(RUN_BY_OTHERS)
]


def test_every_example_is_right() -> None:
    runner = doctest.DocTestRunner()
    finder = doctest.DocTestFinder(exclude_empty=True)
    for name in MODULES:
        for example in finder.find(importlib.import_module(name)):
            runner.run(example)
    assert runner.summarize(verbose=False).failed == 0
    assert runner.tries > 100, "hardly an example was found"
