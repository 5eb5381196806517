"""`python -m mcpfuzz.lab`."""

import sys

from mcpfuzz.lab.serve import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
