"""The command group `kubedrill bundle`."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from rich.console import Console

from kubedrill.bundle.build import build_bundles
from kubedrill.bundle.cache import Cache
from kubedrill.bundle.errors import BundleError, Corrupt
from kubedrill.bundle.manifest import read_manifest, verify
from kubedrill.bundle.orders import orders_bundle
from kubedrill.bundle.own_image import own_bundle
from kubedrill.bundle.proposals import (
    add_release,
    propose,
    published_versions,
    read_tags,
    release_line,
)
from kubedrill.bundle.releases import ARCH, RELEASES, STANDARD, SUPPORTED, find_release
from kubedrill.bundle.tools import tools_bundle
from kubedrill.cli.exit_codes import STOPPED
from kubedrill.cli.lazy import LazyGroup
from kubedrill.cli.options import source_option
from kubedrill.cli.terminal import make_build_progress

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


_KUBERNETES = f"Release of Kubernetes: {', '.join(SUPPORTED)}. May be repeated"


@click.group(cls=LazyGroup)
def bundle() -> None:
    """Make, check and list release bundles: all that a node needs, in one folder."""


@bundle.command()
@click.option(
    "--kubernetes",
    "versions",
    multiple=True,
    metavar="VERSION",
    help=f"{_KUBERNETES}; default: {' and '.join(STANDARD)}.",
)
@source_option
@click.option(
    "--orders",
    is_flag=True,
    help="The order service's bundle instead (docs/explanation/order-service.md).",
)
@click.option(
    "--kubedrill",
    "image",
    is_flag=True,
    help="The bundle of kubedrill's own image instead (docs/how-to/schedule.md).",
)
@click.option(
    "--tools",
    is_flag=True,
    help="The bundle of programs for this machine instead: helm (docs/how-to/own-application.md).",
)
def build(versions: tuple[str, ...], source: str, orders: bool, image: bool, tools: bool) -> None:
    """Build bundles, or find them in the cache.

    Example: kubedrill bundle build --kubernetes 1.36.3
    """
    others = [
        builder
        for builder, is_chosen in (
            (orders_bundle, orders),
            (own_bundle, image),
            (tools_bundle, tools),
        )
        if is_chosen
    ]
    if others and versions:
        raise click.UsageError(
            "--orders, --kubedrill and --tools build separate bundles: leave out --kubernetes"
        )
    console = Console(stderr=True)
    with interruptible(), make_build_progress(console) as progress:
        if others:
            folders = [builder(progress) for builder in others]
        else:
            folders = build_bundles(list(versions or STANDARD), source, progress)
    for folder in folders:
        click.echo(folder)


@bundle.command("verify")
@click.option(
    "--kubernetes",
    "versions",
    multiple=True,
    metavar="VERSION",
    help=f"{_KUBERNETES}; default: all that are in the cache.",
)
def verify_command(versions: tuple[str, ...]) -> None:
    """Compare every file of the bundles in the cache with its size and sha256.

    Example: kubedrill bundle verify
    """
    cache = Cache()
    names = [find_release(v).bundle_name for v in versions] or _bundle_names(cache)
    if not names:
        raise BundleError(f"{cache.bundles} holds no bundle: run `kubedrill bundle build` first.")
    faulty = []
    for name in names:
        try:
            manifest = verify(cache.bundles / name)
        except Corrupt as error:
            faulty.append(str(error))
        else:
            click.echo(f"{cache.bundles / name}: {len(manifest.parts)} files are as they should be")
    if faulty:
        raise BundleError("\n".join(faulty))


@bundle.command("list")
@click.option("--parts", is_flag=True, help="Show every file of each bundle.")
def list_command(*, parts: bool) -> None:
    """Show what is in the cache.

    Example: kubedrill bundle list --parts
    """
    cache = Cache()
    names = _bundle_names(cache)
    if not names:
        click.echo(f"{cache.bundles} holds no bundle; `kubedrill bundle build` makes them")
    for name in names:
        try:
            manifest = read_manifest(cache.bundles / name)
        except Corrupt as error:
            click.echo(f"{name}: not usable: {error.faults[0]}")
            continue
        size = sum(part.size for part in manifest.parts)
        click.echo(
            f"{name}: source {manifest.source}, {len(manifest.parts)} files, {size / 1e6:.0f} MB"
        )
        for part in manifest.parts if parts else ():
            click.echo(
                f"  {part.path:44} {part.version:22} {part.size / 1e6:7.1f} MB  {part.source}"
            )


@bundle.command("propose")
@click.option("--write", is_flag=True, help="Add them to the checkout: lock files and table.")
def propose_command(*, write: bool) -> None:
    """Propose the patch releases that came out after this version of kubedrill.

    Asks the Go module proxy. Each takes the etcd, CoreDNS and containerd of its minor version's
    newest supported release, and the image tags that its own kubeadm asks for.

    Example: kubedrill bundle propose --write
    """
    proposals, minors = propose(published_versions())
    for proposal in proposals:
        release = proposal.release(read_tags(proposal.version))
        click.echo(release_line(release))
        if write:
            folder = add_release(proposal, release)
            version = proposal.version.removeprefix("v")
            click.echo(f"  locked in {folder}; `kubedrill bundle build --kubernetes {version}`")
    if not proposals:
        click.echo(
            f"no newer patch release of {', '.join(dict.fromkeys(r.minor for r in RELEASES))}"
        )
    for version in minors:
        click.echo(
            f"{version} is a new minor version: choose its etcd, CoreDNS and containerd "
            "(docs/how-to/bundles.md, Add a Kubernetes release)"
        )


def _bundle_names(cache: Cache) -> list[str]:
    return sorted(p.name for p in cache.bundles.glob(f"[!.]*-{ARCH}") if p.is_dir())


@contextmanager
def interruptible() -> Iterator[None]:
    """Take Ctrl-C and SIGTERM alike: children are ended, what is in the cache stays whole."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        click.echo(
            "interrupted: finished parts are kept, the next build goes on from there", err=True
        )
        raise SystemExit(STOPPED) from None
    finally:
        signal.signal(signal.SIGTERM, before)
