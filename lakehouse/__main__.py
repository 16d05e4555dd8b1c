"""``python -m lakehouse``."""

from lakehouse.cli.app import main

if __name__ == "__main__":
    main()
