"""The parts of ``crash.py``: a program that is killed, and what is asked of what it leaves behind."""
