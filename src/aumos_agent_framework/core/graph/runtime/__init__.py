"""What nodes do when they run. Deterministic: all that touches the world goes through a ``StepRunner``."""
