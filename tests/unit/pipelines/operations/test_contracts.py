"""What the contracts of a product promise, for people."""

from pipelines.operations.data.contracts import contract_facts
from pipelines.products import load_product


def test_purpose_and_classes_of_personal_data_are_shown() -> None:
    """A column may be of a class without being replaced: protected attributes are needed to watch fairness."""
    found = {facts.source: facts for facts in contract_facts(load_product("credit_risk"))}
    applications = found["applications"]
    assert applications.purpose == "decide credit applications, and watch these decisions for fairness"
    assert applications.personal == {
        "sex": "protected", "age": "protected", "name": "identity", "email": "contact", "national_id": "identity",
    }  # fmt: skip
    assert applications.rules == len(load_product("credit_risk").contract("applications").expectations)
    assert found["repayments"].personal == {}
