"""Writes the example data of the tutorial: the orders of an invented shop, and whether each was returned.

python docs/shop_orders.py FILE
"""

import csv
import math
import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

ORDERS, CUSTOMERS, DAYS = 12_000, 900, 240


def main(target: Path) -> None:
    """Writes the file; the orders are of the days before today, the same each time but for that."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    first = today - timedelta(days=DAYS)
    chance = random.Random(7)
    habit = [chance.gauss(0, 1.2) for _ in range(CUSTOMERS)]
    times = sorted(first + timedelta(seconds=chance.randrange(DAYS * 86_400)) for _ in range(ORDERS))
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(
            ["order_id", "customer_id", "email", "ordered_at", "amount", "items", "category", "channel", "returned"]
        )
        for number, time in enumerate(times, start=1):
            customer = chance.randrange(CUSTOMERS)
            category = chance.choice(["shoes", "dresses", "books", "toys"])
            amount = round(math.exp(chance.gauss(4, 0.7)), 2)
            odds = -2.2 + habit[customer] + {"shoes": 0.7, "dresses": 1.1}.get(category, -0.6) + 0.006 * (amount - 60)
            rows.writerow(
                [
                    f"O{number:06}",
                    f"C{customer:04}",
                    f"c{customer}@mail.example",
                    time.isoformat(),
                    f"{amount:.2f}",
                    chance.randint(1, 5),
                    category,
                    chance.choice(["web", "app"]),
                    int(chance.random() < 1 / (1 + math.exp(-odds))),
                ]
            )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
