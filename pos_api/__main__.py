"""`python -m pos_api` is `pos-api`."""

from .cli import main

main(prog_name="pos-api")
