"""`python -m askance`: the same as the command `askance`."""

import sys

if __name__ == "__main__" and not sys.flags.safe_path and len(sys.path) > 1:
    sys.path.append(sys.path.pop(0))  # the current folder last: no file in it is taken for a library

from askance.cli.main import main

if __name__ == "__main__":
    main()
