"""Which addresses a user may make us call: public ones, looked up once and connected to as looked up."""

from __future__ import annotations

import ipaddress
import socket

from steward.model.errors import ConfigError, Unavailable


def public_address(system: str, host: str, port: int) -> str:
    """The IP address of `host` to connect to. Connecting to the name instead could reach another one.

    Raises:
        ConfigError: one of its addresses is not public: loopback, a private network, link-local (cloud metadata), ….
        Unavailable: the name cannot be looked up now.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Unavailable(f"{system}: the name of the host could not be looked up ({type(error).__name__}). "
                          "Check the address and the network.") from None
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    for address in addresses:
        if not is_public(address):
            raise ConfigError(
                f"{system}: the address leads into a private network, where Steward calls nothing that a user sets. "
                "Use a public address, or set allow_private of the connection.")
    return addresses[0]


def is_public(address: str) -> bool:
    """Whether the IP address is one of the public Internet, also where IPv6 wraps IPv4."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if ip not in _GLOBAL_UNICAST:
            return False
    return ip.is_global and not ip.is_multicast and not any(ip in each for each in _RESERVED)


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# Nothing else of IPv6 is the public Internet: not IPv4 in old wrappings (::127.0.0.1), nor site-local fec0::.
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# Of these `is_global` knows nothing: documentation, the relays of 6to4, which lead anywhere, and what the IETF keeps.
_RESERVED = tuple(map(ipaddress.ip_network, ("3fff::/20", "192.88.99.0/24", "192.0.0.0/24")))
