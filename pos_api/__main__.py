"""`python -m pos_api` is `pos-api`."""

from pos_api.cli import main

main(prog_name="pos-api")
