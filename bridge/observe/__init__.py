"""How a server is seen from outside, by what it tells its watchers anyway."""
