"""A certificate for one machine, signed by an authority that is made for it and forgotten."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from graph.embedded.process import write_secret

AUTHORITY = "ca.pem"
SERVER = "server.pem"
NAMES = ("localhost", "127.0.0.1", "::1")
# Apple's systems take none that is good for more than 825 days, whoever signed it.
GOOD_FOR = timedelta(days=800)
RENEW_BEFORE_END = timedelta(days=30)


class UnfitName(Exception):
    """A host's name that no certificate can bear."""


def keep_certificate(folder: Path, *, host: str, now: datetime) -> bool:
    """
    Keep a certificate with its key in `server.pem`, and its authority's in `ca.pem`, and tell whether they are new.

    They are made again when 30 days are left, or the host's name is not among the certificate's. The authority's
    own key is kept nowhere: who trusts it trusts this one certificate, and none that a thief could sign.
    """
    try:
        names = list(dict.fromkeys([*NAMES, _spelled(host)]))
        if _is_good(folder, names, now):
            return False
        authority = trustme.CA(path_length=0, organization_name="vpp", organization_unit_name=f"Made on {now:%Y-%m-%d}")
        server = authority.issue_cert(
            *names, organization_name="vpp", organization_unit_name="API", not_before=now, not_after=now + GOOD_FOR
        )
    except UnicodeError:
        raise UnfitName(host) from None

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # In this order, and the second whole or not at all: a pair that a power cut left does not match, and is made again.
    authority.cert_pem.write_to_path(str(folder / AUTHORITY))
    write_secret(folder / SERVER, server.private_key_and_cert_chain_pem.bytes().decode("ascii"), None)
    return True


def _spelled(host: str) -> str:
    """Spell a host as a certificate does."""
    address, *_ = host.partition("%")  # A link's own address may name the link.
    try:
        return str(ip_address(address))
    except ValueError:
        return host.encode("idna").decode("ascii").lower()


def _is_good(folder: Path, names: Iterable[str], now: datetime) -> bool:
    try:
        authority, server = (
            x509.load_pem_x509_certificate((folder / name).read_bytes()) for name in (AUTHORITY, SERVER)
        )
        server.verify_directly_issued_by(authority)
    except (FileNotFoundError, ValueError, InvalidSignature):
        return False
    borne = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return now + RENEW_BEFORE_END < server.not_valid_after_utc and {str(name.value) for name in borne}.issuperset(names)
