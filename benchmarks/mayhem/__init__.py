"""The parts of the chaos run: faults, the exchanges that have them, what the callbacks got, and the comparison."""
