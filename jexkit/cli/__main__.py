"""``python -m jexkit.cli`` is the ``jexkit`` command."""

from jexkit.cli import main

if __name__ == "__main__":
    main()
