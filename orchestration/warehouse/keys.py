"""The master key: one secret from which role passwords, peppers and envelope keys are derived."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestration.settings import Settings

KEY_BYTES = 32


class MasterKeyUnreadable(Exception):
    """The master key is not 32 bytes of base64. Put the right one back; nothing can be decrypted without it."""


def master_key(settings: Settings) -> bytes:
    """The 32 bytes from ``LEADLOOP_MASTER_KEY``, else from the state folder, made there on first use.

    Raises:
        MasterKeyUnreadable: The configured value is not 32 bytes of base64.
    """
    if settings.master_key is not None:
        return _decode(settings.master_key.get_secret_value())
    path = settings.home / "master.key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        draft.touch(mode=0o600)
        draft.write_bytes(base64.b64encode(secrets.token_bytes(KEY_BYTES)))
        try:
            # A link is atomic and refuses to replace: of two first starts, one key wins for both.
            path.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return _decode(path.read_text())


def fingerprint(settings: Settings) -> str:
    """Sixteen hex digits that tell one master key from another, and nothing about it."""
    return hmac.new(master_key(settings), b"fingerprint", hashlib.sha256).hexdigest()[:16]


def _decode(text: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise MasterKeyUnreadable("the master key is not base64") from error
    if len(key) != KEY_BYTES:
        raise MasterKeyUnreadable(f"the master key has {len(key)} bytes, not {KEY_BYTES}")
    return key
