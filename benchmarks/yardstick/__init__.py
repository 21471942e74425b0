"""How fast jexkit is, beside a reference loop, the limit, and other clients; started by ``run.py``."""
