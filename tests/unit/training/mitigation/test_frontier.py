"""The choice on a frontier, by hand."""

from assets.training.mitigation.frontier import Frontier, FrontierPoint, choose


def points(*pairs: tuple[float, float]) -> list[FrontierPoint]:
    return [
        FrontierPoint("penalty", float(place), profit, disparity) for place, (profit, disparity) in enumerate(pairs)
    ]


def chosen(found: tuple[FrontierPoint, ...]) -> float:
    (one,) = [point.strength for point in found if point.chosen]
    return one


def test_within_the_bound_the_one_that_earns_the_most() -> None:
    assert chosen(choose(points((100, 0.3), (90, 0.1), (95, 0.08), (80, 0.0)), 0.1)) == 2


def test_of_equals_the_first() -> None:
    assert chosen(choose(points((100, 0.3), (90, 0.05), (90, 0.01)), 0.1)) == 1


def test_a_candidate_within_the_bound_is_kept() -> None:
    assert chosen(choose(points((100, 0.05), (110, 0.01)), 0.1)) == 0


def test_with_none_within_the_bound_the_least_disparity() -> None:
    assert chosen(choose(points((100, 0.3), (90, 0.2), (95, 0.2)), 0.1)) == 2


def test_the_frontier_leaves_out_what_is_worse_in_both() -> None:
    found = choose(points((100, 0.3), (90, 0.2), (85, 0.25), (80, 0.1)), 0.5)
    assert [point.on_frontier for point in found] == [True, True, False, True]


def test_a_record_is_read_back() -> None:
    frontier = Frontier("sex", "selection_gap", 0.1, choose(points((100, 0.3), (90, 0.05)), 0.1))
    assert Frontier.from_dict(frontier.to_dict()) == frontier
    assert frontier.profit_lost == 10
    assert frontier.words == (
        "penalty of strength 1: selection gap by sex 0.05 instead of 0.3, within the bound of 0.1, for 10 less profit "
        "(10.0%) on the calibration rows"
    )
