"""The sandbox's TLS certificate: self-signed, for localhost and 127.0.0.1.

Google's Ads client speaks TLS always (RAN G1.3), so its stand-in needs one. gRPC reads its trusted roots once per
process; therefore one process makes one certificate, and writes it into every state folder that has none.
"""

from __future__ import annotations

import functools
import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

LIFETIME = timedelta(days=825)
RENEW_BEFORE_END = timedelta(days=1)


class Certificate(NamedTuple):
    """Where the two halves are, both in PEM."""

    certificate_path: Path
    key_path: Path


def ensure_certificate(state_folder: Path) -> Certificate:
    """Return the state folder's certificate; write one when there is none or it is about to end."""
    paths = Certificate(state_folder / "sandbox-cert.pem", state_folder / "sandbox-key.pem")
    if not _is_usable(paths):
        certificate, key = _make_pair()
        paths.key_path.touch(mode=0o600)
        paths.key_path.write_bytes(key)
        paths.certificate_path.write_bytes(certificate)
    return paths


def _is_usable(paths: Certificate) -> bool:
    from cryptography import x509

    if not all(path.exists() for path in paths):
        return False
    certificate = x509.load_pem_x509_certificate(paths.certificate_path.read_bytes())
    return certificate.not_valid_after_utc > datetime.now(UTC) + RENEW_BEFORE_END


@functools.cache
def _make_pair() -> tuple[bytes, bytes]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Leadloop sandbox")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return (
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
