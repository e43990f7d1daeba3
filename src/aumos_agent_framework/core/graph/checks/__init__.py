"""What can be wrong with a definition, one file per kind of fault. Each yields problems and raises nothing."""
