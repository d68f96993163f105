"""`python -m maskwright` is the command `maskwright`."""

from maskwright.cli.main import console_main

console_main()
