"""Kinds of advertisers: what they run, whom it reaches, and what it really does.

Belongs here: the numbers, as data. Lives elsewhere: what becomes of them (``simulation``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign.

    Attributes:
        name: As the advertiser's reports have it.
        reach: Probability of a day that it reaches a person of average intent.
        pull: How much it prefers people of high intent: the probability is multiplied by e to the power of this times
            the intent. Zero reaches everybody alike.
        effect: What one exposure adds to the probability of a day to convert, at first. Zero: it causes nothing.
        half_life_days: Of that effect.
        saturation: Exposures beyond which more of them add little.
        after_days: Reaches only people who had a touch within so many days (retargeting); None: anybody.
        harvest: Probability that somebody who is about to convert anyway comes by it, in the last minutes.
    """

    name: str
    reach: float = 0.0
    pull: float = 0.0
    effect: float = 0.0
    half_life_days: float = 5.0
    saturation: float = 3.0
    after_days: int | None = None
    harvest: float = 0.0


@dataclass(frozen=True, slots=True)
class Advertiser:
    """An advertiser.

    Attributes:
        title: In a few words.
        campaigns: What it runs.
        organic: Probability of a day that a person of average intent converts without any advertising.
        organic_pull: How much more likely that is for people of high intent, as in ``Campaign.pull``.
        visits: Probability of a day that a person of average intent comes directly. A visit causes nothing.
        visits_pull: As ``organic_pull``.
        days: How long it is watched.
    """

    title: str
    campaigns: tuple[Campaign, ...]
    organic: float
    organic_pull: float = 1.0
    visits: float = 0.0
    visits_pull: float = 0.8
    days: int = 60


ADVERTISERS: Mapping[str, Advertiser] = {
    "search_harvest": Advertiser(
        "Search gets the last click of demand that others make",
        (
            Campaign("Google Arama - Marka", reach=0.004, pull=1.2, harvest=0.55),
            Campaign("Google Arama - Dil Kursu", reach=0.006, pull=0.9, effect=0.006),
            Campaign(
                "YouTube - Tanıtım Filmi", reach=0.030, pull=0.1, effect=0.0030, half_life_days=9
            ),
            Campaign("Instagram - İngilizce Kursu", reach=0.020, pull=0.2, effect=0.0032),
            Campaign("Meta - Geniş Kitle", reach=0.025, pull=0.2),
        ),
        organic=0.0006,
        visits=0.004,
    ),
    "brand_retargeting": Advertiser(
        "Brand films at the top, retargeting behind them",
        (
            Campaign("TikTok - Marka Bilinirliği", reach=0.022, effect=0.0036, half_life_days=10),
            Campaign("YouTube - Öğrenci Hikayeleri", reach=0.016, effect=0.0036, half_life_days=10),
            Campaign(
                "Meta - Yeniden Pazarlama", reach=0.110, pull=0.4, effect=0.0004, after_days=14
            ),
            Campaign("Google Display - Sepet Hatırlatma", reach=0.090, pull=0.5, after_days=10),
            Campaign("Google Arama - Marka", reach=0.002, pull=1.0, harvest=0.35),
        ),
        organic=0.0005,
        visits=0.006,
    ),
    "whatsapp_first": Advertiser(
        "People write on WhatsApp after a touch or two",
        (
            Campaign(
                "Meta - WhatsApp'a Yaz", reach=0.0060, pull=0.5, effect=0.026, half_life_days=2
            ),
            Campaign(
                "Instagram - Hikaye WhatsApp",
                reach=0.0050,
                pull=0.2,
                effect=0.018,
                half_life_days=2,
            ),
            Campaign("TikTok - Mesaj Reklamı", reach=0.0060, effect=0.007, half_life_days=2),
            Campaign("Google Arama - İletişim", reach=0.0020, pull=1.0, effect=0.004, harvest=0.15),
        ),
        organic=0.0008,
        visits=0.001,
    ),
    "untargeted": Advertiser(
        "Everybody is reached alike and nothing is harvested",
        (
            Campaign("Radyo - Sabah Kuşağı", reach=0.010, effect=0.0110),
            Campaign("Açıkhava - Metro", reach=0.014, effect=0.0070),
            Campaign("Gazete - Hafta Sonu", reach=0.012, effect=0.0035),
            Campaign("E-posta - Bülten", reach=0.016),
        ),
        organic=0.0004,
        organic_pull=0.0,
    ),
}
