"""`loopline check` of a product with shared features: which live bundles of which products a change touches."""

from dataclasses import replace
from pathlib import Path

from assets.product import Product
from assets.vocabulary import days
from pipelines.products import load_product
from resources.environments import load_environment
from tests.integration.demo_home import variables_of
from tests.support.data.small_bank import fill_small_bank
from tests.support.models.champions import crown
from tests.support.processes.in_process import answer_of

FRAUD = load_product("card_fraud")


def with_a_fortnight(product: Product) -> Product:
    """The product as it was while the shared weekly count was one of 14 days."""
    history = tuple(
        replace(one, window=days(14)) if one.name == "card_count_7d" else one for one in product.features.history
    )
    return replace(product, features=replace(product.features, history=history))


def test_check_names_the_live_bundles_that_a_shared_change_touches(tmp_path: Path) -> None:
    variables = variables_of(tmp_path / "home")
    environment = load_environment(variables)
    fill_small_bank(environment)

    def checked() -> dict[str, tuple[str, str]]:
        answer = answer_of(["check", "card_fraud", "--json"], variables)
        assert answer.status == 0, answer.people
        found = {result["name"]: (result["state"], result["detail"]) for result in answer.told["results"]}
        for _, detail in found.values():  # people see the same, in the lines of a table
            assert detail.split()[0] in answer.people
        return {name: result for name, result in found.items() if "shared" in name}

    crown(FRAUD, environment, tmp_path, version="3")
    same = "used by card_fraud; every live bundle computes them as declared"
    assert checked() == {"shared card_spending": ("passed", same), "shared card_usual_amounts": ("passed", same)}

    # A product of another checkout, which shares this store of bundles.
    crown(replace(with_a_fortnight(FRAUD), name="card_limits"), environment, tmp_path, version="5")
    crown(with_a_fortnight(FRAUD), environment, tmp_path, version="4")
    state, detail = checked()["shared card_spending"]
    assert state == "changed", "nothing is wrong, but people have to know"
    count = "'Number of card transactions in the {} days up to the decision, the request included'"
    assert f"card_count_7d of card_spending is changed from {count.format(14)} to {count.format(7)}" in detail
    assert detail.endswith("touches card_fraud 4 (champion), card_limits 5 (champion)")

    (environment.home / "rollout/card_limits/bundles/5/bundle.json").write_bytes(b"{}")
    found = checked()
    assert found["shared card_spending"][1].endswith("touches card_fraud 4 (champion)")
    state, detail = found["other users of shared features"]
    assert (state, "loopline repair card_limits" in detail) == ("not judged", True)
