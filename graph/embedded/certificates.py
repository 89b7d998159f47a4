"""
TLS certificates for `vpp serve --tls`.

Each is signed by a certificate authority that is created for it and whose private key is discarded.
"""

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
# Apple's systems reject certificates that are valid for more than 825 days, also those of private authorities.
VALIDITY = timedelta(days=800)
RENEW_BEFORE_EXPIRY = timedelta(days=30)


class InvalidCertificateName(Exception):
    """A host name that a certificate cannot contain."""


def ensure_certificate(folder: Path, *, host: str, now: datetime) -> bool:
    """
    Create `server.pem`, a certificate with its key, and `ca.pem`, its authority; return whether they are new.

    Existing files are replaced in the last 30 days of their validity, if they lack the host's name, or if they do not
    match. The authority's private key is never written to disk, so clients that trust the authority trust this one
    certificate only. Raises InvalidCertificateName.
    """
    try:
        names = list(dict.fromkeys([*NAMES, _certificate_name(host)]))
        if _is_usable(folder, names, now):
            return False
        authority = trustme.CA(path_length=0, organization_name="vpp", organization_unit_name=f"Made on {now:%Y-%m-%d}")
        server = authority.issue_cert(
            *names, organization_name="vpp", organization_unit_name="API", not_before=now, not_after=now + VALIDITY
        )
    except UnicodeError:
        raise InvalidCertificateName(host) from None

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # In this order, and the second file atomically: if a power cut comes between them, they do not match and are
    # created again.
    authority.cert_pem.write_to_path(str(folder / AUTHORITY))
    write_secret(folder / SERVER, server.private_key_and_cert_chain_pem.bytes().decode("ascii"), None)
    return True


def _certificate_name(host: str) -> str:
    """Return a host as it is written in a certificate: an IP address in canonical form, or a name in IDNA encoding."""
    address, *_ = host.partition("%")  # A link-local IPv6 address may have a zone, such as %eth0.
    try:
        return str(ip_address(address))
    except ValueError:
        return host.encode("idna").decode("ascii").lower()


def _is_usable(folder: Path, names: Iterable[str], now: datetime) -> bool:
    try:
        authority, server = (
            x509.load_pem_x509_certificate((folder / name).read_bytes()) for name in (AUTHORITY, SERVER)
        )
        server.verify_directly_issued_by(authority)
    except (FileNotFoundError, ValueError, InvalidSignature):
        return False
    alternative_names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    has_names = {str(name.value) for name in alternative_names}.issuperset(names)
    return has_names and now + RENEW_BEFORE_EXPIRY < server.not_valid_after_utc
