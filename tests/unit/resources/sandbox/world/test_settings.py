"""Settings: proportions, the digest, and what is refused."""

from dataclasses import replace
from datetime import date

import pytest

from resources.sandbox.world.incidents import Incident, SandboxError
from resources.sandbox.world.settings import BankSettings


def test_the_default_bank_is_the_one_that_is_documented() -> None:
    settings = BankSettings()
    assert settings.days == 730
    assert settings.cards_from == date(2026, 4, 1)
    assert BankSettings.of_size(customers=20_000) == settings


def test_the_digest_follows_every_setting() -> None:
    settings = BankSettings()
    shocked = (Incident(kind="shock", day=date(2026, 1, 1)),)
    others = [replace(settings, seed=1), replace(settings, bad_rate=0.1), replace(settings, incidents=shocked)]
    assert len({settings.digest, *(other.digest for other in others)}) == 4
    assert BankSettings().digest == settings.digest


def test_parts_of_the_bank_draw_their_own_numbers() -> None:
    settings = BankSettings()
    assert settings.rng("a").random() == settings.rng("a").random()
    assert settings.rng("a").random() != settings.rng("b").random()


def test_small_periods_have_cards_from_their_first_day() -> None:
    settings = BankSettings.of_size(customers=10, first_day=date(2025, 1, 1), last_day=date(2025, 1, 31))
    assert settings.cards_from == date(2025, 1, 1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"last_day": date(2020, 1, 1)}, "is before first_day"),
        ({"customers": 0}, "customers is 0"),
        ({"bad_rate": 1.5}, "bad_rate is 1.5; write a share"),
        ({"customers": 100}, "3000 cards for 100 customers.*of_size"),
    ],
)
def test_nonsense_is_refused_in_words(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(SandboxError, match=message):
        replace(BankSettings(), **wrong)  # type: ignore[arg-type]
