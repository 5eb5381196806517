"""Locust users and shapes. Nothing here may be imported by a process that imports trio: Locust patches the
world when it is imported. Empty until `mcpfuzz load` is built."""
