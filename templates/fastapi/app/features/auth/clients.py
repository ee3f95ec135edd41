# fastman: file jwt or oauth or passkey
"""Who is asking: the address of a request, and how far it can be believed."""

import functools
import logging
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from fastapi import Request

from .config import config
from .events import log_event

_USER_AGENT_MAX_LENGTH = 255

# Whose X-Forwarded-For uvicorn believes by itself, replacing the peer's address.
_LOOPBACK = ip_address("127.0.0.1")

IPAddress = IPv4Address | IPv6Address


@dataclass(frozen=True)
class Client:
    """Where a request comes from."""

    ip: str | None  # to show and to log
    user_agent: str | None
    # What attempts are counted by: an IPv6 host owns its whole /64.
    network: str | None  # None where everybody would share it: behind an unknown proxy
    account_network: str  # the same for attempts on one account, which never rest


async def get_client(request: Request) -> Client:
    peer = _parse(request.client.host) if request.client else None
    forwarded = ",".join(request.headers.getlist("x-forwarded-for"))
    ip, believed = _find_address(peer, forwarded) if forwarded else (peer, peer)
    network = _network(ip) if ip else None
    return Client(
        ip=str(ip or peer) if ip or peer else None,
        user_agent=request.headers.get("user-agent", "")[:_USER_AGENT_MAX_LENGTH],
        network=network,
        account_network=_network(believed) if believed else "unknown",
    )


def _find_address(
    peer: IPAddress | None, forwarded: str
) -> tuple[IPAddress | None, IPAddress | None]:
    """Return the address to count, if any, and the one that cannot be made up."""
    hops = [_parse(hop) for hop in forwarded.split(",")]
    origin = _last_untrusted(hops)
    if peer and _is_trusted(peer):
        return (origin or peer, origin or peer)
    if peer and peer in hops:
        # The server has replaced the peer already, as uvicorn does for a proxy on the
        # same host.
        if _is_trusted(_LOOPBACK) and peer == origin:
            return peer, peer
        _warn_of_proxy()
        return peer, _LOOPBACK
    if peer is None or peer.is_private:
        _warn_of_proxy()
        return None, peer
    return peer, peer


def _last_untrusted(hops: list[IPAddress | None]) -> IPAddress | None:
    """Return what the outermost trusted proxy saw; all to its left may be forged.

    A client inside a trusted network is the first hop.
    """
    untrusted = (hop for hop in reversed(hops) if not (hop and _is_trusted(hop)))
    return next(untrusted, hops[0])


def _is_trusted(address: IPAddress) -> bool:
    return any(address in network for network in config.trusted_proxies)


def _parse(text: str) -> IPAddress | None:
    """Read an address, which some proxies write with a port or in brackets."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _network(address: IPAddress) -> str:
    if address.version == 4:
        return str(address)
    return str(ip_network((address, 64), strict=False))


@functools.cache
def _warn_of_proxy() -> None:
    log_event(
        "auth.proxy.untrusted",
        level=logging.ERROR,
        problem="X-Forwarded-For from a proxy that AUTH_TRUSTED_PROXIES does not name",
        effect="attempts are not counted per client address",
    )
