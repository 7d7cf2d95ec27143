"""Network addresses that nothing of ours goes to, whoever names them."""

import ssl
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_network

REFUSED = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",  # nobody in particular: reaches this host itself
        "169.254.0.0/16",  # link-local: metadata of most clouds
        "100.100.100.200/32",  # metadata of Alibaba Cloud
        "224.0.0.0/4",  # multicast
        "255.255.255.255/32",
        "::/128",
        "fe80::/10",
        "fd00:ec2::/32",  # metadata of AWS over IPv6
        "ff00::/8",
    )
)
#: An IPv4 address inside an IPv6 one, for translators (RFC 6052).
TRANSLATED = ip_network("64:ff9b::/96")

Address = IPv4Address | IPv6Address


@cache
def trusted() -> ssl.SSLContext:
    """The certificates this machine trusts: a company's own authority is among them."""
    return ssl.create_default_context()


def refused(address: Address) -> bool:
    """Whether nothing may be sent there."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return refused(address.ipv4_mapped)
        if address in TRANSLATED:
            return refused(IPv4Address(int(address) & 0xFFFF_FFFF))
    return any(address in network for network in REFUSED)
