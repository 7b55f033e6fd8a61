from __future__ import annotations

import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509

from knlab.embedded.net.tls import server_identity

NOW = 1_700_000_000.0
DAY = 86_400.0


def load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_the_certificate_is_for_loopback_and_the_cluster_names(tmp_path: Path) -> None:
    made = server_identity(tmp_path / "pki", NOW)
    names = load(made.certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.DNSName) == [
        "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
    ]  # fmt: skip
    assert [str(each) for each in names.value.get_values_for_type(x509.IPAddress)] == [
        "127.0.0.1", "::1",
    ]  # fmt: skip


def test_keys_are_for_the_owner_only(tmp_path: Path) -> None:
    server_identity(tmp_path / "pki", NOW)
    assert stat.S_IMODE((tmp_path / "pki").stat().st_mode) == 0o700
    for name in ("ca.key", "server.key"):
        assert stat.S_IMODE((tmp_path / "pki" / name).stat().st_mode) == 0o600


def test_python_and_openssl_accept_the_pair(tmp_path: Path) -> None:
    made = server_identity(tmp_path, NOW)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made.certificate, made.key)
    trusting = ssl.create_default_context(cadata=made.ca_pem)
    assert trusting.cert_store_stats()["x509_ca"] == 1


def test_a_restart_keeps_the_identity(tmp_path: Path) -> None:
    first = server_identity(tmp_path, NOW)
    content = first.certificate.read_bytes()
    again = server_identity(tmp_path, NOW + DAY)
    assert again.ca_pem == first.ca_pem
    assert again.certificate.read_bytes() == content


def test_a_certificate_about_to_expire_is_renewed_under_the_same_authority(tmp_path: Path) -> None:
    first = server_identity(tmp_path, NOW)
    content = first.certificate.read_bytes()
    later = server_identity(tmp_path, NOW + 340 * DAY)
    assert later.ca_pem == first.ca_pem
    assert later.certificate.read_bytes() != content
    load(later.certificate).verify_directly_issued_by(load(tmp_path / "ca.crt"))


def test_an_authority_about_to_expire_takes_its_certificate_with_it(tmp_path: Path) -> None:
    first = server_identity(tmp_path, NOW)
    later = server_identity(tmp_path, NOW + 3640 * DAY)
    assert later.ca_pem != first.ca_pem
    load(later.certificate).verify_directly_issued_by(load(tmp_path / "ca.crt"))


@pytest.mark.parametrize("name", ["ca.crt", "ca.key", "server.crt", "server.key"])
def test_what_is_damaged_is_made_anew(tmp_path: Path, name: str) -> None:
    server_identity(tmp_path, NOW)
    (tmp_path / name).write_text("damaged")
    made = server_identity(tmp_path, NOW)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made.certificate, made.key)
    load(made.certificate).verify_directly_issued_by(load(tmp_path / "ca.crt"))


def test_a_foreign_pair_is_replaced(tmp_path: Path) -> None:
    server_identity(tmp_path / "a", NOW)
    server_identity(tmp_path / "b", NOW)
    for name in ("server.crt", "server.key"):
        (tmp_path / "a" / name).write_bytes((tmp_path / "b" / name).read_bytes())
    made = server_identity(tmp_path / "a", NOW)
    load(made.certificate).verify_directly_issued_by(load(tmp_path / "a" / "ca.crt"))
