"""The order service's ingress: its certificate, and what it leads to."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from kubernetes.client import CertificatesV1Api

from kubedrill.acceptance.orders import ANSWER_S, serves
from kubedrill.orders import pki
from kubedrill.orders.certificates import AUTHORITY, SIGNER, Certificates
from kubedrill.orders.ingress_view import IngressView
from kubedrill.orders.manifests import HOST, NAMESPACE

if TYPE_CHECKING:
    from kubedrill.cluster.api import ClusterApi
    from kubedrill.cluster.inventory import Inventory
    from kubedrill.orders.status import OrdersStatus

pytestmark = pytest.mark.app


@pytest.fixture(scope="module")
def view(status: OrdersStatus, api: ClusterApi, inventory: Inventory) -> IngressView:
    if not any(part.name == "ingress" and part.ready for part in status.components):
        pytest.skip("no ingress of the order service is ready here: kubedrill app deploy")
    published = api.core.read_namespaced_config_map(AUTHORITY, NAMESPACE).data["ca.crt"]
    return IngressView(inventory, published)


def test_every_address_serves_the_certificate_that_was_issued_here(
    view: IngressView, api: ClusterApi
) -> None:
    issued = pki.serial(Certificates(api).serving())
    for address in view.addresses:
        assert view.serials(address) == view.serials(address, address) == {issued}


def test_the_ingress_leads_to_the_web_by_address_and_by_name(
    view: IngressView, api: ClusterApi
) -> None:
    greeting = api.core.read_namespaced_config_map("orders", NAMESPACE).data["greeting"]
    for address in view.addresses:
        for host in (address, HOST):
            assert view.get(address, "/", host)["greeting"] == greeting
            assert view.get(address, "/orders?limit=1", host).keys() == {"orders", "next"}


def test_grpc_goes_through_the_ingress_by_address_and_by_name_with_its_status(
    view: IngressView,
) -> None:
    for address in view.addresses:
        for host in (address, HOST):
            with view.channel(address, host) as channel:
                assert serves(channel)
                with pytest.raises(grpc.RpcError) as caught:
                    channel.unary_unary("/kubedrill.orders.v1.Orders/GetOrder")(
                        b"\x0a\x01x", timeout=ANSWER_S
                    )
                assert (caught.value.code(), caught.value.details()) == (
                    grpc.StatusCode.NOT_FOUND,
                    "no such order is stored",
                )


def test_whoever_trusts_others_or_expects_another_name_is_not_served(
    view: IngressView, inventory: Inventory
) -> None:
    stranger = IngressView(inventory, pki.new_authority("a stranger").certificate)
    with pytest.raises(ssl.SSLCertVerificationError):
        stranger.serials(inventory.endpoint_address)
    with pytest.raises(ssl.SSLCertVerificationError):
        view.serials(inventory.endpoint_address, "bank.example")


def test_no_certificate_request_is_left(view: IngressView, api: ClusterApi) -> None:
    assert view.addresses
    certificates: Any = CertificatesV1Api(api.client)
    left = certificates.list_certificate_signing_request().items
    assert not [request.metadata.name for request in left if request.spec.signer_name == SIGNER]
