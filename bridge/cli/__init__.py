"""How is mediabridge used from a terminal: the command and its parts."""
