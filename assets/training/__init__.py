"""From features and mature labels to a calibrated model."""
