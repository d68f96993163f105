"""The probes of `maskwright evaluate`, one file each; `workflows/probes.py` lists them."""
