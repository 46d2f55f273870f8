"""Every error of this project has the one base, and a name of its own."""

import importlib
import pkgutil
from collections import Counter
from collections.abc import Iterator

import assets
import pipelines
import resources
from resources.errors import LooplineError, listed


def errors_below(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    for derived in kind.__subclasses__():
        yield derived
        yield from errors_below(derived)


def our_errors() -> set[type[BaseException]]:
    """Every exception class that a module of this project defines."""
    for package in (assets, pipelines, resources):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    names = tuple(f"{package.__name__}." for package in (assets, pipelines, resources))
    return {kind for kind in errors_below(BaseException) if kind.__module__.startswith(names)}


def test_every_error_has_the_base_and_a_name_of_its_own() -> None:
    found = our_errors()
    assert len(found) > 50
    assert sorted(kind.__qualname__ for kind in found if not issubclass(kind, LooplineError)) == []
    assert [name for name, number in Counter(kind.__name__ for kind in found).items() if number > 1] == []


def test_a_list_in_a_message_is_cut_after_ten_items_and_counted() -> None:
    assert listed(["a", "b"]) == "a, b"
    assert listed(range(10)) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9"
    assert listed(range(1_210)) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 1,200 more"
    assert listed(("a", "b", "c"), shown=2, separator="; ") == "a; b and 1 more"
    assert listed([]) == ""
