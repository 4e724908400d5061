"""`python -m cosmo_pl` is `cosmo-pl`."""

from cosmo_pl.cli import main

if __name__ == "__main__":
    main()
