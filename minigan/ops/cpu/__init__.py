"""The operations on the CPU: on all cores, in chunks that stay in the cache."""
