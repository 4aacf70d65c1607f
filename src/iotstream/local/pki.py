"""Certificates for the local broker and its clients: a CA of its own, short-lived, EC P-256.

The directory holds `ca.pem`, `ca.key`, `server.pem`, `server.key` and, for each client,
`clients/<name>.pem` and `clients/<name>.key`. Keys can be read by their owner alone. Nothing here is
meant to outlive a run: make a new directory rather than renewing an old one.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from iotstream.errors import ConfigurationError

VALID_FOR = dt.timedelta(days=7)
# A clock that is slightly behind must not refuse a certificate that was made a moment ago.
CLOCK_SKEW = dt.timedelta(minutes=5)
# https://docs.aws.amazon.com/iot/latest/apireference/API_CreateThing.html allows these characters (and
# 128 of them); X.520 allows a common name of 64.
THING_NAME = re.compile(r"[a-zA-Z0-9:_-]{1,64}")

_NO_USAGE = dict.fromkeys(
    ("content_commitment", "key_encipherment", "data_encipherment", "encipher_only", "decipher_only"), False
)


@dataclass(frozen=True, kw_only=True)
class ClientFiles:
    """The three files with which a client connects.

    Attributes:
        ca: the CA's certificate (PEM), by which the server is known.
        certificate: the client's certificate (PEM); its common name is the client's name.
        key: the client's private key (PEM).
    """

    ca: Path
    certificate: Path
    key: Path


def check_name(name: str) -> str:
    """Return `name` if a thing may bear it.

    Raises:
        ConfigurationError: it may not; a name is part of a topic, a file's name and a certificate.
    """
    if not THING_NAME.fullmatch(name):
        raise ConfigurationError(f"thing name {name!r}: allowed are 1 to 64 of a-z A-Z 0-9 : _ -")
    return name


class Pki:
    """A certificate authority in a directory, with a server's and any number of clients' certificates.

    Args:
        directory: made when it does not exist; one that holds a CA is taken as it is.
        now: the time from which new certificates are valid (default: the clock's).
    """

    def __init__(self, directory: Path, *, now: dt.datetime | None = None) -> None:
        self.directory = directory
        self._now = now
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        (directory / "clients").mkdir(exist_ok=True, mode=0o700)
        if not (directory / "server.pem").exists():
            self._create()
        self._ca_certificate = x509.load_pem_x509_certificate(self.ca.read_bytes())
        key = serialization.load_pem_private_key((directory / "ca.key").read_bytes(), password=None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self._ca_key = key

    @property
    def ca(self) -> Path:
        """The CA's certificate."""
        return self.directory / "ca.pem"

    @property
    def server(self) -> ClientFiles:
        """The server's certificate and key."""
        return self._files("server")

    def client(self, name: str) -> ClientFiles:
        """The client's files; made when it has none yet.

        Raises:
            ConfigurationError: a thing cannot bear this name.
        """
        files = self._files(f"clients/{check_name(name)}")
        if not files.certificate.exists():
            key = ec.generate_private_key(ec.SECP256R1())
            builder = self._leaf(name, key, ExtendedKeyUsageOID.CLIENT_AUTH)
            _write_pair(files, key, builder.sign(self._ca_key, hashes.SHA256()))
        return files

    def clients(self, names: Iterable[str]) -> dict[str, ClientFiles]:
        """The files of several clients, by name."""
        return {name: self.client(name) for name in names}

    def _create(self) -> None:
        self._ca_key = ec.generate_private_key(ec.SECP256R1())
        # Each CA has a subject of its own, so that a certificate of another run fails clearly.
        name = _name(f"iotstream local CA {x509.random_serial_number():x}"[:64])
        builder = self._builder(name, name, self._ca_key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_usage(sign_certificates=True), critical=True)
        self._ca_certificate = builder.sign(self._ca_key, hashes.SHA256())
        _write_pair(self._files("ca"), self._ca_key, self._ca_certificate)
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = self._leaf("localhost", key, ExtendedKeyUsageOID.SERVER_AUTH)
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))]
        leaf = leaf.add_extension(x509.SubjectAlternativeName(names), critical=False)
        _write_pair(self.server, key, leaf.sign(self._ca_key, hashes.SHA256()))

    def _leaf(
        self, name: str, key: ec.EllipticCurvePrivateKey, purpose: x509.ObjectIdentifier
    ) -> x509.CertificateBuilder:
        builder = self._builder(_name(name), self._ca_certificate.subject, key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(sign_certificates=False), critical=True)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._ca_key.public_key())
        builder = builder.add_extension(issuer, critical=False)
        return builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)

    def _builder(
        self, subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey
    ) -> x509.CertificateBuilder:
        now = self._now or dt.datetime.now(dt.UTC)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public_key)
        builder = builder.serial_number(x509.random_serial_number())
        identifier = x509.SubjectKeyIdentifier.from_public_key(public_key)
        builder = builder.add_extension(identifier, critical=False)
        return builder.not_valid_before(now - CLOCK_SKEW).not_valid_after(now + VALID_FOR)

    def _files(self, stem: str) -> ClientFiles:
        # Not with_suffix: a thing's name may hold anything THING_NAME allows.
        certificate, key = self.directory / f"{stem}.pem", self.directory / f"{stem}.key"
        return ClientFiles(ca=self.ca, certificate=certificate, key=key)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        **_NO_USAGE,
    )


def _write_pair(files: ClientFiles, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(files.key, pem, mode=0o600)
    # The certificate comes last: where it is, the pair is whole.
    _write(files.certificate, certificate.public_bytes(serialization.Encoding.PEM), mode=0o644)


def _write(path: Path, content: bytes, *, mode: int) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
