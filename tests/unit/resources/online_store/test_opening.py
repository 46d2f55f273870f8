"""Opening a store by its address."""

import pytest

from resources.online_store.errors import StoreError
from resources.online_store.opening import open_store


@pytest.mark.parametrize("name", ["../x", "Cards", "", "a b", "cards\0"])
def test_a_product_whose_name_is_not_a_name_is_refused(name: str) -> None:
    with pytest.raises(StoreError, match="is not a name"):
        open_store("lmdb:///tmp/x", name)


@pytest.mark.parametrize("url", ["lmdb://relative", "http://host/", ""])
def test_an_address_of_no_known_kind_is_refused(url: str) -> None:
    with pytest.raises(StoreError, match="is not an address"):
        open_store(url, "card_fraud")
