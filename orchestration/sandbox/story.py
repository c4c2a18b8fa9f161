"""The story that the simulated traffic tells: who clicked what, wrote what, and became whose customer.

Pure: the same tenant and the same anchor give the same parcels, byte for byte, so that telling it twice adds
nothing. Each payload starts from a template in ``traffic/``, which has every field as the sender documents it.

Belongs here: people, clicks, times, outcomes. Lives elsewhere: signing and sending (``senders``).
"""

from __future__ import annotations

import copy
import functools
import hashlib
import json
import random
import unicodedata
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterator

_TRAFFIC = Path(__file__).with_name("traffic")
_FIRST_NAMES = (
    *("Ayşe", "Mehmet", "Zeynep", "Mustafa", "Elif", "İpek", "Çağrı", "Şule", "Oğuz", "Ümit"),
    *("Gül", "Işıl", "Kerem", "Defne", "Ömer", "Nazlı"),
)
_LAST_NAMES = (
    *("Yılmaz", "Öztürk", "Kaya", "Çelik", "Şahin", "Güneş", "Aydın", "Koç", "Doğan", "Işık"),
    *("Aslan", "Yıldız"),
)
# Campaign, ad group, name: the first two of Google are in the account's own list, the third only in the seed.
_GOOGLE = (
    ("20030909980", "168345597304"),
    ("21500111222", "168345597306"),
    ("17000444222", "168345597399"),
)
_META = (
    ("120210000000000001", "120210000000000101", "Bahar Kampanyası – WhatsApp"),
    ("120210000000000002", "120210000000000103", "Yeniden Pazarlama – Işık Şubesi"),
)
_TIKTOK = ("1790000000000001", "1790000000000101", "Keşfet – Üniversite Hazırlık")
_WABA = "102290129340398"
_DAYS = 12
# What becomes of a lead, in order; each step is taken with this chance by those who took the one before.
_FUNNEL = (
    ("qualified_lead", 0.55, None),
    ("appointment", 0.6, None),
    ("enrollment", 0.5, None),
    ("purchase", 0.7, ("12500.00", "18900.00", "7490.50")),
)
_BROKEN_DAY = 3
_BROKEN_HOUR = 8
_BROKEN_FORMS = 40


@dataclass(frozen=True)
class Person:
    """Someone who becomes a lead."""

    first_name: str
    last_name: str
    email: str
    phone: str
    consent: bool | None


@dataclass(frozen=True)
class Parcel:
    """One request of a sender.

    Attributes:
        source: ``form``, ``whatsapp`` or ``crm``: how the warehouse names its sender.
        key: What makes it one and the same when it is sent again.
        at: The sender's own time of it.
        payload: The body.
        is_form_encoded: Whether it is sent as a browser posts a form.
    """

    source: str
    key: str
    at: datetime
    payload: dict[str, Any]
    is_form_encoded: bool = False


@dataclass(frozen=True)
class Plot:
    """What sets one tenant's story apart.

    Attributes:
        name: The tenant.
        site: Its web site.
        has_broken_day: Whether its new site lost the parameters of its links for a day.
        timezone: Whose midnight ends its day.
    """

    name: str
    site: str
    has_broken_day: bool = False
    timezone: str = "Europe/Istanbul"


PLOTS = (
    Plot("Akademi İstanbul", "https://akademi.example"),
    Plot("Dil Okulu Ankara", "https://dilokulu.example", has_broken_day=True),
)


def tell(plot: Plot, tenant_id: str, anchor: datetime) -> list[Parcel]:
    """All that a tenant's senders send, oldest first.

    Args:
        plot: Whose story.
        tenant_id: The CRM names it in each request.
        anchor: The moment at which the story ends; nothing happens after it.
    """
    chance = random.Random(plot.name)  # noqa: S311 - a story, no secret
    parcels: list[Parcel] = []
    for days_ago in range(_DAYS, 0, -1):
        day = anchor - timedelta(days=days_ago)
        for number in range(12):
            at = day + timedelta(minutes=chance.randrange(0, 20 * 60))
            parcels.extend(_lead(plot, tenant_id, chance, at, anchor, number))
    if plot.has_broken_day:
        parcels.extend(_broken_day(plot, chance, anchor))
    return sorted(parcels, key=lambda parcel: (parcel.at, parcel.source, parcel.key))


def counts(
    parcels: list[Parcel], tenant_id: str, timezone: str, anchor: datetime
) -> list[dict[str, Any]]:
    """Each sender's own count of what it sent, by day of the tenant's time zone."""
    zone = ZoneInfo(timezone)
    tally = Counter((p.source, p.at.astimezone(zone).date()) for p in parcels)
    return [
        {
            "tenant_id": tenant_id,
            "source": source,
            "day": day.isoformat(),
            "count": count,
            "counted_at": anchor.isoformat(),
        }
        for (source, day), count in sorted(tally.items())
    ]


def _lead(
    plot: Plot, tenant_id: str, chance: random.Random, at: datetime, anchor: datetime, number: int
) -> Iterator[Parcel]:
    """One lead, what it came from, and what became of it."""
    person = _person(chance)
    if number % 3 == 0:
        first, clicks = _old_site_form(plot, chance, person, at)
    elif number % 3 == 1:
        first, clicks = _new_site_form(plot, chance, person, at)
    else:
        first, clicks = _message(plot, chance, person, at, number)
    yield first
    if first.source == "form" and chance.random() < 0.25:
        again = min(at + timedelta(hours=chance.randrange(2, 40)), anchor)
        yield _message(plot, chance, person, again, number)[0]
    yield from _outcomes(tenant_id, chance, person, clicks, at, anchor, first.key)


def _old_site_form(
    plot: Plot, chance: random.Random, person: Person, at: datetime
) -> tuple[Parcel, dict[str, str]]:
    campaign_id, adgroup_id = chance.choice(_GOOGLE)
    clicks = {"gclid": _click(chance, "CjwKCAjw")}
    query = {
        "gad_source": "1",
        "gad_campaignid": campaign_id,
        "kpv": adgroup_id,
        **clicks,
    }
    payload = _template("form_old_site")
    payload["dataW"]["url"] = f"{plot.site}/kurslar?{urlencode(query)}"
    return _form(plot, payload, person, at, chance), clicks


def _new_site_form(
    plot: Plot, chance: random.Random, person: Person, at: datetime
) -> tuple[Parcel, dict[str, str]]:
    if chance.random() < 0.6:
        campaign_id, adgroup_id, name = chance.choice(_META)
        source, clicks = chance.choice(("facebook", "FB", "ig")), {"fbclid": _click(chance, "IwAR")}
    else:
        campaign_id, adgroup_id, name = _TIKTOK
        source, clicks = "tiktok", {"ttclid": _click(chance, "E.C.P.")}
    query = {
        "utm_source": source,
        "utm_medium": "paid",
        "utm_campaign": "bahar-2026",
        "utm_content": "video-a",
        "campaign_id": campaign_id,
        "campaign_name": name,
        "adgroup_id": adgroup_id,
        **clicks,
    }
    # Not every ad carries the name; the map knows it.
    if chance.random() < 0.4:
        del query["campaign_name"], query["utm_campaign"]
    payload = _template("form_new_site")
    payload["url"] = f"{plot.site}/basvuru?{urlencode(query)}"
    is_encoded = chance.random() < 0.3
    return _form(plot, payload, person, at, chance, is_encoded=is_encoded), clicks


def _form(
    plot: Plot,
    payload: dict[str, Any],
    person: Person,
    at: datetime,
    chance: random.Random,
    *,
    is_encoded: bool = False,
) -> Parcel:
    key = _key(chance)
    payload |= {
        "submission_id": key,
        "submitted_at": at.isoformat(),
        "name": f"{person.first_name} {person.last_name}",
        "email": person.email,
        "phone": person.phone,
        "consent": person.consent,
    }
    if person.consent is None:
        del payload["consent"]
    if is_encoded:
        payload = {k: v for k, v in payload.items() if isinstance(v, str | bool)}
        payload = {
            k: ("true" if v else "false") if isinstance(v, bool) else v for k, v in payload.items()
        }
    return Parcel("form", key, at, payload, is_form_encoded=is_encoded)


def _message(
    plot: Plot, chance: random.Random, person: Person, at: datetime, number: int
) -> tuple[Parcel, dict[str, str]]:
    """A WhatsApp message: from an ad, with a link in its text, or without a word."""
    clicks: dict[str, str] = {}
    if number % 2:
        payload = _template("whatsapp_referral")
        clicks = {"ctwa_clid": _click(chance, "ARA")}
        message = payload["entry"][0]["changes"][0]["value"]["messages"][0]
        message["referral"] |= clicks
    elif chance.random() < 0.7:
        payload = _template("whatsapp_text")
        campaign_id, adgroup_id, _ = chance.choice(_META)
        query = urlencode(
            {"utm_source": "whatsapp", "campaign_id": campaign_id, "adgroup_id": adgroup_id}
        )
        message = payload["entry"][0]["changes"][0]["value"]["messages"][0]
        message["text"]["body"] = f"Merhaba, ({plot.site}/bilgi?{query}) için yazıyorum."
    else:
        payload = _template("whatsapp_without_body")
        message = payload["entry"][0]["changes"][0]["value"]["messages"][0]
    value = payload["entry"][0]["changes"][0]["value"]
    key = f"wamid.{_key(chance)}"
    number_of_person = person.phone.removeprefix("+")
    message |= {"id": key, "from": number_of_person, "timestamp": str(int(at.timestamp()))}
    value["contacts"] = [
        {
            "profile": {"name": f"{person.first_name} {person.last_name}"},
            "wa_id": number_of_person,
        }
    ]
    payload["entry"][0]["id"] = _WABA
    return Parcel("whatsapp", key, at.replace(microsecond=0), payload), clicks


def _outcomes(
    tenant_id: str,
    chance: random.Random,
    person: Person,
    clicks: dict[str, str],
    at: datetime,
    anchor: datetime,
    lead_key: str,
) -> Iterator[Parcel]:
    """What the CRM reports of a lead; half of the identifiers arrive hashed, as a careful CRM sends them."""
    record = f"CRM-{hashlib.sha256(lead_key.encode()).hexdigest()[:10]}"
    is_hashed = chance.random() < 0.5
    moment = at
    for kind, likelihood, values in _FUNNEL:
        if chance.random() >= likelihood:
            return
        moment += timedelta(hours=chance.randrange(3, 60))
        if moment >= anchor:
            return
        payload = _template("crm_conversion")
        payload |= {
            "tenant_id": tenant_id,
            "event_id": f"{record}:{kind}",
            "event_type": kind,
            "event_time": moment.isoformat(),
            "value": chance.choice(values) if values else None,
            "currency": "TRY" if values else None,
            "crm_record_id": record,
            "identifiers": {**clicks, **_identifiers(person, is_hashed=is_hashed)},
        }
        if clicks.keys() & {"ctwa_clid"}:
            # Who writes on WhatsApp is asked by the agent, and the CRM says what they answered.
            payload["consent"] = "granted"
        payload = {key: value for key, value in payload.items() if value is not None}
        yield Parcel("crm", payload["event_id"], moment, payload)


def _identifiers(person: Person, *, is_hashed: bool) -> dict[str, str]:
    if not is_hashed:
        return {"email": person.email, "phone": person.phone}
    return {
        "email_sha256": hashlib.sha256(person.email.encode()).hexdigest(),
        "phone_sha256": hashlib.sha256(person.phone.encode()).hexdigest(),
    }


def _broken_day(plot: Plot, chance: random.Random, anchor: datetime) -> Iterator[Parcel]:
    """A day of the tenant's on which the new site dropped the parameters of its links, whenever the story ends."""
    day = anchor.astimezone(ZoneInfo(plot.timezone)) - timedelta(days=_BROKEN_DAY)
    morning = day.replace(hour=_BROKEN_HOUR, minute=0, second=0).astimezone(anchor.tzinfo)
    for _ in range(_BROKEN_FORMS):
        payload = _template("form_new_site")
        payload["url"] = f"{plot.site}/basvuru"
        at = morning + timedelta(minutes=chance.randrange(0, 600))
        yield _form(plot, payload, _person(chance), at, chance)


def _person(chance: random.Random) -> Person:
    first, last = chance.choice(_FIRST_NAMES), chance.choice(_LAST_NAMES)
    digits = f"{chance.randrange(10_000_000):07d}"
    draw = chance.random()
    return Person(
        first_name=first,
        last_name=last,
        email=f"{_ascii(first)}.{_ascii(last)}.{digits}@example.com",
        phone=f"+90532{digits}",
        consent=True if draw < 0.86 else False if draw < 0.93 else None,
    )


def _ascii(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.replace("ı", "i").replace("İ", "I"))
    return plain.encode("ascii", "ignore").decode().lower()


def _click(chance: random.Random, prefix: str) -> str:
    return prefix + hashlib.sha256(_key(chance).encode()).hexdigest()[:40]


def _key(chance: random.Random) -> str:
    return f"{chance.getrandbits(128):032x}"


@functools.cache
def _read_template(name: str) -> dict[str, Any]:
    return json.loads((_TRAFFIC / f"{name}.json").read_text(encoding="utf-8"))


def _template(name: str) -> dict[str, Any]:
    return copy.deepcopy(_read_template(name))
