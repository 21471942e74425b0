"""The simulated exchanges, seen by bare clients."""
