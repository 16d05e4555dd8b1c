"""A Java trust store of the certificates in ``SSL_CERT_FILE``: Java does not read that variable."""

from __future__ import annotations

import hashlib
import re
import warnings
from contextlib import suppress
from pathlib import Path

from lakehouse.errors import ConfigError
from lakehouse.settings import Settings, user_variable

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_PASSWORD = "changeit"  # noqa: S105 - Java's customary one: a trust store holds no secret


def java_options(config: Settings) -> tuple[str, ...]:
    """Options by which Java trusts what ``SSL_CERT_FILE`` holds; none when it is not set.

    The store is written once per content, to the user's cache. ConfigError if the file is not there or
    holds none.
    """
    bundle = user_variable("SSL_CERT_FILE")
    if bundle is None:
        return ()
    store = _store(config, Path(bundle))
    return (
        f"-Djavax.net.ssl.trustStore={store}",
        "-Djavax.net.ssl.trustStoreType=PKCS12",
        f"-Djavax.net.ssl.trustStorePassword={_PASSWORD}",
    )


def _store(config: Settings, bundle: Path) -> Path:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.serialization import pkcs12

    try:
        text = bundle.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"SSL_CERT_FILE names {bundle}, which cannot be read: {error.strerror}",
            hint="set it to a file of PEM certificates, or unset it",
        ) from None
    store = config.cache / "certificates" / f"{hashlib.sha256(text).hexdigest()[:16]}.p12"
    if store.exists():
        return store
    certificates = []
    for number, pem in enumerate(_PEM.findall(text)):
        # Old roots that break today's rules are passed over, as OpenSSL's users would not miss them either.
        with suppress(ValueError), warnings.catch_warnings(action="ignore"):
            found = x509.load_pem_x509_certificate(pem)
            certificates.append(pkcs12.PKCS12Certificate(found, f"{number}".encode()))
    if not certificates:
        raise ConfigError(
            f"SSL_CERT_FILE names {bundle}, which holds no certificate",
            hint="set it to a file of PEM certificates",
        )
    store.parent.mkdir(parents=True, exist_ok=True)
    partial = store.with_suffix(".partial")
    partial.write_bytes(
        pkcs12.serialize_java_truststore(
            certificates, serialization.BestAvailableEncryption(_PASSWORD.encode())
        )
    )
    partial.replace(store)
    return store
