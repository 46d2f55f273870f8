"""The local services: the list of them, starting and stopping them, and the process that follows the streams."""
