"""Adds to a wheel what stands outside the Python package: kubedrill.base.project lists it."""

import shutil
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

sys.path.insert(0, str(Path(__file__).resolve().parent / "harness"))

from kubedrill.base.project import data_files


class BuildWithData(build_py):
    """The package, the collection and the project's files."""

    def run(self) -> None:
        """Copy the files into the wheel's tree; an editable installation reads the checkout."""
        if self.editable_mode:
            super().run()
            return
        shutil.rmtree(self.build_lib, ignore_errors=True)  # files of an earlier build
        super().run()
        for name, source in data_files():
            target = Path(self.build_lib) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            target.chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)


setup(cmdclass={"build_py": BuildWithData})
