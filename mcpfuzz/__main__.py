"""`python -m mcpfuzz`."""

from mcpfuzz.cli import main

if __name__ == "__main__":
    main()
