"""An estimate of tokens, for where nobody counts them."""

_CHARACTERS_PER_TOKEN = 4


def estimate_tokens(text: str) -> int:
    """Return about how many tokens a text has: four characters each, the rule of thumb for English, rounded up."""
    return -(-len(text) // _CHARACTERS_PER_TOKEN)
