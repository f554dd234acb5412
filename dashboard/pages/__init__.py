"""The pages, each with its layout and its callbacks."""
