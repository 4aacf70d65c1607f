"""The local CA: what its certificates say, and who may read its keys."""

from __future__ import annotations

import datetime as dt
import ssl
import stat

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from iotstream.errors import ConfigurationError
from iotstream.local.pki import VALID_FOR, Pki


def load(path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_a_clients_certificate_bears_its_name_and_is_the_cas(tmp_path) -> None:
    pki = Pki(tmp_path / "pki")
    certificate = load(pki.client("device-0001").certificate)
    certificate.verify_directly_issued_by(load(pki.ca))
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert [name.value for name in names] == ["device-0001"]
    public_key = certificate.public_key()
    assert isinstance(public_key, ec.EllipticCurvePublicKey)
    assert isinstance(public_key.curve, ec.SECP256R1)


def test_keys_are_their_owners_alone(tmp_path) -> None:
    pki = Pki(tmp_path / "pki")
    pki.client("device-0001")
    keys = [*pki.directory.rglob("*.key")]
    assert len(keys) == 3
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}
    assert stat.S_IMODE(pki.directory.stat().st_mode) == 0o700


def test_certificates_are_short_lived(tmp_path) -> None:
    now = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    pki = Pki(tmp_path / "pki", now=now)
    for path in (pki.ca, pki.server.certificate, pki.client("d").certificate):
        certificate = load(path)
        assert certificate.not_valid_before_utc <= now
        assert certificate.not_valid_after_utc == now + VALID_FOR


def test_a_directory_is_taken_as_it_is(tmp_path) -> None:
    first = Pki(tmp_path / "pki")
    before = first.ca.read_bytes(), first.client("d").certificate.read_bytes()
    again = Pki(tmp_path / "pki")
    assert (again.ca.read_bytes(), again.client("d").certificate.read_bytes()) == before
    load(again.client("e").certificate).verify_directly_issued_by(load(first.ca))


def test_a_clients_certificate_cannot_pose_as_the_server(tmp_path) -> None:
    pki = Pki(tmp_path / "pki")
    client = ssl.create_default_context(cafile=pki.ca)
    for files, fits in ((pki.server, True), (pki.client("localhost"), False)):
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(files.certificate, files.key)
        assert handshake(client, server) is fits


def handshake(client_context: ssl.SSLContext, server_context: ssl.SSLContext) -> bool:
    a, b = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(a, b, server_hostname="localhost")
    server = server_context.wrap_bio(b, a, server_side=True)
    for side in (client, server, client, server):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLError:
            return False
    return client.version() is not None and server.version() is not None


@pytest.mark.parametrize("name", ["", "a/b", "../x", "ä", "+", "#", "x" * 65, "a b", "a\n"])
def test_names_that_are_no_things_names_are_refused(tmp_path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="allowed are"):
        Pki(tmp_path / "pki").client(name)
