"""Which devices there are certificates for, and where a certificate can be made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from iotstream.errors import ConfigurationError
from iotstream.simulate.connection import CertificateFiles
from iotstream.simulate.readings import device_names

_CERTIFICATES = (".pem", ".crt", ".pem.crt", ".cert.pem", "-certificate.pem.crt")
_KEYS = (".key", ".private.key", ".pem.key", "-private.pem.key")
"""The last of each is what the AWS console's download is called, after its thing is put before it."""


class _Files:
    """A device's files, as they lie there."""

    def __init__(self, ca: Path, certificate: Path, key: Path) -> None:
        self.ca, self.certificate, self.key = ca, certificate, key


def find_credentials(
    directory: Path, ca: Path | None, *, names: Sequence[str], count: int
) -> Mapping[str, CertificateFiles]:
    """The files of each device.

    In the local stack's own directory certificates are made as needed, since its authority's key is
    there. Elsewhere they must be there: of the devices that are named, or of the first `count`.

    Args:
        directory: of `<device>.pem` and `<device>.key`.
        ca: the authority that signed the broker's certificate.
        names: of the devices; none: any.
        count: how many devices when none is named.

    Raises:
        ConfigurationError: files are missing; the message names them.
    """
    if (directory.parent / "ca.key").is_file():
        from iotstream.local.pki import Pki

        return Pki(directory.parent).clients(names or device_names(count))
    if ca is None:
        raise ConfigurationError("the authority of the broker's certificate is not said: give --ca FILE")
    chosen = list(names) or _there(directory)[:count]
    if not chosen:
        raise ConfigurationError(f"{directory} holds no <device>.pem with its <device>.key")
    return {name: _files(directory, ca, name) for name in chosen}


def _there(directory: Path) -> list[str]:
    names = {
        path.name.removesuffix(ending)
        for ending in sorted(_KEYS, key=len, reverse=True)
        for path in directory.glob(f"*{ending}")
    }
    return sorted(name for name in names if _find(directory, name, _CERTIFICATES) is not None)


def _files(directory: Path, ca: Path, name: str) -> CertificateFiles:
    certificate, key = _find(directory, name, _CERTIFICATES), _find(directory, name, _KEYS)
    if certificate is None or key is None:
        what, endings = ("certificate", _CERTIFICATES) if certificate is None else ("key", _KEYS)
        raise ConfigurationError(f"device {name!r}: no {what} in {directory}: {name}{endings[0]} is missing")
    return _Files(ca, certificate, key)


def _find(directory: Path, name: str, endings: Sequence[str]) -> Path | None:
    return next((path for ending in endings if (path := directory / f"{name}{ending}").is_file()), None)
