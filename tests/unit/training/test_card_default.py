"""The product `card_default`, as a user would write it, on the published clients: a short search is near the best."""

from dataclasses import replace

import pytest
from sklearn.metrics import roc_auc_score

from assets.training.candidates import train_candidates
from assets.training.rows.split import split_at_random
from tests.card_default.product import PRODUCT
from tests.card_default.rows import FILE, published_tables, training_rows


def test_the_product_agrees_with_its_contracts() -> None:
    PRODUCT.check()
    protected = {attribute.column for attribute in PRODUCT.protected}
    assert not protected & set(PRODUCT.features.names)


@pytest.mark.skipif(not FILE.is_file(), reason=f"the published clients are not at {FILE}")
def test_one_fold_of_the_published_clients_is_ranked_well() -> None:
    """All five folds are a campaign (`tests.campaigns.test_card_default`)."""
    rows, spec = training_rows(PRODUCT, published_tables()), replace(PRODUCT.model, trials=1)
    assert (len(rows), int(rows.y.sum())) == (30_000, 6_636)
    split = split_at_random(rows.row_ids, rows.as_of, rows.y, spec=spec)
    model = train_candidates(rows, split, spec).boosted
    assert roc_auc_score(rows.y[split.test], model.predict(rows.matrix[split.test])) > 0.77
