"""The rollout store: published bundles and each product's manifest, in a folder or S3."""
