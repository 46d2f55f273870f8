"""Years of the sandbox's bank in which nothing happens, and every alarm that the monitors would raise of them."""
