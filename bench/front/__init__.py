"""How much does a server's front bear? With simulated workers: `python -m bench.front`."""
