"""Whether the kind of target agrees with the rest of a product.

Belongs here: the checks at load. Does not belong here: the kinds (`assets.product.target`).
"""

from assets.product.policies.amount_gates import AmountGates
from assets.product.policies.fairness import FairnessPolicy
from assets.product.policies.model import DecisionPolicy, GatePolicy, ModelSpec, ProductError
from assets.product.problem import Label
from assets.product.target import Binary


def check_target(
    product: str,
    model: ModelSpec,
    label: Label,
    decision: DecisionPolicy,
    gates: GatePolicy,
    fairness: FairnessPolicy | None,
    reviews: str,
) -> None:
    """Checks that label, decision and gates are those of the model's kind of target.

    Raises:
        ProductError: They are of another kind; the message says what to write.
    """
    if isinstance(model.target, Binary):
        if isinstance(gates, AmountGates):
            raise ProductError(f"product {product}: gates=AmountGates(...) are of an amount; write GatePolicy(...)")
        return
    amount = f"product {product}: the model's target is an amount"
    if not label.settled:
        raise ProductError(
            f"{amount}, but the label is of kind '{label.kind}', which only says whether there is an event; write "
            "kind='outcome' or 'column', whose column holds the amount"
        )
    if not isinstance(gates, AmountGates):
        raise ProductError(f"{amount}, but its gates are those of a binary target; write gates=AmountGates(...)")
    if decision.refer is not None:
        raise ProductError(
            f"{amount}, and decision.refer={decision.refer!r}: the thresholds of a review are chosen for a binary "
            "target alone; refer by a rule, or leave refer out"
        )
    if reviews:
        raise ProductError(
            f"{amount}, and people's words are posted to '{reviews}': the cases for people are chosen by "
            "probabilities; leave the source out"
        )
    own = [one.name for one in model.candidates if not isinstance(one, str)]
    if own:
        raise ProductError(f"{amount}, but the candidates {own} are fitted to a binary target; leave them out")
    if fairness is not None:
        raise ProductError(
            f"{amount}, but fairness= has limits of a binary target; leave it out: the error of each group of "
            "protected= is judged by AmountGates.max_group_error"
        )
