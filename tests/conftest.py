"""What every test may use."""

import os

# Materialisations of a range are written in batches, as the command line does.
os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "1000")
