"""Which bundle decides: promotion, deployment and the arms of a product."""
