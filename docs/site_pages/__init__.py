"""What makes the site: pages that are generated from the package, and checks of what was built."""
