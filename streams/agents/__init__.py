"""One module an agent: take a batch, decide, write in one transaction, acknowledge."""
