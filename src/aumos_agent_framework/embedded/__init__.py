"""The local stack: real servers from wheels, API and worker, started and supervised by one process."""
