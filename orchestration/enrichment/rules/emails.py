"""Rules for e-mail addresses."""

from __future__ import annotations

import re

from orchestration.enrichment.rules.rule import Rule, refusal
from orchestration.enrichment.rules.text import lower

# Most addresses are of this shape, which is found in a third of the time.
_USUAL = re.compile(r"[a-z0-9._+-]{1,64}@(?:[a-z0-9]{1,63}\.){1,3}[a-z]{2,63}")
_LABEL = r"[^\W_](?:(?:[^\W_]|-){0,61}[^\W_])?"
_ADDRESS = re.compile(
    rf"""[^\s@()<>\[\]:;,\\"]{{1,64}}@(?:{_LABEL}\.)+(?=.*[^\W\d_])(?=..){_LABEL}"""
)
_ADDRESS_LENGTH = 254
_IDLE_MAILBOXES = frozenset(
    {
        *("noemail", "no-email", "no.email", "no_email", "nomail", "no-mail", "no.mail", "no_mail"),
        *("noreply", "no-reply", "no.reply", "no_reply", "donotreply", "do-not-reply"),
        *("none", "null", "undefined", "unknown", "yok", "emailyok", "mailyok", "bilinmiyor"),
    }
)
_IDLE_ADDRESSES = frozenset(
    {
        *("test@test.com", "a@a.com", "aa@aa.com", "aaa@aaa.com", "abc@abc.com", "asd@asd.com"),
        *("x@x.com", "xx@xx.com", "xxx@xxx.com", "email@email.com", "mail@mail.com"),
    }
)
_GMAIL = frozenset({"gmail.com", "googlemail.com"})


def _lower(text: str, _region: str | None) -> str:
    return lower(text)


def _refuse_misshapen(address: str, _region: str | None) -> str:
    if len(address) > _ADDRESS_LENGTH:
        raise refusal("not_an_address")
    if not _USUAL.fullmatch(address) and not _ADDRESS.fullmatch(address):
        raise refusal("not_an_address")
    return address


def _refuse_idle(address: str, _region: str | None) -> str:
    mailbox, _, domain = address.partition("@")
    is_idle = mailbox in _IDLE_MAILBOXES or domain.partition(".")[0] in _IDLE_MAILBOXES
    if is_idle or address in _IDLE_ADDRESSES:
        raise refusal("placeholder")
    return address


def _drop_gmail_variants(address: str, _region: str | None) -> str:
    mailbox, _, domain = address.partition("@")
    if domain not in _GMAIL:
        return address
    mailbox = mailbox.partition("+")[0].replace(".", "")
    return f"{mailbox}@{domain}" if mailbox else ""


EML1 = Rule(
    "EML1",
    "Lower case; `İ` becomes `i`, and no combining dot stays.",
    ("Gfmt", "Mcip", "Ttrack", "OURS"),
    _lower,
)
EML2 = Rule(
    "EML2",
    "What is no address is refused: `not_an_address`. An inner space is no typing error to mend, two addresses are not"
    " one, a domain has a top level with a letter, 254 characters are the most. An international domain stays as it"
    " was typed.",
    ("OURS", "Rutil"),
    _refuse_misshapen,
)
EML3 = Rule(
    "EML3",
    "Mailboxes and addresses that fill required fields (`noemail@…`, `no-reply@…`, `test@test.com` …) are refused:"
    " `placeholder`.",
    ("OURS",),
    _refuse_idle,
)
EML4 = Rule(
    "EML4",
    "At gmail.com and googlemail.com dots before the `@` are dropped, and a plus sign with all behind it; other"
    " hosts keep both, and the domain stays as it is.",
    ("Gfmt",),
    _drop_gmail_variants,
)
