"""``python -m karush``: the same as the command ``karush``."""

from karush.cli import main

if __name__ == "__main__":
    main()
