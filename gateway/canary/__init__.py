"""A made-up person sent through real plans, to see whether a value that is hidden comes out."""
