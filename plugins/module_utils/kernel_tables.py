"""The packet filter's tables, asked of the kernel itself.

An nft before 1.1, such as Debian 12's, crashes whatever it is asked once the newer one of
kube-proxy has made its tables.
"""

from __future__ import annotations

import os
import socket
import struct

NETFILTER = 12  # linux/netlink.h: NETLINK_NETFILTER
SUBSYSTEM = 10  # linux/netfilter/nfnetlink.h: NFNL_SUBSYS_NFTABLES
GET_TABLE, DELETE_TABLE = 1, 2  # linux/netfilter/nf_tables.h
TABLE_NAME = 1
BATCH_BEGIN, BATCH_END = 16, 17
REQUEST, ACKNOWLEDGE, DUMP = 1, 4, 0x300
ERROR, DONE = 2, 3
FAMILIES = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}
HEADER = struct.Struct("=IHHII")
GENERIC = struct.Struct("=BB2s")
ANSWER_S = 20


def list_tables() -> list[str]:
    """Family and name of each table, as nft prints them.

    Raises:
        OSError: the kernel refused; carries its number.
    """
    request = _message(SUBSYSTEM << 8 | GET_TABLE, REQUEST | DUMP, 0, b"\0\0", b"")
    return [
        f"{FAMILIES.get(payload[0], payload[0])} {name}"
        for kind, payload in _ask(request)
        if kind >> 8 == SUBSYSTEM and (name := _attributes(payload[GENERIC.size :]).get(TABLE_NAME))
    ]


def delete_table(table: str) -> None:
    """Delete a table with all that is in it.

    Raises:
        OSError: the kernel refused; carries its number.
    """
    family, name = table.split()
    number = next(number for number, text in FAMILIES.items() if text == family)
    text = name.encode() + b"\0"
    attribute = struct.pack("=HH", 4 + len(text), TABLE_NAME) + text
    attribute += b"\0" * (-len(attribute) % 4)
    system = struct.pack(">H", SUBSYSTEM)
    _ask(
        _message(BATCH_BEGIN, REQUEST, 0, system, b"")
        + _message(SUBSYSTEM << 8 | DELETE_TABLE, REQUEST | ACKNOWLEDGE, number, b"\0\0", attribute)
        + _message(BATCH_END, REQUEST, 0, system, b"")
    )


def _message(kind: int, flags: int, family: int, system: bytes, attributes: bytes) -> bytes:
    body = GENERIC.pack(family, 0, system) + attributes
    return HEADER.pack(HEADER.size + len(body), kind, flags, 1, 0) + body


def _ask(request: bytes) -> list[tuple[int, bytes]]:
    """Return type and payload of each message of the answer."""
    messages: list[tuple[int, bytes]] = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETFILTER) as kernel:
        kernel.settimeout(ANSWER_S)
        kernel.bind((0, 0))
        kernel.send(request)
        while True:
            data = kernel.recv(1 << 20)
            while data:
                length, kind, _, _, _ = HEADER.unpack_from(data)
                payload = data[HEADER.size : length]
                if kind == ERROR:
                    (number,) = struct.unpack_from("=i", payload)
                    if number:
                        raise OSError(-number, os.strerror(-number))
                if kind in (ERROR, DONE):
                    return messages
                messages.append((kind, payload))
                data = data[(length + 3) & ~3 :]


def _attributes(data: bytes) -> dict[int, str]:
    result = {}
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        result[kind & 0x3FFF] = data[4:length].rstrip(b"\0").decode("utf-8", "replace")
        data = data[(max(length, 4) + 3) & ~3 :]
    return result
