"""`python -m sparring`."""

from sparring.start import main

if __name__ == "__main__":  # a process that another one spawns imports this module too
    main()
