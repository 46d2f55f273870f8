"""Performance: realised, by the age of labels, estimated without labels, its calibration, and the business figures."""
