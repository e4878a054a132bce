"""YAML files that people write: read, checked, told what is wrong with them, watched."""
