"""The assets as the graph shows them, and a preview that gives nobody away."""

from collections import Counter

import dagster as dg
import pytest

from orchestration.enrichment import assets
from orchestration.warehouse.resource import WarehouseResource

KEYS = {
    ("vault", "landings"): ("staging", "stg_landings__values"),
    ("vault", "identifiers"): ("staging", "stg_identifiers__values"),
}


@pytest.mark.parametrize(("key", "upstream"), KEYS.items(), ids=["landings", "identifiers"])
def test_asset_introduces_itself(key: tuple[str, str], upstream: tuple[str, str]):
    resources = dg.Definitions(resources={"warehouse": WarehouseResource()})
    graph = dg.Definitions.merge(assets.definitions(), resources).resolve_asset_graph()
    spec = graph.get(dg.AssetKey(key))

    assert spec.group_name == "enrichment"
    assert spec.kinds == {"python", "postgres"}
    assert spec.owners == ["team:data"]
    assert spec.tags["pii"] == "true"
    assert spec.description is not None
    assert spec.description.startswith("One row per")
    assert spec.parent_keys == {dg.AssetKey(upstream)}


def test_preview_ranks_sources_and_hides_what_is_no_name_of_one():
    sources = Counter(
        {"google": 3, "Şube afiş": 2, "ali@ornek.com": 1, "05321234567": 1, "a|b": 1, "x" * 99: 1}
    )

    preview = assets.preview_sources(sources)

    assert preview.splitlines() == [
        "| utm_source | count |",
        "| --- | ---: |",
        "| (other) | 4 |",
        "| google | 3 |",
        "| Şube afiş | 2 |",
    ]


def test_preview_of_many_sources_is_short():
    preview = assets.preview_sources(Counter({f"kaynak {number}": 1 for number in range(30)}))

    assert len(preview.splitlines()) == 23
    assert preview.splitlines()[-1] == "| (rest) | 10 |"
