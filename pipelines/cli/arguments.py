"""Arguments and options that commands share.

Belongs here: how they are written and what `--help` says of them. Does not belong here: commands (`cli.py`,
`evidence.py`).
"""

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
ProductName = Annotated[str, typer.Argument(metavar="PRODUCT", help="credit_risk, card_fraud, or your own.")]
