"""The aggregates of the events in a window: sums, order statistics, distinct values, decay, successions."""
