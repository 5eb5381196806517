"""The one filter behind all generators: what may be sent to a server on somebody's machine.

It knows nothing of schemas and servers. Three promises, kept for every text that went through `safe`:

    nowhere else   each host, address, URL and e-mail is loopback or reserved for documentation (RFC 2606,
                   5737, 3849): localhost, 127.0.0.0/8, ::1, .invalid, .test, example.com/.org/.net,
                   192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24, 2001:db8::/32
    no real file   nothing that could be a path starts at a root, a home or a drive, climbs with "..", or is
                   "."; such texts are re-rooted under the `{scratch}` slot
    no ruin        nothing reads like a command or statement that destroys

Rewriting is deterministic and reaches a fixed point: `is_safe(safe(value))` holds for every value. When in
doubt it rewrites: "order.created" could be a host, so it becomes one that cannot exist. Words that a
server's own schema declares (enum, const, default) are judged with `declared=True`, which asks for a
top-level domain that exists before it calls a dotted word a host.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
import zlib
from collections.abc import Iterable
from urllib.parse import unquote

from mcpfuzz.model import Json
from mcpfuzz.slots import quote

__all__ = ["destructive", "is_safe", "reserved_host", "safe"]

MAX_DEPTH = 150
"""Levels of a value that are looked into; what lies deeper is dropped (nothing of ours is that deep)."""
HARMLESS = "harmless"
"""What takes the place of a text that destroys."""
ROUNDS = 4
"""Rewrites of one text before it is given up for HARMLESS; two were the most ever seen."""


def safe(value: Json, *, keep: Iterable[str] = ()) -> Json:
    """`value` with everything that must not leave the machine, or touch it, rewritten.

    Args:
        value: JSON; a text may be a template (`mcpfuzz.slots`), slots stay.
        keep: names of properties that the schema itself demands; other keys are rewritten like texts.
    """
    if isinstance(value, str):
        return value if _plain(value) else _settled(value)
    if isinstance(value, dict | list | tuple):
        return _walked(value, frozenset(keep), 0)
    return value


def is_safe(value: Json, *, keep: Iterable[str] = (), declared: bool = False) -> bool:
    """Whether `safe` would leave `value` as it is.

    Args:
        declared: the words are the schema author's: a dotted identifier whose last part is no known
            top-level domain ("order.created") is not taken for a host.
    """
    if isinstance(value, str):
        return _plain(value) or _cleaned(value, declared) == value
    if isinstance(value, dict | list | tuple):
        return _all_safe(value, frozenset(keep), declared, 0)
    return True


def destructive(text: str) -> bool:
    """Whether `text` reads like a command or a statement that destroys or stops something."""
    marked = "of=" in text or ">" in text or "|" in text or ("{" in text and "(" in text)
    if not marked and _VERBS.isdisjoint(_WORD.findall(text.lower())):
        return False
    return _RUIN.search(text) is not None


def reserved_host(seed: str) -> str:
    """A name that cannot exist (RFC 2606), the same for the same `seed`."""
    return f"h{zlib.crc32(seed.encode('utf-8', 'surrogatepass')):08x}.invalid"


# ---- values ---------------------------------------------------------------------------------------


def _walked(value: Json, keep: frozenset[str], depth: int) -> Json:
    if isinstance(value, str):
        return value if _plain(value) else _settled(value)
    if isinstance(value, dict):
        if depth >= MAX_DEPTH:
            return {}
        return {key if key in keep else safe(key): _walked(item, keep, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_walked(item, keep, depth + 1) for item in value] if depth < MAX_DEPTH else []
    return value


def _all_safe(value: Json, keep: frozenset[str], declared: bool, depth: int) -> bool:
    if isinstance(value, str):
        return _plain(value) or _cleaned(value, declared) == value
    if isinstance(value, dict):
        return (depth < MAX_DEPTH or not value) and all(
            (key in keep or is_safe(key, declared=declared)) and _all_safe(item, keep, declared, depth + 1)
            for key, item in value.items()
        )
    if isinstance(value, list | tuple):
        return (depth < MAX_DEPTH or not value) and all(_all_safe(item, keep, declared, depth + 1) for item in value)
    return True


# ---- texts ----------------------------------------------------------------------------------------

_ODD = re.compile(r"[^A-Za-z0-9_ \-]")
_WORD = re.compile(r"[a-z]{2,}")
_VERBS_TEXT = """
    rm rmdir unlink shred wipefs fdisk diskpart mkfs drop delete detach truncate alter update flushall flushdb
    shutdown reboot poweroff halt kill killall pkill userdel cmdshell computer init systemctl iptables format
    volume dd chmod chown del erase rd remove crontab git kubectl docker terraform rmtree unlinksync removedirs
    rmsync rmdirsync rimraf deletemany deleteone dropdatabase dropcollection os
"""
_VERBS = frozenset(_VERBS_TEXT.split())
"""Each text that `_RUIN` finds holds one of these, or a mark of shell or code: a cheap look before the dear one."""

_S = r"(?:\s|/\*[^*]{0,40}\*/|\+|%20)+"
_RUIN = re.compile(
    "|".join(
        (
            rf"\brm{_S}\S|\brmdir{_S}\S|\bunlink{_S}\S|\bshred\b|\bwipefs\b|\bfdisk\b|\bdiskpart\b|\bmkfs(?:\.\w+)?\b",
            rf"\bdrop{_S}(?:table|database|schema|view|index|user|role|collection|column|keyspace|trigger|function"
            r"|procedure|sequence|owned|type|all)\b",
            rf"\bdelete{_S}from\b|\bdetach{_S}delete\b|\btruncate{_S}(?:table\b|-s|\w)|\balter{_S}(?:table|user|database)\b",
            rf"\bupdate{_S}[\w.\"`\[\]]{{1,60}}{_S}set\b|\bflush(?:all|db)\b",
            r"\b(?:shutdown|reboot|poweroff|halt|killall|pkill|userdel|xp_cmdshell|stop-computer)\b",
            rf"\binit{_S}[06]\b|\bkill{_S}(?:-|\d)|\bsystemctl{_S}(?:stop|disable|mask|isolate)\b|\biptables{_S}-[FX]",
            rf"\bformat{_S}[a-z]:|\bformat-volume\b|\bdd\s[^\n]{{0,200}}\bof=|\bof=/dev/|>\s*/dev/(?!null\b|std)",
            r":\s*\(\s*\)\s*\{|\(\)\s*\{[^}]{0,40}\|[^}]{0,40}&",
            rf"\bch(?:mod|own){_S}-R|\b(?:del|erase|rd){_S}/|\bremove-item\b|\bcrontab{_S}-r",
            rf"\bgit{_S}(?:push\b[^\n]{{0,80}}(?:--force|-f\b)|reset{_S}--hard|clean{_S}-)",
            rf"\bkubectl{_S}delete|\bdocker{_S}(?:rmi?|kill|system{_S}prune)\b|\bterraform{_S}destroy|\|\s*(?:ba|z|da)?sh\b",
            r"\b(?:rmtree|unlink(?:sync)?|removedirs|rmsync|rmdirsync|rimraf|deletemany|deleteone|dropdatabase"
            r"|dropcollection)\s*\(|\.drop\s*\(|\bos\.(?:remove|system|rmdir|kill)\s*\(",
        )
    ),
    re.IGNORECASE,
)


def _plain(text: str) -> bool:
    """Whether a glance is enough: no character that a host, path or command needs, no verb that ruins."""
    if not text.isascii() or _ODD.search(text) is not None:
        return False
    return _VERBS.isdisjoint(_WORD.findall(text.lower())) or _RUIN.search(text) is None


def _settled(text: str) -> str:
    for _ in range(ROUNDS):
        cleaned = _cleaned(text, False)
        if cleaned == text:
            return text
        text = cleaned
    return text if _cleaned(text, False) == text else HARMLESS


_SLOTS = re.compile(
    r"\{(?:(workspace|scratch|listener|port|brace)|canary:[A-Za-z0-9_.-]+|repeat:(\d{1,9}):([^{}]+)|step:\d+#(?:/[^{}]*)?)\}"
)
_STAND_IN = {"workspace": "slot", "scratch": "slot", "listener": "http://127.0.0.1:1", "port": "1", "brace": "{"}
_INVISIBLE = re.compile("[\u00ad\u034f\u061c\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]")


def _cleaned(text: str, declared: bool, depth: int = 0) -> str:
    """`text`, or a rewritten one where `text`, or what a server may make of it, is not safe."""
    if depth < ROUNDS:
        if "{" in text and (filled := _SLOTS.sub(_stand_in, text)) != text:
            cleaned = _cleaned(filled, declared, depth + 1)
            return text if cleaned == filled else cleaned
        for other in _readings(text):
            cleaned = _cleaned(other, declared, depth + 1) if other != text else other
            if cleaned != other:
                return cleaned if "{scratch}" in cleaned else quote(cleaned)
    return _rewritten(text, declared)


def _readings(text: str) -> Iterable[str]:
    """What a receiver may read in `text`: percent signs decoded, look-alike characters folded."""
    if "%" in text:
        yield unquote(text, errors="replace")
    if not text.isascii():
        yield _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).replace("\u3002", ".")


def _stand_in(match: re.Match[str]) -> str:
    place, count, unit = match.groups()
    if place:
        return _STAND_IN[place]
    return unit * min(int(count), 4) if unit else "slot"


_FILE_SCHEME = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:local_)?file|netdoc|jar|unix|phar|glob|zip|view-source):", re.IGNORECASE
)
_LAZY_URL = re.compile(r"(?<![A-Za-z0-9])(https?|wss?|s?ftps?|gopher|ldaps?):[\\/]?(?=[^\\/\s])", re.IGNORECASE)
_AUTHORITY = re.compile(r"(?:^|(?<=[^\w/\\.~)\]}-]))([\\/]{2,})([^\\/?#\s\"'<>]*)")
_MAIL = re.compile(r"(?<=[^\s@])@(\[[^\]\s]*\]|[^\s/\\?#\"'<>(),;:\[\]@{}]*)")
_DELIMITERS = re.compile(r"([\s\x00-\x1f\x7f-\x9f/\\\"'()<>\[\]{},;=?#&@:|!*+^`$]+)")
_HEX_RUN = re.compile(r"[0-9A-Fa-f:.]{2,}(?:%\w+)?")
_ROOTED = re.compile(r"(^|[\s,;:=\"'(\[|&`>])(?:[\\/]+|~[\\/]*|[A-Za-z]:(?=[\\/])[\\/]+)(?=[^\s\\/])")
_LEAD = re.compile(r"^[\s\0\"'`]*(?:[\\/~]|[A-Za-z]:|\$\{?[A-Z_]{2,}|%[A-Za-z]+%)+[\\/]*")
_CLIMB = re.compile(r"(?:^|(?<=[\\/=:\s\"'`(,;|&?#}]))\.\.(?=$|[\\/;\s\"'`),|&?#])[\\/]*")
_HERE = re.compile(r"[\s\0\"'`]*\.[.\\/]*[\s\0\"'`]*")


def _rewritten(text: str, declared: bool) -> str:
    if destructive(text):
        return HARMLESS
    if ":" in text:
        text = _LAZY_URL.sub(r"\1://", _FILE_SCHEME.sub("", text))
    if "/" in text or "\\" in text:
        text = _AUTHORITY.sub(_authority, _joined(text))
    if "@" in text:
        text = _MAIL.sub(lambda match: _mail(match, declared), text)
    if text.count(":") > 1:
        text = _HEX_RUN.sub(_address6, text)
    if "." in text:
        parts = enumerate(_DELIMITERS.split(text))
        text = "".join([part if index % 2 else _token(part, declared) for index, part in parts])
    return _grounded(text)


def _joined(text: str) -> str:
    """URL parsers drop tabs and line ends; where that makes an authority that is not ours, so do we."""
    if not any(c in text for c in "\t\r\n"):
        return text
    joined = re.sub(r"[\t\r\n]", "", text)
    return joined if joined.count("//") > text.count("//") else text


# ---- hosts ----------------------------------------------------------------------------------------

_LABEL = r"[\w%~-]+"
_RESERVED = re.compile(rf"(?:{_LABEL}\.)*(?:invalid|test|example\.(?:com|org|net))\.?|localhost\.?", re.IGNORECASE)
_USERINFO = re.compile(r"[A-Za-z0-9_.~:-]*")
_NETS4 = tuple(
    ipaddress.IPv4Network(net) for net in ("127.0.0.0/8", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")
)
_NET6 = ipaddress.IPv6Network("2001:db8::/32")
_NUMBER = re.compile(r"0[xX][0-9A-Fa-f]*|[0-9]+")
_PORT = re.compile(r":[0-9]{0,5}$")
_NO_TLD_TEXT = """
    txt json jsonl csv tsv xml html htm yaml yml toml ini cfg conf log png jpg jpeg gif svg webp ico bmp pdf doc
    docx xls xlsx ppt pptx bin dat db sqlite tmp bak old js ts css jsx tsx mjs cjs ipynb sql gz tar bz xz wav
    ogg tex rst bib lock env parquet proto java rb php cpp hpp lua exe dll
"""
_NO_TLD = frozenset(_NO_TLD_TEXT.split())
"""File suffixes that are not top-level domains: "notes.txt" is a file. (.md, .py, .sh, .zip, .rs are domains.)"""
_TLD_TEXT = """
    com org net edu gov mil int arpa info biz name pro aero coop museum jobs mobi travel tel cat asia post xxx
    app dev page cloud email online site website web shop store blog tech space live news media digital agency
    company network systems solutions services software computer support help tools codes engineering technology
    academy school university college education training institute center community social chat club team group
    works work world global international earth today life fun games game play bet casino poker win bid trade
    market markets money cash finance financial fund capital bank credit loan insurance tax legal law lawyer
    health care clinic dental doctor hospital pharmacy fitness yoga run bike cars auto car camera photo photos
    photography pictures pics gallery art design graphics studio film movie video tv music band audio radio fm
    book books press report review reviews guide guru expert wiki link links click download zip mov cam icu top
    xyz vip one best cool ninja rocks sucks wtf lol fail zone city town country land house homes home garden
    farm estate properties rent rentals hotel hotels restaurant bar pub cafe coffee pizza food kitchen recipes
    beer wine diet fish dog pet pets baby kids mom dad family love date dating singles men gay sex porn adult
    black blue green red pink gold silver diamonds jewelry fashion clothing shoes style beauty hair makeup
    google amazon apple microsoft youtube android azure bing gmail meet new nexus prod prime ads foo how soy
    rsvp sky here esq dclk ing box surf host hosting server data database domains security secure protection
    safe exchange vote voting party charity foundation ngo ong green organic energy solar supply supplies parts
    equipment industries construction builders contractors repair plumbing cleaning delivery express taxi limo
    flights cruises tours vacations holiday events tickets show theater stream watch gift gifts toys sale deals
    discount promo cheap bargains buy shopping call contact directory eco london paris berlin tokyo nyc moscow
    amsterdam vegas miami boston quebec wales scot swiss africa internal local lan intranet corp localdomain
    onion
"""
_TLD = frozenset(_TLD_TEXT.split())
"""Top-level domains that exist, and those that resolve inside networks; every two-letter word is one too.
Used only where a schema's author chose the words; everywhere else any word after a dot counts as one."""


def _fine(host: str) -> bool:
    """Whether `host` (a name, an IPv4 address, or an IPv6 address in brackets) is loopback or reserved."""
    if not host or _RESERVED.fullmatch(host):
        return True
    if host[0] == "[" and host[-1] == "]":
        return _fine6(host[1:-1])
    return _fine4(host)


def _fine4(host: str) -> bool:
    try:
        address = ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return any(address in net for net in _NETS4)


def _fine6(host: str) -> bool:
    try:
        address = ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return address.scope_id is None and (str(address) == "::1" or address in _NET6)


def _authority(match: re.Match[str]) -> str:
    slashes, authority = match.groups()
    user, at, host = authority.rpartition("@")
    if (
        _fine(_PORT.sub("", host))
        and (not at or _USERINFO.fullmatch(user))
        and (host or not match.string[match.end() :])
    ):
        return slashes + authority
    if not host and not at:
        return slashes
    return slashes[:2] + reserved_host(authority)


def _mail(match: re.Match[str], declared: bool) -> str:
    host = match.group(1)
    if _fine(_PORT.sub("", host)) or (declared and _token(host, declared) == host and "[" not in host):
        return match.group(0)
    return "@" + reserved_host(host)


def _token(token: str, declared: bool) -> str:
    """A run of letters, digits, dots: rewritten where it is a host and not one of ours."""
    if "." not in token:
        return token
    name = token.strip(".-_%~")
    labels = name.lower().split(".")
    if len(labels) < 2:
        return token
    if len(labels) == 4 and all(_NUMBER.fullmatch(label) for label in labels):
        return token if _fine4(name) else f"192.0.2.{zlib.crc32(name.encode()) % 254 + 1}"
    return reserved_host(name) if _ends_in_domain(labels[-1], declared) and not _RESERVED.fullmatch(name) else token


def _ends_in_domain(last: str, declared: bool) -> bool:
    if last.startswith("xn--"):
        return True
    if len(last) < 2 or not last.isalpha() or last in _NO_TLD:
        return False
    return not declared or not last.isascii() or len(last) == 2 or last in _TLD


def _address6(match: re.Match[str]) -> str:
    run, text = match.group(0), match.string
    if len(run) > 60 or run.count(":") < 2 or text[match.end() : match.end() + 1].isalnum():
        return run
    name = run.rstrip(".").removesuffix(":") if not run.endswith("::") else run
    if match.start() and text[match.start() - 1].isalnum():  # "ip:fe80::1": the first colon belongs to the word
        name = name.partition(":")[2]
    try:
        ipaddress.IPv6Address(name)
    except ValueError:
        return run
    return run if _fine6(name) else run.replace(name, f"2001:db8::{zlib.crc32(name.encode()) % 65535 + 1:x}")


# ---- paths ----------------------------------------------------------------------------------------


def _grounded(text: str) -> str:
    """`text` where nothing starts at a root, a home or a drive, and nothing climbs."""
    if ".." in text:
        text = _CLIMB.sub("", text)
    if "." in text and _HERE.fullmatch(text):
        return "{scratch}"
    lead = _LEAD.match(text)
    if lead:
        rest = text[lead.end() :]
        text = "{scratch}/" + rest if rest else "{scratch}"
    if "/" in text or "\\" in text or "~" in text:
        text = _ROOTED.sub(_embedded, text)
    return text


def _embedded(match: re.Match[str]) -> str:
    before, found = match.group(1), match.group(0)
    if before == ":" and found[1:3] in ("//", "\\\\"):
        return found  # a URL's authority, judged above
    return before + "{scratch}/"
