"""The checks of `loopline doctor`."""
