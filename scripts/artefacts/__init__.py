"""What `scripts/package.py` is made of: wheels, the Lambda's zips, and how they are tried."""
