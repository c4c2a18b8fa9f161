"""`leadloop landing parse` and `leadloop normalize`, in pipes."""

from __future__ import annotations

import json

from tests.journey.conftest import Run


def lines(*values: object) -> str:
    return "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)


def test_urls_and_texts_come_out_as_parameters(leadloop: Run) -> None:
    answer = leadloop(
        "landing",
        "parse",
        stdin=lines(
            {"url": "https://a.example/?UTM_Source=Google&gad_campaignid=42&gclid=Cj0"},
            {"text": "Merhaba (https://a.example/?utm_campaign=Kay%C4%B1t), yazıyorum"},
        ),
    )
    assert answer.returncode == 0, answer.stderr
    url, text = map(json.loads, answer.stdout.splitlines())
    assert url["utm_source"] == "Google"
    assert url["campaign_id"] == "42"
    assert url["gclid"] == "Cj0"
    assert text["utm_campaign"] == "Kayıt"


def test_a_bad_line_is_named_and_the_others_come_through(leadloop: Run) -> None:
    answer = leadloop("landing", "parse", stdin='{"url": "https://a.example/?gclid=a"}\nnot json\n')
    assert answer.returncode == 1
    good, bad = map(json.loads, answer.stdout.splitlines())
    assert good["gclid"] == "a"
    assert "error" in bad


def test_an_identifier_comes_out_by_the_platforms_rules(leadloop: Run) -> None:
    phone = {"kind": "phone", "value": "0532 123 45 67", "region": "TR"}
    google = json.loads(leadloop("normalize", "--platform", "google", stdin=lines(phone)).stdout)
    meta = json.loads(leadloop("normalize", "--platform", "meta", stdin=lines(phone)).stdout)
    assert google["normalized"] == "+905321234567"
    assert meta["normalized"] == "905321234567"
    assert meta["sha256"] == "7e3308159fc7cca243cef8a01acc25f18cd62d0d1ad92a6d38c3107d9aa3d8cc"


def test_what_has_no_hash_has_a_reason(leadloop: Run) -> None:
    answer = leadloop(
        "normalize", "--platform", "meta", stdin=lines({"kind": "email", "value": "x"})
    )
    assert answer.returncode == 0
    told = json.loads(answer.stdout)
    assert told["reason"]
    assert not told.get("sha256")


def test_an_unknown_platform_is_refused(leadloop: Run) -> None:
    answer = leadloop("normalize", "--platform", "myspace", stdin="")
    assert answer.returncode == 2
    assert "google, meta or tiktok" in answer.stderr
