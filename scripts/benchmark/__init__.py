"""What the service costs (`scripts/bench`), measured on real mongods of its own, and printed as tables.

`report.py` has the tables and figures, `kept_runs.py` compares those of two runs, `servers.py` starts what is measured,
`load.py` has the orders that are sent, `processes.py` what processes use. Each other module is a part, or what a part
needs; `__main__.py` lists the parts.
"""
