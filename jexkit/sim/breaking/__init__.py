"""How each fault of `jexkit.sim.faults` is done: functions of a venue and the fault's parameters, on the loop's thread.

Each breaks something and returns how to mend it, or None where there is nothing to mend.
"""
