"""Words for the numbers of environments of other libraries: tables in TOML, and the environments that speak by them."""
