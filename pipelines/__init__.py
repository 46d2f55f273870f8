"""The jobs, schedules, sensors, services and commands of every product: the layer that knows all others."""
