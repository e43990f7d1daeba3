"""Use cases, one file per noun: plain classes with ports given at construction."""
