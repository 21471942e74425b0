"""What all exchanges have in common, as pure values: no I/O, no threads, no clock, no exchange's name."""
