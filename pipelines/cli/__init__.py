"""The `loopline` command, a module a group of commands."""

from pipelines.cli.app import main

__all__ = ["main"]
