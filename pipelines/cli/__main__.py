"""`python -m pipelines.cli`: the command where it is not installed."""

from pipelines.cli.app import main

if __name__ == "__main__":
    main()
