"""The work behind the commands. Operations run Dagster jobs and return values; they print nothing."""
