"""The cluster's own certificate authority and the certificate of its API server."""

from __future__ import annotations

import ipaddress
import os
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NAMES: Final = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
ADDRESSES: Final = ("127.0.0.1", "::1")

_CA_DAYS: Final = 3650
_SERVER_DAYS: Final = 365
_RENEWED_BEFORE: Final = timedelta(days=30)
_BACKDATED: Final = timedelta(hours=1)
"""Clocks of other machines and containers may be a little behind."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a TLS server needs, and what its clients must trust."""

    ca_pem: str
    certificate: Path
    """The server's certificate, PEM."""
    key: Path
    """The server's private key, PEM, mode 0600."""


@dataclass(frozen=True, slots=True)
class _Issued:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def server_identity(directory: Path, now: float) -> Identity:
    """The identity kept in `directory`; made anew if it is missing, damaged or about to expire."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    moment = datetime.fromtimestamp(now, tz=UTC)
    authority = _read(directory, "ca", moment)
    server = _read(directory, "server", moment) if authority else None
    if authority is None:
        authority = _make_authority(moment)
        _write(directory, "ca", authority)
    if server is None or not _issued_by(server, authority):
        server = _make_server(authority, moment)
        _write(directory, "server", server)
    ca_pem = authority.certificate.public_bytes(serialization.Encoding.PEM).decode()
    return Identity(ca_pem, directory / "server.crt", directory / "server.key")


@cache
def careful_client() -> ssl.SSLContext:
    """What a client uses that believes whom this machine trusts."""
    return ssl.create_default_context()


@cache
def trusting_client() -> ssl.SSLContext:
    """What a client uses that believes every server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _read(directory: Path, name: str, moment: datetime) -> _Issued | None:
    try:
        certificate = x509.load_pem_x509_certificate((directory / f"{name}.crt").read_bytes())
        key = serialization.load_pem_private_key((directory / f"{name}.key").read_bytes(), None)
    except (OSError, ValueError, TypeError):
        return None
    fresh = certificate.not_valid_after_utc - moment > _RENEWED_BEFORE
    usable = isinstance(key, ec.EllipticCurvePrivateKey) and key.public_key() == (
        certificate.public_key()
    )
    if not (fresh and usable and isinstance(key, ec.EllipticCurvePrivateKey)):
        return None
    return _Issued(certificate, key)


def _issued_by(server: _Issued, authority: _Issued) -> bool:
    try:
        server.certificate.verify_directly_issued_by(authority.certificate)
        names = server.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (InvalidSignature, ValueError, TypeError, x509.ExtensionNotFound):
        return False
    return names.value == _alternative_names()


def _make_authority(moment: datetime) -> _Issued:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("knlab embedded cluster CA")
    builder = _builder(name, name, key.public_key(), moment, _CA_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_key_usage(signs_certificates=True), critical=True)
    return _Issued(builder.sign(key, hashes.SHA256()), key)


def _make_server(authority: _Issued, moment: datetime) -> _Issued:
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = authority.certificate.subject
    builder = _builder(_name("kube-apiserver"), issuer, key.public_key(), moment, _SERVER_DAYS)
    identifier = authority.certificate.extensions.get_extension_for_class(
        x509.SubjectKeyIdentifier
    ).value
    for extension, critical in (
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_key_usage(signs_certificates=False), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), False),
        (_alternative_names(), False),
    ):
        builder = builder.add_extension(extension, critical=critical)
    return _Issued(builder.sign(authority.key, hashes.SHA256()), key)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _alternative_names() -> x509.SubjectAlternativeName:
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in NAMES]
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in ADDRESSES]
    return x509.SubjectAlternativeName(names)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    moment: datetime,
    days: int,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - _BACKDATED)
        .not_valid_after(moment + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write(directory: Path, name: str, issued: _Issued) -> None:
    key = issued.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    certificate = issued.certificate.public_bytes(serialization.Encoding.PEM)
    for suffix, content in (("key", key), ("crt", certificate)):
        draft = directory / f".{name}.{suffix}"
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        draft.replace(directory / f"{name}.{suffix}")
