"""The arguments of each command. Nothing here loads JAX, so that help and errors appear at once."""
