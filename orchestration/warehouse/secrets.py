"""Secrets at rest: AES-256-GCM under a key derived from the master key.

The associated data names where a value belongs (``tenant|provider|field|row id``): a ciphertext copied to another
row does not open there.

Layout of a ciphertext: version (1 byte) ‖ nonce (12 bytes) ‖ AES-GCM output.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from orchestration.warehouse.keys import master_key

if TYPE_CHECKING:
    from uuid import UUID

    from orchestration.settings import Settings

_VERSION = b"\x01"
_NONCE_BYTES = 12


class SecretUnreadable(Exception):
    """A stored secret does not open: another master key wrote it, or it was moved between rows."""


class Vault:
    """Encrypts and decrypts under one master key; also hands out each tenant's pepper."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._cipher = AESGCM(self._derive("envelope"))

    @classmethod
    def of(cls, settings: Settings) -> Vault:
        """The vault of these settings."""
        return cls(master_key(settings))

    def encrypt(self, plain: bytes, aad: str) -> bytes:
        """Encrypt a secret for one place.

        Args:
            plain: The secret.
            aad: Where it belongs: ``tenant|provider|field|row id``.
        """
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, plain, aad.encode())

    def decrypt(self, sealed: bytes, aad: str) -> bytes:
        """Open a secret in its place.

        Raises:
            SecretUnreadable: Wrong key, wrong place, or damaged.
        """
        if sealed[:1] != _VERSION:
            raise SecretUnreadable("unknown ciphertext version")
        nonce, body = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, body, aad.encode())
        except (InvalidTag, ValueError) as error:
            raise SecretUnreadable("the ciphertext does not open here") from error

    def pepper(self, tenant_id: UUID) -> bytes:
        """The tenant's key for internal join tokens: 32 bytes, never stored."""
        return self._derive(f"pepper:{tenant_id}")

    def _derive(self, purpose: str) -> bytes:
        return hmac.new(self._key, purpose.encode(), hashlib.sha256).digest()
