"""k-anonymity and its successors: from a policy to a recoding in which nobody stands out."""
