"""The `loopline` command: a module for each group of commands, and what they share."""

from pipelines.cli.app import main

__all__ = ["main"]
