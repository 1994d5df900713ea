"""Array functions that a grid game is made of: turns, movement, combat, trade, converters, observations.

They know arrays and indices, no configuration and no names. N environments, A agents, of which an environment plays one
at a time or all at once (`turns`). `metta_jax.mettagrid` builds the game from them.
"""
