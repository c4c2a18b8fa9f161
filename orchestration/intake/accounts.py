"""Accounts: whose each part of a WhatsApp notification is, where the signature alone does not tell.

Tenants may share one Meta app, and with it the secret that signs. Their keys then name the WhatsApp Business Accounts
(``entry[].id``) or the phone numbers (``metadata.phone_number_id``) that they are for. A notification is cut along
these names before anything in it is parsed strictly: what a visitor of one tenant wrote neither reaches another
tenant nor holds up its messages.

The look here is tolerant on purpose: it decides whose a part is and nothing else, and every part is read strictly
afterwards. What it cannot tell it says, and never guesses.

Belongs here: names and cutting. Lives elsewhere: who signed (``keys``), what a part holds (``payloads.whatsapp``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from orchestration.intake import strict_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestration.intake.keys import Key

_WITHOUT_ID = ""


@dataclass(frozen=True, slots=True)
class Share:
    """What of a notification is one tenant's.

    Attributes:
        key: The tenant's, which signed.
        body: A notification of its own: the bytes that came where all of them are its, else its parts of them.
        is_named: The key is for these accounts, or for any.
    """

    key: Key
    body: bytes
    is_named: bool = True


@dataclass(frozen=True, slots=True)
class Division:
    """A notification, divided.

    Attributes:
        shares: Each tenant's.
        unclaimed: Ids of the accounts whose parts are in no share, because no tenant can be told; empty text where
            there is no id.
    """

    shares: Sequence[Share] = ()
    unclaimed: frozenset[str] = frozenset()

    @property
    def is_settled(self) -> bool:
        """Whether everything in it is for an account that a key is for."""
        return not self.unclaimed and all(share.is_named for share in self.shares)


class _Owner(NamedTuple):
    key: Key | None
    is_named: bool


class _Illegible(Exception):
    """Nobody can say which accounts this is about."""


def divide(body: bytes, signers: Sequence[Key]) -> Division:
    """Say whose each part of a notification is.

    A sole signer is its owner, named or not. Of several, the one that names the phone number, else the one that
    names the account; a key that names nothing owns nothing then, for what it does not name may be anybody's.

    Args:
        body: The exact bytes that came, proven.
        signers: At least one key, each of another tenant.
    """
    sole = signers[0] if len(signers) == 1 else None
    if sole is not None and not sole.origins:
        return Division((Share(sole, body),))
    try:
        envelope, entries = _look(body)
        piles: dict[_Owner, list[Any]] = {}
        for entry in entries:
            for owner, part in _cut(entry, signers):
                piles.setdefault(owner, []).append(part)
        shares = [
            Share(owner.key, _write(envelope, pile) if len(piles) > 1 else body, owner.is_named)
            for owner, pile in piles.items()
            if owner.key is not None
        ]
    except (_Illegible, RecursionError):
        # A sole signer's: its strict reading says what is wrong.
        return Division((Share(sole, body),)) if sole else Division((), frozenset({_WITHOUT_ID}))
    unclaimed = piles.get(_Owner(None, is_named=False), [])
    return Division(shares, frozenset(_account_of(entry) for entry in unclaimed))


def _look(body: bytes) -> tuple[dict[str, Any], list[Any]]:
    """The envelope, every digit kept, and its entries.

    Raises:
        _Illegible: Not JSON of this shape, or JSON that could be read in two ways.
        RecursionError: Nested too deep.
    """
    try:
        envelope = json.loads(
            body.decode("utf-8"),
            parse_int=Decimal,
            parse_float=Decimal,
            parse_constant=Decimal,
            object_pairs_hook=_build,
        )
    # ArithmeticError: an exponent beyond what Decimal holds.
    except (ValueError, ArithmeticError) as error:
        raise _Illegible from error
    entries = envelope.get("entry") if isinstance(envelope, dict) else None
    if not isinstance(entries, list) or not entries:
        raise _Illegible
    return envelope, entries


def _build(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    built = dict(pairs)
    if len(built) != len(pairs):
        raise _Illegible
    return built


def _cut(entry: Any, signers: Sequence[Key]) -> list[tuple[_Owner, Any]]:
    """An entry's changes by owner, each as an entry of its own."""
    account = _account_of(entry)
    changes = entry.get("changes") if isinstance(entry, dict) else None
    if not isinstance(changes, list) or not changes:
        return [(_find_owner(signers, account, None), entry)]
    piles: dict[_Owner, list[Any]] = {}
    for change in changes:
        owner = _find_owner(signers, account, _phone_number_of(change))
        piles.setdefault(owner, []).append(change)
    return [(owner, {**entry, "changes": pile}) for owner, pile in piles.items()]


def _find_owner(signers: Sequence[Key], account: str, phone_number: str | None) -> _Owner:
    for name in (phone_number, account):
        holders = [key for key in signers if name in key.origins]
        if len(holders) == 1:
            return _Owner(holders[0], is_named=True)
        if holders:
            return _Owner(None, is_named=False)
    return _Owner(signers[0] if len(signers) == 1 else None, is_named=False)


def _account_of(entry: Any) -> str:
    account = entry.get("id") if isinstance(entry, dict) else None
    return account if isinstance(account, str) else _WITHOUT_ID


def _phone_number_of(change: Any) -> str | None:
    value = change.get("value") if isinstance(change, dict) else None
    metadata = value.get("metadata") if isinstance(value, dict) else None
    found = metadata.get("phone_number_id") if isinstance(metadata, dict) else None
    return found if isinstance(found, str) else None


def _write(envelope: dict[str, Any], entries: list[Any]) -> bytes:
    # Half a surrogate pair goes back to the escape that it came as, for the strict reading to refuse.
    return strict_json.dump({**envelope, "entry": entries}).encode("utf-8", "backslashreplace")
