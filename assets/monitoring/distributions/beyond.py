"""What of a figure is beyond its limit, in words.

Belongs here: the comparison of a figure with its own limits. Does not belong here: the limits (`limits.py`), what
follows (`verdict.py`).
"""

from collections.abc import Iterator

from assets.monitoring.distributions.figures import Drift


def beyond(figure: Drift) -> tuple[str, ...]:
    """What of a figure is beyond its limit, as texts, the strongest evidence first; empty when nothing is."""
    return tuple(_beyond(figure))


def _beyond(figure: Drift) -> Iterator[str]:
    shares = (
        ("missing", figure.missing_share, figure.missing_limit),
        ("unseen values", figure.unseen_share, figure.unseen_limit),
        ("out of range", figure.out_of_range_share, figure.out_of_range_limit),
    )
    for name, value, limit in shares:
        if value is not None and limit is not None and value > limit:
            yield f"{value:.1%} {name}, at most {limit:.1%} usual"
    distances = (
        ("PSI", figure.psi, figure.psi_limit),
        ("KS", figure.ks, figure.ks_limit),
        ("Wasserstein", figure.wasserstein, figure.wasserstein_limit),
    )
    for name, value, limit in distances:
        if value is not None and limit is not None and value > limit:
            yield f"{name} {value:.3g} above {limit:.3g}"
    refused, low, high = figure.refused_share, figure.refused_low, figure.refused_high
    if refused is not None and high is not None and (refused > high or (low is not None and refused < low)):
        yield f"{refused:.1%} refused, {max(low or 0.0, 0.0):.1%} to {high:.1%} usual"
    if figure.rows_high is not None and not (figure.rows_low or 0.0) <= figure.rows <= figure.rows_high:
        usual = f"{max(figure.rows_low or 0.0, 0.0):,.0f} to {figure.rows_high:,.0f}"
        yield f"{figure.rows:,} rows, {usual} usual"
    if figure.z is not None and figure.z_limit is not None and abs(figure.z) > figure.z_limit:
        yield f"{figure.label_rate:.2%} bad, {figure.expected_rate:.2%} expected, {abs(figure.z):.1f} standard errors"
