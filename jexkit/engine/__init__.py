"""All I/O and all threads. Nothing here knows an exchange: it carries out what a machine of jexkit.core asks for."""
