"""`python -m sparring`."""

from sparring.start import main

main()
