"""What the README's figures come from: `python -m benchmarks` prints tables, compared within one run."""
