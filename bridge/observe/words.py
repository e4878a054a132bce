"""How do the API's enum values read in labels and attributes: `CALL_STATE_ACTIVE` is `active`."""


def word(name: str, prefix: str) -> str:
    """Return an enum's value without what all values of it begin with."""
    return name.removeprefix(f"{prefix}_").lower()
