"""Secrets that their shape gives away, whatever they are called.

The shapes are written from the documentation of those who issue them.
"""

from __future__ import annotations

import base64
import re
from binascii import Error as NotBase64
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubedrill.base.secret_forms import Span

TOKENS = re.compile(
    "|".join(  # noqa: FLY002 - a line for each issuer
        (
            r"\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?",  # JSON web token
            r"\b(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[A-Z0-9]{16}\b",  # AWS
            r"\bAIza[\w-]{35}|\bya29\.[\w-]{20,}|\bGOCSPX-[\w-]{20,}",  # Google
            r"\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}",
            r"\bgl(?:pat|dt|ft|soat|rt|cbt|imt|ptt|agent|oas)-[\w-]{16,}",  # GitLab
            r"\bxox[a-z]-[\w-]{10,}|\bxapp-[\w-]{10,}",  # Slack
            r"\bSG\.[\w-]{16,}\.[\w-]{16,}|\b[rs]k_(?:live|test)_\w{16,}|\bsk-[\w-]{20,}",
            r"\bhv[sbr]\.[\w-]{20,}|\bnpm_[A-Za-z0-9]{30,}|\bpypi-[\w-]{40,}|\bhf_[A-Za-z]{30,}",
            r"\bdop_v1_[a-f0-9]{40,}|\bdckr_pat_[\w-]{20,}|\bAGE-SECRET-KEY-1[A-Z0-9]{50,}",
            r"(?<=\d{8}):AA[\w-]{33}(?![\w-])",  # Telegram
        )
    )
)
BOOTSTRAP = re.compile(r"(?<=[a-z0-9]{6})\.[a-z0-9]{16}(?!\.?[\w-])")
"""The second half of kubeadm's token; the first stands before it."""
PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----"
    r"(?:.*?-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----|.*\Z)",
    re.DOTALL,
)
PRIVATE_KEY_END = re.compile(r"-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----")
"""The end of a key, whose begin may have been cut off."""
_KEY_LINE = re.compile(r"[A-Za-z0-9+/=]{32,}[ \t\r]*$")

URL_PASSWORD = re.compile(
    r"://([^\s/:@\"'<>\\]*):"
    r"((?:[^\s/\"'<>\\?#]+|[^\s/\"'<>\\]+))@"
)
URL_USER = re.compile(r"\b(\w[\w+.-]{0,30})://([^\s/:@\"'<>\\?#]+)@")
USERS_STAY = re.compile(
    r"(?i)(?:git\+)?(?:ssh|git)|s?ftp|postgres\w*(?:\+\w+)?|mysql(?:\+\w+)?|ldaps?"
)
"""Schemes whose name before the @ is a user; with the others it is a token as often."""
WEBHOOK = re.compile(
    r"(?i)https://(?:hooks\.slack\.com/(?:services|workflows|triggers)/"
    r"|(?:\w+\.)?discord(?:app)?\.com/api/webhooks/"
    r"|[\w.-]*webhook\.office(?:365)?\.com/|outlook\.office(?:365)?\.com/webhook/"
    r"|chat\.googleapis\.com/v1/spaces/|api\.telegram\.org/bot"
    r"|events\.pagerduty\.com/integration/|hooks\.zapier\.com/hooks/"
    r"|[\w.-]+\.logic\.azure\.com(?::\d+)?/)([^\s\"'<>\\]+)"
    r"|https?://[^\s/\"'<>\\]+/(?:hooks?|webhooks?)/([\w-]{16,}[^\s\"'<>\\]*)"
)
WEBHOOK_NAME = re.compile(
    r"(?i)web_?hook[\w-]*(?:\\*[\"'])?\s*[:=]\s*(?:\\*[\"'])?https?://[^\s/\"'<>\\]+/([^\s\"'<>\\]+)"
)
QUERY = re.compile(
    r"(?i)[?&;](?:(?:x-amz-|x-goog-)?(?:sig|signature|security-token|credential)|code|key|auth"
    r"|access_token|apikey|pass)=([^\s&\"'<>\\;]+)"
)
ACCOUNT_KEY = re.compile(r"(?i)\b(?:AccountKey|SharedAccess(?:Key|Signature))=([^\s;\"'\\]+)")

HEADER = re.compile(
    r"(?i)\b(?:proxy-)?authorization\b(?:\\*[\"'])?\s*(?:[:=,]|\s)\s*(?:\[\s*)?"
    r"(?:(?:\\*[\"'])?value(?:\\*[\"'])?\s*[:=]\s*)?(?:\\*[\"'])?"
    r"(?:(?:bearer|basic|token|digest|negotiate|aws4-hmac-sha256|apikey)\s+)?"
    r"(?P<value>[^\s\"',;\\\[\]{}][^\n\"'\\]{3,}?)(?=\\*[\"'\n]|\s+(?:HTTP/|-H\b)|\Z)"
)
COOKIE = re.compile(
    r"(?i)\b(?:set-)?cookie\b(?:\\*[\"'])?\s*[:,]\s*(?:\[\s*)?(?:\\*[\"'])?(?P<value>[^\n\"'\\\[{]+=[^\n\"'\\]+)"
)
BEARER = re.compile(
    r"(?i)\bbearer[ \t]+(?!(?:tokens?|auth\w*|scheme|credentials?|is|was|are|has|from|in|for|not"
    r"|and|or|of|with|found|missing|required)\b)([^\s\"',;\\\]}]{4,})"
)
BASIC = re.compile(r"(?i)\bbasic[ \t]+([A-Za-z0-9+/_-]{6,}={0,2})")
DOCKER_AUTH = re.compile(r"\bauth(?:\\*[\"'])?\s*:\s*(?:\\*[\"'])?([A-Za-z0-9+/_-]{6,}={0,2})")
AUTH_LIST = re.compile(r"(?i)\b(?:basic_?)?auth(?:\\*[\"'])?\s*[:=]\s*[\[(]([^\])\n]{1,1000})[\])]")
BARE = re.compile(
    r"(?i)(?:\b(?:requirepass|masterauth|auth_pass)[ \t]+|\blogin[ \t]+\S+\s+password[ \t]+"
    r"|\bIDENTIFIED BY[ \t]+|\bPASSWORD[ \t]+(?='))(?:\\*[\"'])?([^\s\"';\\]+)"
)
USER_OPTION = re.compile(
    r"(?<![\w-])(?:-u|--user|--proxy-user|-U)(?:\\*[\"']\s*,\s*\\*[\"']|[ \t=]+[\"']?|(?=\w+:))"
    r"(?!\d+:\d+\b)([\w.@-]+):([^\s\"'\\]+)"
)
SHORT_OPTION = re.compile(
    r"(?<![\w-])-[pP](?P<gap>\\*[\"']\s*,\s*\\*[\"']|[ \t]+[\"']?|)(?P<value>[^\s\"'\\,;|]{3,})"
)
_TAKES_NO_PASSWORD = re.compile(
    r"\b(?:mkdir|cp|ssh|scp|sftp|ps|nc|ncat|pytest|python[\d.]*|pip3?|install|patch|tar|tee|u?mount"
    r"|docker|podman|nerdctl|ctr|rsync|(?:ba|da|z)?sh|systemd-run|journalctl|systemctl|loginctl|ss"
    r"|netstat|nmap|declare|test|kubectl|make|perl|ip6?(?:tables)?|nft|lsof|useradd|chage|read"
    r"|export|fuser|ethtool|p?grep|pkill|kill|ping|traceroute|conntrack|bison|gcc|go|git|readlink"
    r"|sysctl|touch|chrt|ionice|renice|taskset|top|find|timeout|unshare|nsenter|parted|sgdisk"
    r"|mktemp|cargo|npm|node|vagrant|virsh|qemu\S*|ansible\S*|parallel|xargs|wait|type|command"
    r"|zip|date|du|df|ls|netcat|dig|tcpdump|strace|perf|lsblk|fdisk|showmount|watch)\b"
)
_TAKES_PASSWORD = re.compile(
    r"\b(?:docker|podman|nerdctl|helm registry|oras|crane|skopeo|buildah|oc|az|kubectl)"
    r"(?: \S+)* login\b"
    r"|\b(?:mysql\w*|mariadb\w*|sshpass|smbclient|7z|unzip|curl|htpasswd|mongo\w*)\b"
)
_NO_PASSWORD = re.compile(r"[-./~$({\[<|]|\d+(?:[-:,./]\d+)*(?:/\w+)?$|\w+[=:/]")

BASE64 = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}")
FOLDED = re.compile(
    r"LS0tLS1CRUdJTi[A-Za-z0-9+/=]*(?:(?:\\n|[ \t\r]*\n[ \t]*)"
    r"(?:[A-Za-z0-9+/]{20,}={0,2}|[A-Za-z0-9+/]+={1,2})(?=[ \t\r]*(?:\n|\\n|\\*[\"']|\Z)))*"
)


def decoded(text: str) -> str:
    """Return what base64 holds; "" where it is none, or holds no text."""
    plain = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        result = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True).decode()
    except (NotBase64, ValueError):
        return ""
    return result if all(c.isprintable() or c in "\n\r\t" for c in result) else ""


def is_private_key(text: str) -> bool:
    """Whether base64, folded or not, holds a private key.

    It may be cut, so it is decoded piece by piece.
    """
    plain = "".join(text.replace("\\n", "").split()).rstrip("=")
    plain = plain[: min(len(plain), 80) // 4 * 4]
    try:
        return b"PRIVATE" in base64.b64decode(plain)
    except (NotBase64, ValueError):
        return True  # what begins as a key and cannot be read is taken for one


def is_login(text: str) -> bool:
    """Whether base64 holds ``user:password``."""
    return ":" in decoded(text)


def takes_password(before: str, value: str, *, attached: bool) -> bool:
    """Whether ``-p value`` is a password: not a port, a path, nor another command's option."""
    if _NO_PASSWORD.match(value):
        return False
    if _TAKES_PASSWORD.search(before):
        return True
    return not attached and not _TAKES_NO_PASSWORD.search(before)


def shaped_spans(text: str) -> Iterator[Span]:
    """Give the place of each secret that its shape tells."""
    for pattern in (TOKENS, PRIVATE_KEY):
        yield from (match.span() for match in pattern.finditer(text))
    yield from _ends_of_keys(text)
    yield from _bootstrap_tokens(text)
    low = text.lower()
    if "://" in text:
        yield from _urls(text)
    for words, patterns in _CHEAPLY:
        if any(word in low for word in words):
            for pattern in patterns:
                yield from (match.span(match.lastindex or 0) for match in pattern.finditer(text))
    if "basic" in low or "auth" in low:
        for pattern in (BASIC, DOCKER_AUTH):
            yield from (m.span(1) for m in pattern.finditer(text) if is_login(m[1]))
    if "-p" in low:
        yield from _short_options(text)
    yield from _coded(text)


_CHEAPLY = (
    (("authorization",), (HEADER,)),
    (("cookie",), (COOKIE,)),
    (("bearer",), (BEARER,)),
    (("auth", "pass", "identified"), (AUTH_LIST, BARE)),
    (("-u", "--user", "--proxy-user"), (USER_OPTION,)),
    (("=",), (QUERY, ACCOUNT_KEY)),
    (("webhook",), (WEBHOOK_NAME,)),
)
"""Patterns that are looked for only where one of some words stands."""


def _ends_of_keys(text: str) -> Iterator[Span]:
    """A key without its begin: the lines above its end that are base64."""
    for match in PRIVATE_KEY_END.finditer(text):
        begin = match.start()
        line = text.rfind("\n", 0, begin) + 1
        while line > 0:
            above = text.rfind("\n", 0, line - 1) + 1
            if not _KEY_LINE.search(text[above : line - 1]):
                break
            begin = line = above
        yield begin, match.end()


def _bootstrap_tokens(text: str) -> Iterator[Span]:
    for match in BOOTSTRAP.finditer(text):
        begin = match.start() - 6
        alone = begin == 0 or not (text[begin - 1].isalnum() or text[begin - 1] in "_.-")
        # one of letters only would be two words of a host's name
        if alone and any(map(str.isdigit, text[begin : match.end()])):
            yield begin, match.end()


def _urls(text: str) -> Iterator[Span]:
    for match in URL_PASSWORD.finditer(text):
        yield match.span(2)
    for match in URL_USER.finditer(text):
        if not USERS_STAY.fullmatch(match[1]):
            yield match.span(2)
    for match in WEBHOOK.finditer(text):
        yield match.span(1 if match[1] else 2)


def _short_options(text: str) -> Iterator[Span]:
    for match in SHORT_OPTION.finditer(text):
        before = text[max(0, match.start() - 300) : match.start()]
        before = (_LIST_BEGINS if "," in match["gap"] else _COMMAND_BEGINS).split(before)[-1]
        if takes_password(before, match["value"], attached=match["gap"] == ""):
            yield match.span("value")


_LIST_BEGINS = re.compile(r"\[|\n")
_COMMAND_BEGINS = re.compile(r"[\[({;|&\n\"']|: ")


def _coded(text: str) -> Iterator[Span]:
    """Base64 that holds a private key, a login or a configuration with secrets."""
    if "LS0tLS1CRUdJTi" in text:
        yield from (m.span() for m in FOLDED.finditer(text) if is_private_key(m[0]))
    for match in BASE64.finditer(text):
        inside = decoded(match[0])
        if inside and _TELLING.search(inside):
            yield match.span()


_TELLING = re.compile(
    r"PRIVATE KEY-|(?i:passw(?:or)?d|secret|token|\bauths?)(?:\\*[\"'])?\s*[:=]|://[^\s/:@]*:[^\s/@]+@"
)
