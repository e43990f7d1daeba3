"""The effects of a run: thin, each calls one service and translates its errors for Temporal."""
